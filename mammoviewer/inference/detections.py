"""The places a model points at: peaks or regions of a heatmap, or boxes that it gives itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.suppression import kept_boxes, overlaps

Box: TypeAlias = tuple[float, float, float, float]

MOST_MARKS = 20
"""Of one frame, or of one volume, so many places are told at most."""
MISSING_FRAMES = 1
"""So many slices without a mark may lie between two marks of one place."""
_EMPHASIS = 4
_TOUCH = 1e-3


@dataclass(frozen=True)
class Detection:
    """One place that a model points at.

    Parameters
    ----------
    row, column
        In stored pixels.
    frame
        0-based, where the score is highest.
    score
        Of the model, for ``class_name``.
    box
        The window or region (r0, c0, r1, c1) by its corner points.
    class_name
        What the model takes it for; empty where it was not told.
    slices
        The first and the last frame it is seen in; None for ``frame`` alone.
    """

    row: float
    column: float
    frame: int
    score: float
    box: Box
    class_name: str = ""
    slices: tuple[int, int] | None = None

    @property
    def first_frame(self) -> int:
        """Return the first frame it is seen in."""
        return self.frame if self.slices is None else self.slices[0]

    @property
    def last_frame(self) -> int:
        """Return the last frame it is seen in."""
        return self.frame if self.slices is None else self.slices[1]


def find_peaks(heatmap: Heatmap, *, threshold: float, limit: int = MOST_MARKS) -> tuple[Detection, ...]:
    """Return up to ``limit`` peaks with a value of at least ``threshold``, the highest first.

    Only cells whose own window ran count. Of two peaks less than a window apart in both directions the higher one
    stays (non-maximum suppression); of equal ones the upper left. A place is that of the windows around the peak that
    agree on it (see :func:`_refined`), not that of a cell; the score is the cell's.
    """
    candidates = np.isfinite(heatmap.scores) & np.isfinite(heatmap.values)
    rows, columns = np.nonzero(candidates & (np.nan_to_num(heatmap.values, nan=-np.inf) >= threshold))
    values = heatmap.values[rows, columns]
    order = np.argsort(-values, kind="stable")
    places = heatmap.cell_centres(rows, columns)
    kept: list[tuple[float, float]] = []
    found: list[Detection] = []
    for index in order.tolist():
        if len(found) == limit:
            break
        row, column = places[index].tolist()
        if not any(_overlap(*other, row, column, heatmap.patch_px) for other in kept):
            kept.append((row, column))
            place = _refined(heatmap, int(rows[index]), int(columns[index]))
            found.append(_detection(heatmap, *place, float(values[index])))
    return tuple(found)


def find_regions(heatmap: Heatmap, *, threshold: float, limit: int = MOST_MARKS) -> tuple[Detection, ...]:
    """Return up to ``limit`` connected regions of cells of at least ``threshold``, the highest first.

    Cells that touch, also at a corner, are one region; its box holds its cells, its place is their mean weighted by
    value, its score the largest of them. For maps that follow a lesion, where the window has no size to go by.
    """
    import cv2

    values = np.nan_to_num(heatmap.values, nan=-np.inf)
    inside = values >= threshold
    count, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=8)
    found = []
    half = (heatmap.step[0] / 2, heatmap.step[1] / 2)
    for number in range(1, count):
        rows, columns = np.nonzero(labels == number)
        centres = heatmap.cell_centres(rows, columns)
        weights = np.maximum(values[rows, columns].astype(np.float64), 1e-12)
        row, column = (centres * weights[:, np.newaxis]).sum(axis=0) / weights.sum()
        low, high = centres.min(axis=0) - half, centres.max(axis=0) + half
        box = _inside((low[0], low[1], high[0], high[1]), heatmap.shape)
        score = float(values[rows, columns].max())
        place = (_limited(float(row), heatmap.shape[0]), _limited(float(column), heatmap.shape[1]))
        found.append(Detection(*place, heatmap.frame, score, box, heatmap.class_name))
    return tuple(sorted(found, key=lambda one: -one.score)[:limit])


def detections_of_boxes(
    boxes: FloatArray,
    probabilities: FloatArray,
    classes: Sequence[str],
    *,
    frame: int,
    shape: tuple[int, int],
    threshold: float,
    overlap: float = 0.3,
    soft: bool = False,
    apart: float = 0.0,
    limit: int = MOST_MARKS,
) -> tuple[Detection, ...]:
    """Return what a detection model found on one frame, the highest first.

    Parameters
    ----------
    boxes
        (A, 4): first row, first column, last row, last column by corner points in stored pixels.
    probabilities
        (A, K) after the softmax; class 0 is background.
    classes
        The K names.
    shape
        (rows, columns) of the stored image, at whose edges boxes end.
    threshold, overlap, soft, apart
        As in :func:`mammoviewer.inference.suppression.kept_boxes`, within each class.
    """
    found: list[Detection] = []
    corners = np.asarray(boxes, dtype=np.float64)
    for index, name in enumerate(classes[1:], start=1):
        scores = np.asarray(probabilities[:, index], dtype=np.float64)
        worth = np.flatnonzero(scores >= threshold)
        kept, kept_scores = kept_boxes(
            corners[worth], scores[worth], overlap=overlap, threshold=threshold, soft=soft, apart=apart
        )
        for place, score in zip(worth[kept].tolist(), kept_scores.tolist(), strict=True):
            top, left, bottom, right = corners[place].tolist()
            box = _inside((top, left, bottom, right), shape)
            row, column = _limited((box[0] + box[2]) / 2, shape[0]), _limited((box[1] + box[3]) / 2, shape[1])
            found.append(Detection(row, column, frame, score, box, name))
    return tuple(sorted(found, key=lambda one: -one.score)[:limit])


def merged(
    sources: Sequence[Sequence[Detection]], *, overlap: float = 0.3, limit: int = MOST_MARKS
) -> tuple[Detection, ...]:
    """Return the marks of several sources on one frame as one list: within a class overlapping ones are told once."""
    every = [detection for source in sources for detection in source]
    kept: list[Detection] = []
    for name in dict.fromkeys(detection.class_name for detection in every):
        own = [detection for detection in every if detection.class_name == name]
        boxes, scores = np.array([one.box for one in own]), np.array([one.score for one in own])
        kept += [own[place] for place in kept_boxes(boxes, scores, overlap=overlap)[0].tolist()]
    return tuple(sorted(kept, key=lambda one: -one.score)[:limit])


def grouped_over_frames(
    detections: Sequence[Detection], *, missing: int = MISSING_FRAMES, limit: int = MOST_MARKS
) -> tuple[Detection, ...]:
    """Return up to ``limit`` places of a volume, the highest first, each with the range of slices it is seen in.

    A place begins with the highest mark that is left and takes all marks of its class whose boxes overlap it, on the
    slices that follow one another there; up to ``missing`` slices in between may have none. It keeps the box, the
    frame and the score of its highest mark. What lies above or below with a larger gap is a place of its own.
    """
    order = sorted(detections, key=lambda one: -one.score)
    boxes = np.array([one.box for one in order], dtype=np.float64).reshape(-1, 4)
    ranges = np.array([(one.first_frame, one.last_frame) for one in order], dtype=np.intp).reshape(-1, 2)
    names = np.array([one.class_name for one in order], dtype=object)
    open_ = np.ones(len(order), dtype=np.bool_)
    found: list[Detection] = []
    for index, best in enumerate(order):
        if len(found) == limit:
            break
        if not open_[index]:
            continue
        # A hair of slack: windows that only touch do not overlap, whatever the rounding.
        near = open_ & (names == best.class_name) & (overlaps(boxes, boxes[index], of_smaller=True) > _TOUCH)
        near[index] = True
        first, last = best.first_frame, best.last_frame
        while True:
            reached = near & (ranges[:, 0] <= last + missing + 1) & (ranges[:, 1] >= first - missing - 1)
            span = int(ranges[reached, 0].min()), int(ranges[reached, 1].max())
            if span == (first, last):
                break
            first, last = span
        open_[reached] = False
        found.append(replace(best, slices=(first, last)))
    return tuple(found)


def _overlap(other_row: float, other_column: float, row: float, column: float, patch_px: tuple[float, float]) -> bool:
    # A hair of slack: windows that only touch do not overlap, whatever the rounding.
    return abs(other_row - row) < patch_px[0] * 0.999 and abs(other_column - column) < patch_px[1] * 0.999


def _refined(heatmap: Heatmap, row: int, column: int) -> tuple[float, float]:
    """Return the stored place of the peak in a cell: the centroid of its 3x3 cells.

    A cell weighs its own window's score times the fourth power of how far the map rises there above the lowest of the
    nine values. Of windows with equal scores those in the middle of the others thus decide. Where the map is flat
    nothing tells one place from another, and the cell's centre stays.
    """
    here = heatmap.cell_centres(np.array([row]), np.array([column]))[0]
    rows = slice(max(0, row - 1), row + 2)
    columns = slice(max(0, column - 1), column + 2)
    scores, values = heatmap.scores[rows, columns], heatmap.values[rows, columns]
    known = np.isfinite(scores) & np.isfinite(values)
    lowest = float(values[known].min())
    rise: DoubleArray = np.where(known, values, lowest).astype(np.float64) - lowest
    weights = np.where(known, scores, 0.0) * rise**_EMPHASIS
    total = float(weights.sum())
    if total > 0.0:
        cells = np.indices(known.shape).reshape(2, -1)
        centres = heatmap.cell_centres(cells[0] + rows.start, cells[1] + columns.start)
        here = (centres * weights.reshape(-1, 1)).sum(axis=0) / total
    return float(here[0]), float(here[1])


def _detection(heatmap: Heatmap, row: float, column: float, value: float) -> Detection:
    half_rows, half_columns = heatmap.patch_px[0] / 2, heatmap.patch_px[1] / 2
    row, column = _limited(row, heatmap.shape[0]), _limited(column, heatmap.shape[1])
    box = _inside((row - half_rows, column - half_columns, row + half_rows, column + half_columns), heatmap.shape)
    return Detection(row, column, heatmap.frame, value, box, heatmap.class_name)


def _limited(place: float, size: int) -> float:
    return min(max(place, 0.0), size - 1.0)


def _inside(box: Box, shape: tuple[int, int]) -> Box:
    """Return a box as far as it lies in an image."""
    last_row, last_column = shape[0] - 0.5, shape[1] - 0.5
    return max(box[0], -0.5), max(box[1], -0.5), min(box[2], last_row), min(box[3], last_column)
