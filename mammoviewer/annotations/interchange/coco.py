"""Findings as a COCO file for training elsewhere.

COCO measures x to the right and y down from the outer *corner* of the first pixel, so that pixel (0, 0) fills the
square from 0 to 1 and a pixel's centre lies at .5. Each frame is an image of its own with its ``frame_index``, counted
from 0 in the file's order. Pixels are as stored in the file, before any flip for display; ``transform`` maps
(column, row, 1) of this program to (x, y).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.annotations import _outline
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.json_document import write_document
from mammoviewer.annotations.interchange.rle import run_lengths
from mammoviewer.annotations.interchange.side_facts import facts_of
from mammoviewer.annotations.interchange.transfer import Losses, without_measures
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import ImageAttributes

UNLABELLED = "unlabelled"
ELLIPSE_VERTICES = 64
_TRANSFORM = [[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]


def write_coco(
    path: Path, findings: Iterable[Finding], images: Sequence[ImageAttributes], *, masks: bool = False
) -> Losses:
    """Write the findings of ``images`` as COCO instances and return what is not said; regions are cut at the edges.

    Measures, arrows and texts are left out: they are no instances of a class.

    Points and regions without area become the square of the pixel they lie in. With ``masks`` regions are run lengths
    of their pixels instead of polygons.

    Raises
    ------
    ExportError
        If a finding belongs to none of the images or lies outside of its image, or the file cannot be written.
    """
    losses: Losses = Counter()
    findings = without_measures(findings, losses, "COCO")
    entries = [_image_entry(image, frame) for image in images for frame in range(image.frames)]
    keys = [(image.identity, frame) for image in images for frame in range(image.frames)]
    frames = dict(zip(keys, entries, strict=True))
    for number, entry in enumerate(entries, start=1):
        entry["id"] = number
    names = sorted({finding.label or UNLABELLED for finding in findings})
    categories = {name: number for number, name in enumerate(names, start=1)}
    annotations = []
    for number, finding in enumerate(findings, start=1):
        target = frames.get((finding.image_uid, finding.frame))
        if target is None:
            raise ExportError(f"finding {number} belongs to no frame of the exported images", path=path)
        annotation = _annotation(finding, target["height"], target["width"], masks=masks)
        if annotation is None:
            raise ExportError(f"finding {number} lies outside of its image", hint="move or delete it", path=path)
        if finding.roi.area_px == 0.0:
            losses["points and flat regions, which become the pixel that they lie in"] += 1
        category = categories[finding.label or UNLABELLED]
        annotations.append({"id": number, "image_id": target["id"], "category_id": category, **annotation})
    document = {
        "info": {"description": "Findings marked in MammoViewer; research use only", "version": "1"},
        "licenses": [],
        "images": entries,
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
    }
    write_document(path, document)
    return losses


def _image_entry(image: ImageAttributes, frame: int) -> dict[str, Any]:
    return {
        "id": 0,
        "file_name": image.path.name,
        "frame_index": image.file_frame(frame),
        "width": image.columns,
        "height": image.rows,
        "image_uid": image.identity,
        "transform": _TRANSFORM,
    }


def _annotation(finding: Finding, rows: int, columns: int, *, masks: bool) -> dict[str, Any] | None:
    """Return geometry and facts of one finding, None where nothing of it lies inside the image."""
    corners = _outline.clip_to_box(_corner_outline(finding), float(rows), float(columns))
    if len(corners) < 3 or abs(_outline.signed_area(corners)) <= 0.0:
        return None
    y, x = corners.T
    box = [x.min(), y.min(), np.ptp(x), np.ptp(y)]
    outline = [[float(value) for value in np.stack([x, y], axis=1).ravel()]]
    return {
        "segmentation": _runs(finding, rows, columns) if masks else outline,
        "bbox": [float(value) for value in box],
        "area": float(abs(_outline.signed_area(corners))),
        "iscrowd": 0,
        "attributes": facts_of(finding),
    }


def _runs(finding: Finding, rows: int, columns: int) -> dict[str, Any]:
    roi = finding.roi if finding.roi.area_px else Roi(RoiKind.POINT, (finding.roi.centre,))
    return {"size": [rows, columns], "counts": run_lengths(roi.mask((rows, columns)))}


def _corner_outline(finding: Finding) -> DoubleArray:
    """Return the outline as (N, 2) rows and columns that count from the corner of the first pixel."""
    if finding.roi.kind is RoiKind.POINT or finding.roi.area_px == 0.0:
        row, column = np.floor(np.array(finding.roi.centre) + 0.5)
        return np.array([(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)])
    return finding.roi.outline(ELLIPSE_VERTICES) + 0.5
