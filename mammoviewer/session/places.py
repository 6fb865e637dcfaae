"""The same place of a breast in another image: by distance from the chest wall and height beside the nipple, in mm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.viewer_state import ViewerState

Point = tuple[float, float]


def chest_side(attributes: ImageAttributes, orientation: Orientation) -> str:
    """Return on which side of the screen the chest wall is: ``left``, ``right`` or empty when that is not known.

    Hung by IHE (RAD TF-2 4.16.4.2.2.1.1.2) a right breast has it on the right; what the reader turned since moves it.
    An image that does not tell its directions hangs by IHE as the reader turns it.
    """
    laterality = attributes.view.laterality
    if laterality not in {"R", "L"}:
        return ""
    if attributes.unoriented:
        return "right" if laterality == "R" else "left"
    rows, columns = attributes.orientation.display_shape(attributes.shape)
    hung = np.array([((rows - 1) / 2.0, columns - 1.0 if laterality == "R" else 0.0)])
    stored = attributes.orientation.to_stored(hung, attributes.shape)
    row, column = orientation.to_display(stored, attributes.shape)[0]
    shown_rows, shown_columns = orientation.display_shape(attributes.shape)
    if 0.0 < row < shown_rows - 1.0:
        return "left" if column < shown_columns / 2.0 else "right"
    return ""


@dataclass(frozen=True)
class Anatomy:
    """An image as it is hung, measured from the chest wall: what makes places of two images comparable.

    Attributes
    ----------
    attributes, orientation
        The image and how it is displayed.
    nipple
        Its nipple in stored (row, column), None where it is not known.
    """

    attributes: ImageAttributes
    orientation: Orientation
    nipple: Point | None = None

    @property
    def pixel_mm(self) -> Point:
        """Return the size of a displayed pixel (down, across); 1 where the image brings none."""
        spacing = self.attributes.pixel_spacing
        if spacing is None:
            return 1.0, 1.0
        across, down = (spacing.row_mm, spacing.column_mm)[:: 1 if self.orientation.transpose else -1]
        return down, across

    def measured(self, point: Point, *, by_nipple: bool) -> Point:
        """Return (height below the nipple or the middle, distance from the chest wall) in mm of a stored point."""
        row, column = self._displayed(point)
        rows, columns = self.orientation.display_shape(self.attributes.shape)
        middle = self._displayed(self.nipple)[0] if by_nipple and self.nipple is not None else (rows - 1) / 2.0
        down, across = self.pixel_mm
        depth = columns - 0.5 - column if self._chest_on_right else column + 0.5
        return (row - middle) * down, depth * across

    def stored(self, measured: Point, *, by_nipple: bool) -> Point:
        """Return the stored point of a measured one; the inverse of :meth:`measured`."""
        rows, columns = self.orientation.display_shape(self.attributes.shape)
        middle = self._displayed(self.nipple)[0] if by_nipple and self.nipple is not None else (rows - 1) / 2.0
        down, across = self.pixel_mm
        depth = measured[1] / across
        column = columns - 0.5 - depth if self._chest_on_right else depth - 0.5
        place = np.array([(measured[0] / down + middle, column)])
        row, column = self.orientation.to_stored(place, self.attributes.shape)[0]
        return float(row), float(column)

    @property
    def _chest_on_right(self) -> bool:
        return chest_side(self.attributes, self.orientation) == "right"

    def _displayed(self, point: Point) -> Point:
        row, column = self.orientation.to_display(np.array([point]), self.attributes.shape)[0]
        return float(row), float(column)


def anatomy(state: ViewerState, nipple: Point | None = None) -> Anatomy:
    """Return the anatomy of a view, which stays that of the hung image however the reader turns it.

    An image that does not tell its directions is taken to hang right as the reader has turned it.
    """
    attributes = state.image.attributes
    return Anatomy(attributes, state.orientation if attributes.unoriented else attributes.orientation, nipple)


def same_place(source: Anatomy, target: Anatomy, point: Point) -> Point:
    """Return the stored point of ``target`` that lies as ``point`` of ``source`` does; of the other breast, mirrored.

    Both are measured from their nipples where both are known, else from the middles of the pictures.
    """
    by_nipple = source.nipple is not None and target.nipple is not None
    return target.stored(source.measured(point, by_nipple=by_nipple), by_nipple=by_nipple)


@dataclass(frozen=True)
class NippleArc:
    """All places of an image as far from the nipple as a place in the other projection: centre and radius."""

    nipple: Point
    radius_mm: float


def nipple_arc(source: Anatomy, target: Anatomy, point: Point) -> NippleArc | None:
    """Return where a finding of one projection may lie in the other; None while a nipple or a pixel size is unknown.

    Distance from the nipple is what CC and MLO views have in common.
    """
    known = source.attributes.pixel_spacing is not None and target.attributes.pixel_spacing is not None
    if source.nipple is None or target.nipple is None or not known:
        return None
    down, across = (
        a - b
        for a, b in zip(
            source.measured(point, by_nipple=True), source.measured(source.nipple, by_nipple=True), strict=True
        )
    )
    return NippleArc(target.nipple, math.hypot(down, across))


def linked_mark(source: Anatomy, target: Anatomy, point: Point) -> Point | NippleArc | None:
    """Return what a cursor at ``point`` is in another image: a point in the same projection, an arc in another one.

    None where the two have nothing to compare: unknown views, or different projections of different breasts.
    """
    one, other = source.attributes.view, target.attributes.view
    if not one.position or not other.position:
        return None
    if one.position == other.position:
        return same_place(source, target, point)
    return nipple_arc(source, target, point) if one.laterality == other.laterality else None
