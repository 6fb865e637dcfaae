"""Arithmetic of outlines for :mod:`mammoviewer.annotations.roi`; outlines are (N, 2) arrays of (row, column)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, DoubleArray


def signed_area(vertices: DoubleArray) -> float:
    """Return the shoelace area; its sign tells the direction in which the outline runs."""
    row, column = (vertices - vertices[0]).T
    return float(np.sum(row * np.roll(column, -1) - np.roll(row, -1) * column) / 2)


def centroid(vertices: DoubleArray) -> tuple[float, float] | None:
    """Return the centre of gravity (row, column) of the enclosed area, or None where it encloses none."""
    area = signed_area(vertices)
    extent = np.ptp(vertices, axis=0)
    if abs(area) <= 1e-9 * max(1.0, float(extent[0] * extent[1])):
        return None
    row, column = (vertices - vertices[0]).T
    next_row, next_column = np.roll(row, -1), np.roll(column, -1)
    cross = row * next_column - next_row * column
    return (
        float(vertices[0, 0] + np.sum((row + next_row) * cross) / (6 * area)),
        float(vertices[0, 1] + np.sum((column + next_column) * cross) / (6 * area)),
    )


def inside_ellipse(box: tuple[float, float, float, float], rows: DoubleArray, columns: DoubleArray) -> BoolArray:
    """Return which points of the grid rows x columns lie in or on the ellipse that fills ``box``."""
    top, left, bottom, right = box
    # A flat ellipse is a line: the smallest positive radius leaves only places exactly on it.
    row_radius = max((bottom - top) / 2, np.finfo(np.float64).tiny ** 0.25)
    column_radius = max((right - left) / 2, np.finfo(np.float64).tiny ** 0.25)
    row_part = ((rows - (top + bottom) / 2) / row_radius) ** 2
    column_part = ((columns - (left + right) / 2) / column_radius) ** 2
    inside: BoolArray = row_part[:, None] + column_part[None, :] <= 1.0
    return inside


def inside_polygon(vertices: DoubleArray, rows: DoubleArray, columns: DoubleArray) -> BoolArray:
    """Return which points of the grid rows x columns lie in or on the polygon (even-odd rule).

    ``rows`` and ``columns`` are sorted. Each edge toggles, on the rows that it crosses, everything from its crossing
    rightwards; the running parity along a row is then inside or outside. Places on an edge are added afterwards.
    """
    toggles = np.zeros((rows.size, columns.size + 1), dtype=np.int32)
    on_edge = np.zeros((rows.size, columns.size), dtype=np.bool_)
    for start, end in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        low, high = (start, end) if start[0] <= end[0] else (end, start)
        first, last = np.searchsorted(rows, low[0], "left"), np.searchsorted(rows, high[0], "right")
        if first == last:
            continue
        if low[0] == high[0]:
            left = np.searchsorted(columns, min(low[1], high[1]), "left")
            right = np.searchsorted(columns, max(low[1], high[1]), "right")
            on_edge[first:last, left:right] = True
        else:
            _cross(low, high, rows[first:last], columns, toggles=toggles[first:last], on_edge=on_edge[first:last])
    inside: BoolArray = (np.cumsum(toggles[:, :-1], axis=1) % 2 == 1) | on_edge
    return inside


def polygon_contains(vertices: DoubleArray, row: float, column: float) -> bool:
    """Return whether one place lies in or on the polygon; as :func:`inside_polygon`, but fast for a single place."""
    start, end = vertices, np.roll(vertices, -1, axis=0)
    swapped = start[:, 0] > end[:, 0]
    low, high = np.where(swapped[:, None], end, start), np.where(swapped[:, None], start, end)
    met = (low[:, 0] <= row) & (row <= high[:, 0])
    low, high = low[met], high[met]
    height, width = (high - low).T
    exact = (column - low[:, 1]) * height == (row - low[:, 0]) * width
    between = (np.minimum(low[:, 1], high[:, 1]) <= column) & (column <= np.maximum(low[:, 1], high[:, 1]))
    if np.any(exact & between):
        return True
    half_open = row < high[:, 0]
    low, height, width = low[half_open], height[half_open], width[half_open]
    crossing = low[:, 1] + (row - low[:, 0]) / height * width
    return bool(np.count_nonzero(crossing <= column) % 2)


def _cross(
    low: DoubleArray,
    high: DoubleArray,
    rows: DoubleArray,
    columns: DoubleArray,
    *,
    toggles: NDArray[np.int32],
    on_edge: BoolArray,
) -> None:
    """Enter the edge from ``low`` up to ``high`` into the rows that it meets."""
    height, width = high[0] - low[0], high[1] - low[1]
    crossing = low[1] + (rows - low[0]) / height * width
    nearest = _nearest(columns, crossing)
    exact = (columns[nearest] - low[1]) * height == (rows - low[0]) * width
    on_edge[exact, nearest[exact]] = True
    # Half-open in the row, so that a vertex shared by two edges toggles once.
    half_open = rows < high[0]
    begin = np.searchsorted(columns, np.where(exact, columns[nearest], crossing), "left")
    toggles[np.flatnonzero(half_open), begin[half_open]] += 1


def _nearest(grid: DoubleArray, values: DoubleArray) -> NDArray[np.intp]:
    """Return for each value the index of the nearest entry of the sorted ``grid``."""
    right = np.clip(np.searchsorted(grid, values), 0, grid.size - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(grid[left] - values) <= np.abs(grid[right] - values), left, right)


def clip_to_box(vertices: DoubleArray, bottom: float, right: float) -> DoubleArray:
    """Return the part of the polygon inside rows [0, bottom] and columns [0, right] (Sutherland-Hodgman).

    Empty (0, 2) when nothing is left.
    """
    clipped = vertices
    for axis, limit, sign in ((0, 0.0, 1.0), (0, bottom, -1.0), (1, 0.0, 1.0), (1, right, -1.0)):
        kept: list[DoubleArray] = []
        for start, end in zip(np.roll(clipped, 1, axis=0), clipped, strict=True):
            start_depth, end_depth = sign * (start[axis] - limit), sign * (end[axis] - limit)
            if (start_depth < 0) != (end_depth < 0):
                kept.append(start + (end - start) * (start_depth / (start_depth - end_depth)))
            if end_depth >= 0:
                kept.append(end)
        clipped = np.array(kept, dtype=np.float64).reshape(-1, 2)
    return clipped
