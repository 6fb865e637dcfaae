"""COCO files of any maker as findings: polygons, boxes, and masks as run lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interchange.boxes import Box
from mammoviewer.annotations.interchange.coco import UNLABELLED
from mammoviewer.annotations.interchange.corner_outlines import region_of
from mammoviewer.annotations.interchange.mask_regions import mask_regions
from mammoviewer.annotations.interchange.named_images import find_frame, find_image
from mammoviewer.annotations.interchange.rle import mask_of
from mammoviewer.annotations.interchange.side_facts import with_facts
from mammoviewer.annotations.interchange.transfer import Imported, Losses
from mammoviewer.annotations.roi import Roi
from mammoviewer.base.errors import AnnotationError
from mammoviewer.dicom.attributes import ImageAttributes


def read_coco(path: Path, document: Mapping[str, Any], images: Sequence[ImageAttributes]) -> Imported:
    """Return the findings of a COCO document on ``images``, which it names by ``image_uid`` or by file name.

    Raises
    ------
    AnnotationError
        If the document is not as COCO has it; the text names the place.
    """
    losses: Losses = Counter()
    try:
        places = {record["id"]: _place(record, images) for record in document["images"]}
        names = {record["id"]: str(record["name"]) for record in document.get("categories", ())}
        records = list(document["annotations"])
    except (KeyError, TypeError) as error:
        raise AnnotationError(f"is not as COCO files are: {error}", path=path) from error
    findings: list[Finding] = []
    for index, record in enumerate(records):
        try:
            place = places[record["image_id"]]
            if place is None:
                losses["annotations of images that are not open"] += 1
                continue
            image, frame = place
            rois = _regions(record, losses)
            label = names.get(record.get("category_id"), "")
            made = [new_finding(image.identity, frame, roi, "" if label == UNLABELLED else label) for roi in rois]
            findings += [_described(found, record, number) for number, found in enumerate(made)]
        except (KeyError, TypeError, ValueError, AnnotationError) as error:
            reason = error.reason if isinstance(error, AnnotationError) else f"{type(error).__name__} {error}"
            raise AnnotationError(f"annotations[{index}]: {reason}", path=path) from error
    return Imported(tuple(findings), losses)


def _place(record: Mapping[str, Any], images: Sequence[ImageAttributes]) -> tuple[ImageAttributes, int] | None:
    name = str(record.get("file_name", ""))
    image = find_image(images, identity=str(record.get("image_uid", "")), name=name)
    if image is None:
        return find_frame(images, name)
    frame = record.get("frame_index", 0)
    return (image, image.frame_of_file(frame)) if isinstance(frame, int) and 0 <= frame < image.frames else None


def _regions(record: Mapping[str, Any], losses: Losses) -> tuple[Roi, ...]:
    outline = record.get("segmentation")
    kind = str((record.get("attributes") or {}).get("kind", ""))
    if isinstance(outline, Mapping):
        own = bool((record.get("attributes") or {}).get("finding_id"))
        return mask_regions(mask_of(outline["size"], outline["counts"]), whole=own)
    found = [region_of(list(zip(ring[::2], ring[1::2], strict=True)), kind) for ring in outline or ()]
    rois = tuple(roi for roi in found if roi is not None)
    if rois or not record.get("bbox"):
        if not rois:
            losses["annotations without a shape"] += 1
        return rois
    left, top, width, height = (float(value) for value in record["bbox"])
    return (Box(left, top, left + width, top + height).roi(),)


def _described(finding: Finding, record: Mapping[str, Any], number: int) -> Finding:
    """Return the finding with what this program wrote beside it; of several parts the first has its id."""
    facts = dict(record.get("attributes") or {})
    facts.setdefault("score", record.get("score"))
    if number:
        facts.pop("finding_id", None)
    return with_facts(finding, facts)
