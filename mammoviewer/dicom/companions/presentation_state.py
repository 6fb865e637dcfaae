"""Softcopy presentation states (PS3.3 A.33): windows, annotations, shutters, turning and the displayed area."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoviewer.base.notices import Notice
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.content import shapes
from mammoviewer.dicom.companions.records import Mark, MarkShape, Point, Presentation, Target, from_corner, from_pixel
from mammoviewer.dicom.companions.references import read_targets
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.voi_elements import read_vois
from mammoviewer.imaging.geometry import Orientation


def read_presentations(
    dataset: Dataset, targets: tuple[Target, ...], notices: list[Notice]
) -> tuple[Presentation, ...]:
    """Return what the state sets, one record for each setting and group of images."""
    found = []
    # A Modality LUT of the state that leads below 0 tells of values with a sign; otherwise nothing does.
    below_zero = (elements.number(dataset, "RescaleIntercept") or 0.0) < 0
    for item in elements.sequence(dataset, "SoftcopyVOILUTSequence"):
        vois = read_vois(item, signed=True if below_zero else None, notices=notices)
        if vois:
            found.append(Presentation(read_targets(item) or targets, voi=vois[0]))
    for item in elements.sequence(dataset, "DisplayedAreaSelectionSequence"):
        area = _area(item)
        if area is not None:
            ratio = elements.number(item, "PresentationPixelMagnificationRatio") or 0.0
            found.append(Presentation(read_targets(item) or targets, area=area, magnification=max(0.0, ratio)))
    orientation = read_orientation(dataset)
    if orientation is not None:
        found.append(Presentation(targets, orientation=orientation))
    return tuple(found)


def read_orientation(dataset: Dataset) -> Orientation | None:
    """Return the Spatial Transformation (PS3.3 C.10.6): turned clockwise, then flipped; None when there is none."""
    degrees = elements.integer(dataset, "ImageRotation")
    flip = elements.text(dataset, "ImageHorizontalFlip").upper()
    if degrees is None and not flip:
        return None
    turned = Orientation().rotated(round((degrees or 0) / 90))
    return turned.flipped_horizontally() if flip == "Y" else turned


def read_inverse(dataset: Dataset) -> bool | None:
    """Return whether low values are white: the Presentation LUT stands in for the image's polarity (PS3.3 C.11.6)."""
    shape = elements.text(dataset, "PresentationLUTShape").upper()
    return shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else None


def _area(item: Dataset) -> tuple[Point, Point] | None:
    """Return the first and the last pixel shown; the corners are of the picture after turning (PS3.3 C.10.4)."""
    first = elements.numbers(item, "DisplayedAreaTopLeftHandCorner")
    last = elements.numbers(item, "DisplayedAreaBottomRightHandCorner")
    values = [value for value in (*first, *last) if value is not None]
    if len(values) != 4:
        return None
    return from_pixel(values[0], values[1]), from_pixel(values[2], values[3])


def read_marks(
    dataset: Dataset, targets: tuple[Target, ...], presentations: Sequence[Presentation]
) -> tuple[Mark, ...]:
    """Return the graphic and text annotations (PS3.3 C.10.5)."""
    turned = read_orientation(dataset) or Orientation()
    marks: list[Mark] = []
    for item in elements.sequence(dataset, "GraphicAnnotationSequence"):
        places = read_targets(item) or targets
        frame = _Display(turned, _area_of(places, presentations))
        for graphic in elements.sequence(item, "GraphicObjectSequence"):
            marks += _graphic(graphic, places, frame)
        for text in elements.sequence(item, "TextObjectSequence"):
            marks += _text(text, places, frame)
    return tuple(marks)


def _area_of(places: tuple[Target, ...], presentations: Sequence[Presentation]) -> tuple[Point, Point] | None:
    uids = {target.SOPInstanceUID for target in places}
    return next(
        (
            shown.area
            for shown in presentations
            if shown.area is not None and uids & {target.SOPInstanceUID for target in shown.targets}
        ),
        None,
    )


class _Display:
    """Turns fractions of the displayed area (DISPLAY units) and PIXEL units into stored places."""

    def __init__(self, orientation: Orientation, area: tuple[Point, Point] | None) -> None:
        linear = np.linalg.inv(orientation.matrix((1, 1))[:2, :2])
        self._down, self._right = linear[:, 0], linear[:, 1]
        self._area = area

    def points(self, values: Sequence[float], units: str) -> tuple[Point, ...]:
        """Return the stored places of (column, row) pairs; none where the displayed area is not known."""
        pairs = list(zip(values[::2], values[1::2], strict=False))
        if units != "DISPLAY":
            return tuple(from_corner(column, row) for column, row in pairs)
        return tuple(point for x, y in pairs if (point := self._shown(x, y)) is not None)

    def _shown(self, x: float, y: float) -> Point | None:
        if self._area is None:
            return None
        half = 0.5 * (self._down + self._right)
        first, last = np.array(self._area[0]) - half, np.array(self._area[1]) + half
        whole = last - first
        row, column = first + x * (whole @ self._right) * self._right + y * (whole @ self._down) * self._down
        return float(row), float(column)


def _graphic(item: Dataset, places: tuple[Target, ...], frame: _Display) -> list[Mark]:
    points = frame.points(_numbers(item, "GraphicData"), _units(item, "GraphicAnnotationUnits"))
    filled = elements.text(item, "GraphicFilled").upper() == "Y"
    kind = elements.text(item, "GraphicType").upper()
    return [Mark(places, shape, found, filled=filled) for shape, found in shapes(kind, points)]


def _text(item: Dataset, places: tuple[Target, ...], frame: _Display) -> list[Mark]:
    words = _words(item)
    corner = frame.points(_numbers(item, "BoundingBoxTopLeftHandCorner"), _units(item, "BoundingBoxAnnotationUnits"))[
        :1
    ]
    anchor = frame.points(_numbers(item, "AnchorPoint"), _units(item, "AnchorPointAnnotationUnits"))[:1]
    if not words or not (corner or anchor):
        return []
    marks = [Mark(places, MarkShape.TEXT, corner or anchor, words)]
    if corner and anchor and elements.text(item, "AnchorPointVisibility").upper() == "Y":
        marks.append(Mark(places, MarkShape.LINE, (*anchor, *corner)))
    return marks


def _words(item: Dataset) -> str:
    """Return the text of an annotation with its lines kept apart; control characters are left out."""
    value = elements.value(item, "UnformattedTextValue")
    lines = str(value or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cleaned = ("".join(character for character in line if character.isprintable()).strip() for line in lines)
    return "\n".join(line for line in cleaned if line)


def _numbers(item: Dataset, keyword: str) -> list[float]:
    found = elements.numbers(item, keyword)
    return [] if None in found else [value for value in found if value is not None]


def _units(item: Dataset, keyword: str) -> str:
    return elements.text(item, keyword).upper()
