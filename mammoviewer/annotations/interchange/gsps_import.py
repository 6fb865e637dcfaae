"""The graphics of presentation states of any maker as findings; a text at a graphic names it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interchange.dicom_parts import reader_name
from mammoviewer.annotations.interchange.graphics import line_of, regions_of
from mammoviewer.annotations.interchange.gsps import TEXT_PLACE
from mammoviewer.annotations.interchange.transfer import Imported, Losses
from mammoviewer.annotations.roi import MEASURES, Roi, RoiKind
from mammoviewer.base.errors import InputError
from mammoviewer.dicom import elements
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.records import Target, from_corner
from mammoviewer.dicom.companions.references import read_targets, series_targets
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.header import quiet_parsing, read_header

_TOLERANCE_PX = 0.01


def read_gsps(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return what is drawn on ``images``: closed lines, ellipses and points as findings, two points as a distance.

    A text that stands at the upper right corner of a graphic, where this program puts it, becomes its class; every
    other text is a text of its own. What is given in fractions of the display is left out.

    Raises
    ------
    InputError
        The file cannot be read, or nothing is drawn in it.
    """
    with quiet_parsing():
        dataset = read_header(path).dataset
    annotations = elements.sequence(dataset, "GraphicAnnotationSequence")
    if not annotations:
        raise InputError("nothing is drawn in the presentation state", path=path)
    losses: Losses = Counter()
    by_uid = {image.SOPInstanceUID: image for image in images if image.SOPInstanceUID}
    everywhere = series_targets(dataset)
    reader = reader_name(elements.text(dataset, "ContentCreatorName"))
    findings: list[Finding] = []
    for annotation in annotations:
        drawn = _drawn(annotation, losses)
        places = list(_places(read_targets(annotation) or everywhere, by_uid))
        if drawn and not places:
            losses["graphics on images or frames that are not open"] += len(drawn)
        for image, frame in places:
            findings += [_finding(image, frame, roi, text, reader) for roi, text in drawn]
    return Imported(_with_ids(findings, elements.text(dataset, "SOPInstanceUID")), losses)


def _places(targets: Sequence[Target], by_uid: dict[str, ImageAttributes]) -> Iterator[tuple[ImageAttributes, int]]:
    for target in targets:
        image = by_uid.get(target.SOPInstanceUID)
        if image is not None:
            for frame in target.frames or range(image.frames):
                if frame < image.frames:
                    yield image, image.frame_of_file(frame)


def _drawn(annotation: Dataset, losses: Losses) -> list[tuple[Roi, str]]:
    """Return regions and texts, each region with the text that stands at it."""
    rois: list[Roi] = []
    for graphic in elements.sequence(annotation, "GraphicObjectSequence"):
        if elements.text(graphic, "GraphicAnnotationUnits").upper() != "PIXEL":
            losses["graphics in fractions of the display"] += 1
            continue
        line = line_of(graphic)
        found = (Roi(RoiKind.DISTANCE if len(line) == 2 else RoiKind.ANGLE, line),) if line else regions_of(graphic)
        if not found:
            losses["graphics that are no region, distance or angle"] += 1
        rois += found
    rois = _arrows(rois)
    texts = [place for item in elements.sequence(annotation, "TextObjectSequence") if (place := _text(item, losses))]
    drawn = []
    for roi in sorted(rois, key=lambda roi: roi.kind in (RoiKind.DISTANCE, RoiKind.ANGLE)):
        top, _, _, right = roi.bounding_box()
        at = next((t for t in texts if np.allclose(t[0], (top, right + TEXT_PLACE), atol=_TOLERANCE_PX)), None)
        if at is not None:
            texts.remove(at)
        drawn.append((roi, at[1] if at is not None else ""))
    return [*drawn, *((Roi(RoiKind.TEXT, (place,)), text) for place, text in texts)]


def _arrows(rois: list[Roi]) -> list[Roi]:
    """Return the regions with a line and the head at its first point, as this program draws them, as one arrow."""
    kept: list[Roi] = []
    for roi in rois:
        before = kept[-1] if kept else None
        if (
            before is not None
            and before.kind is RoiKind.DISTANCE
            and roi.kind is RoiKind.ANGLE
            and np.allclose(roi.points[1], before.points[0], atol=1e-3)
        ):
            kept[-1] = Roi(RoiKind.ARROW, before.points)
        else:
            kept.append(roi)
    return kept


def _text(item: Dataset, losses: Losses) -> tuple[tuple[float, float], str] | None:
    for keyword, units in (
        ("AnchorPoint", "AnchorPointAnnotationUnits"),
        ("BoundingBoxTopLeftHandCorner", "BoundingBoxAnnotationUnits"),
    ):
        values = [value for value in elements.numbers(item, keyword) if value is not None]
        if len(values) == 2 and elements.text(item, units).upper() == "PIXEL":
            words = str(elements.value(item, "UnformattedTextValue") or "").replace("\r\n", "\n").strip()
            return (from_corner(values[0], values[1]), words) if words else None
    losses["texts in fractions of the display"] += 1
    return None


def _finding(image: ImageAttributes, frame: int, roi: Roi, text: str, reader: str) -> Finding:
    if roi.kind in (RoiKind.TEXT, RoiKind.ARROW):
        return new_finding(image.identity, frame, roi, "", note=text, reader=reader)
    # What stands at a measure is its length or angle, which the program makes anew.
    return new_finding(image.identity, frame, roi, "" if roi.kind in MEASURES else text, reader=reader)


def _with_ids(findings: Sequence[Finding], uid: str) -> tuple[Finding, ...]:
    """Return the findings with ids that are the same at every import of the object."""
    return tuple(
        replace(finding, id=uuid.uuid5(uuid.NAMESPACE_OID, f"{uid} {number}").hex)
        for number, finding in enumerate(findings)
    )
