"""Boxes of regions as other programs count them: from the outer corner of the first pixel, x right and y down."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.transfer import Losses
from mammoviewer.annotations.roi import Roi, RoiKind


@dataclass(frozen=True)
class Box:
    """A box by its edges, in pixels from the corner of the first one."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """The distance of left and right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """The distance of top and bottom."""
        return self.bottom - self.top

    def within(self, shape: tuple[int, int]) -> Box | None:
        """Return the part inside an image of (rows, columns), None where there is none."""
        left, top = max(0.0, self.left), max(0.0, self.top)
        right, bottom = min(float(shape[1]), self.right), min(float(shape[0]), self.bottom)
        return Box(left, top, right, bottom) if left < right and top < bottom else None

    def turned(self, shape: tuple[int, int]) -> Box:
        """Return the box in the image turned by 180 degrees."""
        return Box(shape[1] - self.right, shape[0] - self.bottom, shape[1] - self.left, shape[0] - self.top)

    def roi(self) -> Roi:
        """Return the box as a rectangle."""
        return Roi(RoiKind.RECTANGLE, ((self.top - 0.5, self.left - 0.5), (self.bottom - 0.5, self.right - 0.5)))


def box_of(roi: Roi) -> Box:
    """Return the box of a region; of a point and of what has no extent, the pixel that it lies in."""
    top, left, bottom, right = roi.bounding_box()
    if top == bottom or left == right:
        row, column = (math.floor(value + 0.5) for value in roi.centre)
        return Box(column, row, column + 1, row + 1)
    return Box(left + 0.5, top + 0.5, right + 0.5, bottom + 0.5)


def boxes_inside(
    findings: Iterable[tuple[Finding, tuple[int, int]]], losses: Losses, form: str
) -> list[tuple[Finding, Box]]:
    """Return each finding, given with the shape of its image, with its box; what that does not tell is counted."""
    kept = []
    for finding, shape in findings:
        whole = box_of(finding.roi)
        box = whole.within(shape)
        if box is None:
            losses["findings outside of their image"] += 1
            continue
        if box != whole:
            losses["boxes cut at the edge of the image"] += 1
        if finding.roi.kind is not RoiKind.RECTANGLE:
            losses[f"{finding.roi.kind.value} regions, of which {form} holds the box"] += 1
        kept.append((finding, box))
    return kept
