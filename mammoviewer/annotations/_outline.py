"""Arithmetic of outlines for :mod:`mammoviewer.annotations.roi`; outlines are (N, 2) arrays of (row, column)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, DoubleArray

_CROSSINGS: Final = 1 << 18
"""Places where edges cross rows that are worked on at once."""


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
    # Toggles wrap around at 256, which is even.
    toggles = np.zeros((rows.size, columns.size + 1), dtype=np.uint8)
    on_edge = np.zeros((rows.size, columns.size), dtype=np.bool_)
    start, end = vertices, np.roll(vertices, -1, axis=0)
    swapped = (start[:, 0] > end[:, 0])[:, None]
    low, high = np.where(swapped, end, start), np.where(swapped, start, end)
    first, last = np.searchsorted(rows, low[:, 0], "left"), np.searchsorted(rows, high[:, 0], "right")
    level = low[:, 0] == high[:, 0]
    for number in np.flatnonzero(level & (first < last)):
        left, right = np.sort((low[number, 1], high[number, 1]))
        there = slice(np.searchsorted(columns, left, "left"), np.searchsorted(columns, right, "right"))
        on_edge[first[number] : last[number], there] = True
    met = np.where(level, 0, last - first)
    for edges in _portions(met):
        edge = np.repeat(np.arange(edges.start, edges.stop), met[edges])
        ends = np.cumsum(met[edges])
        row = first[edge] + np.arange(len(edge)) - np.repeat(ends - met[edges], met[edges])
        _cross(low[edge], high[edge], row, rows, columns, toggles=toggles, on_edge=on_edge)
    inside: BoolArray = (np.cumsum(toggles[:, :-1], axis=1, dtype=np.uint8) & 1).view(np.bool_)
    return np.logical_or(inside, on_edge, out=inside)


def _portions(counts: NDArray[np.intp]) -> Iterator[slice]:
    """Split so that the counts of no portion add up to much more than what a few megabytes hold."""
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _CROSSINGS, "right")))
        yield slice(first, last)
        first = last


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
    row: NDArray[np.intp],
    rows: DoubleArray,
    columns: DoubleArray,
    *,
    toggles: NDArray[np.uint8],
    on_edge: BoolArray,
) -> None:
    """Enter edges from ``low`` up to ``high``, (N, 2), each into the row of the grid that it is given with."""
    at = rows[row]
    height, width = (high - low).T
    crossing = low[:, 1] + (at - low[:, 0]) / height * width
    nearest = _nearest(columns, crossing)
    exact = (columns[nearest] - low[:, 1]) * height == (at - low[:, 0]) * width
    on_edge[row[exact], nearest[exact]] = True
    # Half-open in the row, so that a vertex shared by two edges toggles once.
    half_open = at < high[:, 0]
    begin = np.searchsorted(columns, np.where(exact, columns[nearest], crossing), "left")
    places = row[half_open] * toggles.shape[1] + begin[half_open]
    np.add.at(toggles.reshape(-1), places, np.uint8(1))


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


def separate_loops(points: DoubleArray) -> list[DoubleArray]:
    """Return the outlines (N, 2) that ``mask_outline`` has joined, without the bridges; any other line whole."""
    keys = [tuple(point) for point in points.tolist()]
    place = _next(keys, keys[0], 1)
    if place is None or place + 3 >= len(keys) or not _is_aside(points[place + 1], points[place + 2]):
        return [points]
    loops = [points[:place]]
    while place is not None and place + 3 < len(keys):
        end = _next(keys, keys[place + 1], place + 2)
        if end is None:
            return [points]
        loops.append(points[place + 2 : end])
        place = end + 1
    return loops


def _next(keys: list[tuple[float, ...]], key: tuple[float, ...], first: int) -> int | None:
    return next((place for place in range(first, len(keys)) if keys[place] == key), None)


def _is_aside(point: DoubleArray, of: DoubleArray) -> bool:
    return bool(0.0 < np.abs(point - of).max() < 1e-3)
