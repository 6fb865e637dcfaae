"""Findings and measures as a Grayscale Softcopy Presentation State (PS3.3 A.33.1): drawn, turned and windowed.

Graphics are in PIXEL units, which count in the stored image whichever way it is turned for display (PS3.3 C.10.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.dicom_parts import (
    header_errors,
    item,
    new_object,
    person_name,
    reference,
    require_object,
    save,
)
from mammoviewer.annotations.interchange.graphics import graphic_of
from mammoviewer.annotations.interchange.seg_source import read_source_header
from mammoviewer.annotations.interchange.transfer import DESCRIPTION, Losses, count_unsaid, placed
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Voi, VoiLut, Window

FORM = "a presentation state"
SOP_CLASS = "1.2.840.10008.5.1.4.1.1.11.1"
LAYER = "FINDINGS"
_COLOUR = 0xFFFF
TEXT_PLACE = 1.0
"""How far a text lies from what it names, in pixels."""


@dataclass(frozen=True)
class Shown:
    """How the image is shown beneath the graphics: its grey transform and how it is turned and flipped."""

    voi: Voi | None = None
    orientation: Orientation = Orientation()
    inverted: bool = False


def write_gsps(
    path: Path,
    findings: Iterable[Finding],
    image: ImageAttributes,
    shown: Shown,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> Losses:
    """Write everything drawn on an image; return what the format does not hold.

    Parameters
    ----------
    texts
        What is written at a finding, by its id; by default the class, or the note of arrows and texts.

    Raises
    ------
    ExportError
        If the image is no DICOM object, there is nothing to draw, or the file cannot be written.
    """
    require_object(image)
    losses: Losses = Losses()
    kept = [finding for finding, _ in placed(findings, [image], losses)]
    if not kept:
        raise ExportError("there is nothing that a presentation state can show", path=image.path)
    count_unsaid(kept, losses, FORM, "assessment", "score", *DESCRIPTION)
    count_unsaid([f for f in kept if f.note and _words(f, texts) != f.note], losses, FORM, "note")
    source = read_source_header(image)
    with header_errors(image, "presentation state"):
        made = _object(kept, texts, image, source, shown)
    save(path, made)
    return losses


def _words(finding: Finding, words: Mapping[str, str]) -> str:
    own = finding.note if finding.roi.kind in (RoiKind.ARROW, RoiKind.TEXT) else finding.label
    return words.get(finding.id, own)


def _object(
    findings: Sequence[Finding], words: Mapping[str, str], image: ImageAttributes, source: Any, shown: Shown
) -> Any:
    made = new_object(source, SOP_CLASS, "PR", series=9004, description="Findings as drawn")
    now = datetime.now().astimezone()
    made.PresentationCreationDate, made.PresentationCreationTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.ContentLabel, made.ContentDescription = LAYER, "Findings, not for diagnosis"
    readers = {finding.reader for finding in findings if finding.reader}
    made.ContentCreatorName = person_name(readers.pop()) if len(readers) == 1 else ""
    if image.view.laterality:
        made.Laterality = image.view.laterality
    made.ReferencedSeriesSequence = [
        item(SeriesInstanceUID=source.SeriesInstanceUID, ReferencedImageSequence=[reference(source)])
    ]
    made.DisplayedAreaSelectionSequence = [_area(image, source, shown.orientation)]
    made.ImageHorizontalFlip, made.ImageRotation = _turned(shown.orientation)
    if shown.voi is not None:
        made.SoftcopyVOILUTSequence = [_voi(shown.voi)]
    made.PresentationLUTShape = "INVERSE" if image.inverse != shown.inverted else "IDENTITY"
    made.GraphicLayerSequence = [
        item(GraphicLayer=LAYER, GraphicLayerOrder=1, GraphicLayerRecommendedDisplayGrayscaleValue=_COLOUR)
    ]
    frames = sorted({finding.frame for finding in findings})
    made.GraphicAnnotationSequence = [
        _annotation([f for f in findings if f.frame == frame], words, image, source) for frame in frames
    ]
    return made


def _annotation(findings: Sequence[Finding], words: Mapping[str, str], image: ImageAttributes, source: Any) -> Any:
    """Return what is drawn on one frame."""
    number = image.file_frame(findings[0].frame) + 1 if image.frames > 1 else None
    made = item(ReferencedImageSequence=[reference(source, number)], GraphicLayer=LAYER)
    graphics = [part for finding in findings for part in _graphics(finding)]
    texts = [_text(finding, text) for finding in findings if (text := _words(finding, words))]
    if graphics:
        made.GraphicObjectSequence = graphics
    if texts:
        made.TextObjectSequence = texts
    return made


def _graphics(finding: Finding) -> list[Any]:
    if finding.roi.kind is RoiKind.TEXT:
        return []
    graphic = graphic_of(finding.roi)
    made = [_graphic(graphic.kind, graphic.data)]
    if finding.roi.kind is RoiKind.ARROW:
        made.append(_graphic("POLYLINE", _head(graphic.data)))
    return made


def _head(shaft: Any) -> Any:
    """Return the head of an arrow whose tip is the first point."""
    tip, end = shaft
    along = end - tip
    length = float(np.hypot(*along)) or 1.0
    along = along / length * min(10.0, length / 3)
    across = np.array([-along[1], along[0]]) / 2
    return np.array([tip + along + across, tip, tip + along - across])


def _graphic(kind: str, data: Any) -> Any:
    made = item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data),
        GraphicData=[float(value) for value in data.ravel()],
        GraphicType=kind,
    )
    if kind == "ELLIPSE" or (kind == "POLYLINE" and len(data) > 3):
        made.GraphicFilled = "N"
    return made


def _text(finding: Finding, text: str) -> Any:
    """Return a text beside what it names, which it is anchored to."""
    top, left, _, right = finding.roi.bounding_box()
    at = [left + 0.5, top + 0.5] if finding.roi.kind is RoiKind.TEXT else [right + 0.5 + TEXT_PLACE, top + 0.5]
    return item(
        AnchorPointAnnotationUnits="PIXEL",
        UnformattedTextValue=text.replace("\n", "\r\n")[:1024],
        AnchorPoint=at,
        AnchorPointVisibility="N",
    )


def _area(image: ImageAttributes, source: Any, orientation: Orientation) -> Any:
    """Return the whole image as the displayed area; its corners are those of the picture after turning."""
    rows, columns = orientation.display_shape(image.shape)
    ends = orientation.to_stored(np.array([(0.0, 0.0), (rows - 1.0, columns - 1.0)]), image.shape) + 1
    (top, left), (bottom, right) = (tuple(round(value) for value in end) for end in ends)
    made = item(
        DisplayedAreaTopLeftHandCorner=[left, top],
        DisplayedAreaBottomRightHandCorner=[right, bottom],
        PresentationSizeMode="SCALE TO FIT",
    )
    spacing = image.pixel_spacing
    if spacing is not None:
        made.PresentationPixelSpacing = [round(spacing.row_mm, 8), round(spacing.column_mm, 8)]
    else:
        made.PresentationPixelAspectRatio = [1, 1]
    return made


def _turned(orientation: Orientation) -> tuple[str, int]:
    """Return flip and clockwise turn: PS3.3 C.10.6 turns first and flips left to right then."""
    for flip in ("N", "Y"):
        for quarter in range(4):
            turned = Orientation().rotated(quarter)
            if (turned.flipped_horizontally() if flip == "Y" else turned) == orientation:
                return flip, 90 * quarter
    raise ExportError("the image cannot be turned so")  # pragma: no cover - these are all eight


def _voi(voi: Voi) -> Any:
    if isinstance(voi, Window):
        made = item(WindowCenter=f"{voi.center:.10g}", WindowWidth=f"{voi.width:.10g}")
        if voi.function != "LINEAR":
            made.VOILUTFunction = str(voi.function)
        return made
    lut: VoiLut = voi
    entry = item(LUTExplanation=(lut.explanation or "VOI LUT")[:64])
    entry.add_new(
        0x00283002, "US" if lut.first_mapped >= 0 else "SS", [lut.data.size % 65536, lut.first_mapped, lut.bits]
    )
    entry.add_new(0x00283006, "OW", lut.data.astype("<u2").tobytes())
    return item(VOILUTSequence=[entry])
