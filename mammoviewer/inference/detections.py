"""Peaks of a heatmap: the places a model points at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.inference.heatmap import Heatmap

MOST_MARKS = 20
"""Of one frame, or of one volume, so many places are told at most."""
_EMPHASIS = 4


@dataclass(frozen=True)
class Detection:
    """One place: stored (row, column), 0-based frame, score, and the window (r0, c0, r1, c1) by its corner points."""

    row: float
    column: float
    frame: int
    score: float
    box: tuple[float, float, float, float]


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


def strongest_over_frames(
    detections: Sequence[Detection], patch_px: tuple[float, float], *, limit: int = MOST_MARKS
) -> tuple[Detection, ...]:
    """Return up to ``limit`` places of a volume, the highest first, each in the frame where its score is highest."""
    found: list[Detection] = []
    for detection in sorted(detections, key=lambda one: -one.score):
        if len(found) == limit:
            break
        if not any(_overlap(other.row, other.column, detection.row, detection.column, patch_px) for other in found):
            found.append(detection)
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
    last_row, last_column = heatmap.shape[0] - 0.5, heatmap.shape[1] - 0.5
    row, column = min(max(row, 0.0), heatmap.shape[0] - 1.0), min(max(column, 0.0), heatmap.shape[1] - 1.0)
    box = (
        max(row - half_rows, -0.5),
        max(column - half_columns, -0.5),
        min(row + half_rows, last_row),
        min(column + half_columns, last_column),
    )
    return Detection(row, column, heatmap.frame, value, box)
