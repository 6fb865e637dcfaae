"""What keeps regions fit to be looked at: on the image, and with an area."""

from __future__ import annotations

from typing import Final

from mammoviewer.annotations.roi import LINES, Roi, RoiKind

LEAST_AREA_PX: Final = 1.0
"""A region smaller than a pixel holds nothing to measure or to learn from."""

LEAST_LENGTH_PX: Final = 0.5

Point = tuple[float, float]


def on_image(point: Point, shape: tuple[int, int]) -> Point:
    """Return a stored point moved onto an image of ``shape`` (rows, columns)."""
    return min(max(point[0], -0.5), shape[0] - 0.5), min(max(point[1], -0.5), shape[1] - 0.5)


def is_fit(roi: Roi) -> bool:
    """Return whether a region has an area, a line a length, or it is a place."""
    if roi.kind in LINES:
        top, left, bottom, right = roi.bounding_box()
        return max(bottom - top, right - left) >= LEAST_LENGTH_PX
    return roi.kind in {RoiKind.POINT, RoiKind.TEXT} or roi.area_px >= LEAST_AREA_PX


def moved_within(roi: Roi, rows: float, columns: float, shape: tuple[int, int]) -> Roi:
    """Return the region moved by (rows, columns), or as far as the image reaches.

    One that is partly beside the image already does not leave it any further.
    """
    top, left, bottom, right = roi.bounding_box()
    return roi.moved(_within(rows, top, bottom, shape[0]), _within(columns, left, right, shape[1]))


def _within(step: float, low: float, high: float, size: int) -> float:
    return min(max(step, min(0.0, -0.5 - low)), max(0.0, size - 0.5 - high))
