"""Strokes of the brush and the eraser, and what they make of a region."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mammoviewer.annotations.edits import AddFinding, Edit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.mask_outline import painted_mask, region_of_mask
from mammoviewer.annotations.roi import Point, Roi
from mammoviewer.base.arrays import ByteArray

Box = tuple[int, int, int, int]
"""First row and column, and those after the last."""


@dataclass(frozen=True)
class Stroke:
    """One drag of the brush.

    Parameters
    ----------
    points
        Where the mouse was, stored (row, column).
    width
        In pixels, at least 1.
    erase
        Whether it takes away.
    """

    points: tuple[Point, ...]
    width: int
    erase: bool = False

    def box(self, shape: tuple[int, int]) -> Box:
        """Return the pixels of an image of ``shape`` that it may touch."""
        places = np.round(np.array(self.points)).astype(np.int64)
        low, high = places.min(axis=0) - self.width, places.max(axis=0) + self.width + 1
        top, left, bottom, right = np.clip((*low, *high), 0, (*shape, *shape)).tolist()
        return top, left, bottom, right

    def stamp(self, mask: ByteArray, origin: tuple[int, int] = (0, 0)) -> None:
        """Set the pixels of a mask, a part of the image that begins at ``origin``, to 1, or to 0 to erase."""
        places = [(round(column) - origin[1], round(row) - origin[0]) for row, column in self.points]
        for start, end in zip(places[:-1] or places, places[1:] or places, strict=True):
            cv2.line(mask, start, end, 0 if self.erase else 1, thickness=self.width)


@dataclass(frozen=True)
class PendingStroke:
    """A stroke whose region is not made yet.

    Parameters
    ----------
    finding
        What it is painted on; as it is to be added, with any region, where it is ``new``.
    stroke
        The stroke.
    shape
        Rows and columns of the image.
    new
        Whether it begins a finding.
    """

    finding: Finding
    stroke: Stroke
    shape: tuple[int, int]
    new: bool = False

    def edit(self, current: Finding | None, roi: Roi | None) -> Edit | None:
        """Return the edit that it comes to, None where nothing changes.

        Parameters
        ----------
        current
            What it was painted on, as it is now; None where that is not there.
        roi
            What :func:`painted_on` made of the region of that.
        """
        if current is None:
            if not self.new or roi is None:
                return None
            return AddFinding(replace(self.finding, roi=roi), title=f"Add {roi.kind}")
        title = "Erase" if self.stroke.erase else "Paint"
        if roi is None:
            return RemoveFinding(current.id, title=title)
        return None if roi == current.roi else ReplaceFinding(current.edited(roi=roi), title=title)


def joined_boxes(one: Box, other: Box) -> Box:
    """Return the box that holds two."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def painted_on(roi: Roi | None, stroke: Stroke, shape: tuple[int, int]) -> Roi | None:
    """Return what a stroke makes of a region of an image of ``shape``, or of nothing; None where nothing is left.

    Raises
    ------
    AnnotationError
        If the outline is too long to be kept.
    """
    box = stroke.box(shape)
    if roi is None:
        mask: ByteArray = np.zeros((max(0, box[2] - box[0]), max(0, box[3] - box[1])), np.uint8)
    else:
        pixels, (row, column) = painted_mask(roi, shape)
        held = (row, column, row + pixels.shape[0], column + pixels.shape[1])
        # Also to erase: a line that is cut where the region ends is not drawn as the whole line is.
        box = joined_boxes(box, held)
        mask = np.zeros((box[2] - box[0], box[3] - box[1]), np.uint8)
        mask[row - box[0] : held[2] - box[0], column - box[1] : held[3] - box[1]] = pixels
    if not mask.size:
        return None
    stroke.stamp(mask, box[:2])
    return region_of_mask(mask.astype(bool), box[:2])
