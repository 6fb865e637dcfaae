"""Plots of a report as inline SVG. Colours come from the page, which is dark on a screen and light on paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 420, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 44
_SERIES = 8
_TICKS = 5
_MOST_TICK_LETTERS = 6
_NO_DIFFERENCE = 1e-9


@dataclass(frozen=True)
class Line:
    """One line of a plot; ``low`` and ``high`` are its band. Points that are no numbers are left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Axes:
    """The range and title of both axes."""

    x_title: str
    y_title: str
    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)


def plot(title: str, lines: Sequence[Line], axes: Axes, *, diagonal: bool = False) -> str:
    """Return a figure with its legend; ``diagonal`` draws the line of chance."""
    inside = [_grid(axes)]
    if diagonal:
        inside.append(_path([axes.place(axes.x[0], axes.y[0]), axes.place(axes.x[1], axes.y[1])], "chance"))
    for number, line in enumerate(lines):
        inside.append(_band(line, axes, number % _SERIES))
    for number, line in enumerate(lines):
        inside += _drawn(line, axes, number % _SERIES)
    legend = "".join(
        f'<li class="s{number % _SERIES}{" dashed" if line.dashed else ""}">{escape(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title, quote=True)}">{"".join(inside)}</svg><ul class="legend">{legend}</ul></figure>'
    )


def interval_plot(title: str, rows: Sequence[tuple[str, float | None, Sequence[float] | None]], *, x_title: str) -> str:
    """Return a figure with a point and its interval per row, on an axis from 0 to 1."""
    height = 34 + 22 * len(rows) + 34
    left, width = 250, 560
    inside = []
    for tick in np.linspace(0, 1, 6).tolist():
        x = left + tick * (width - left - 20)
        inside.append(f'<line class="grid" x1="{x:.1f}" y1="10" x2="{x:.1f}" y2="{height - 44}"/>')
        inside.append(f'<text class="tick" x="{x:.1f}" y="{height - 28}" text-anchor="middle">{tick:.1f}</text>')
    for number, (name, value, interval) in enumerate(rows):
        y = 26 + 22 * number
        inside.append(f'<text class="tick" x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        if interval is not None:
            low, high = (left + end * (width - left - 20) for end in interval)
            inside.append(f'<line class="line s0" x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}"/>')
        if value is not None:
            inside.append(f'<circle class="dot s0" cx="{left + value * (width - left - 20):.1f}" cy="{y}" r="4"/>')
    middle = (left + width - 20) / 2
    inside.append(f'<text class="title" x="{middle}" y="{height - 8}" text-anchor="middle">{escape(x_title)}</text>')
    return (
        f'<figure class="wide"><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">{"".join(inside)}</svg></figure>'
    )


def value_range(lines: Sequence[Line], *, from_zero: bool = True) -> tuple[float, float]:
    """Return an axis range that holds the values of lines."""
    values = [value for line in lines for value in line.y if value is not None and np.isfinite(value)]
    if not values:
        return 0.0, 1.0
    low, high = min([*values, 0.0] if from_zero else values), max(values)
    return low, high if high - low > _NO_DIFFERENCE else low + 1.0


def tick_text(value: float) -> str:
    """Return a number on an axis in few letters, such as ``0.25``, ``1.2e-4``."""
    plain = f"{value:.3g}"
    if len(plain) <= _MOST_TICK_LETTERS:
        return plain
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _grid(axes: Axes) -> str:
    parts = []
    for share in np.linspace(0, 1, _TICKS + 1).tolist():
        x_value, y_value = (ends[0] + share * (ends[1] - ends[0]) for ends in (axes.x, axes.y))
        x, _ = axes.place(x_value, axes.y[0])
        _, y = axes.place(axes.x[0], y_value)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        across, up = tick_text(x_value), tick_text(y_value)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{across}</text>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{up}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2, (_TOP + HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="title" x="{middle[0]}" y="{HEIGHT - 8}" text-anchor="middle">{escape(axes.x_title)}</text>'
    )
    parts.append(
        f'<text class="title" transform="translate(13 {middle[1]}) rotate(-90)" text-anchor="middle">'
        f"{escape(axes.y_title)}</text>"
    )
    return "".join(parts)


def _drawn(line: Line, axes: Axes, number: int) -> list[str]:
    places = [axes.place(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None and np.isfinite(y)]
    drawn = [_path(places, f"line s{number}{' dashed' if line.dashed else ''}")] if len(places) > 1 else []
    if line.dots or len(places) == 1:
        drawn += [f'<circle class="dot s{number}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places]
    return drawn


def _band(line: Line, axes: Axes, number: int) -> str:
    if line.low is None or line.high is None:
        return ""
    ends = [
        (x, low, high)
        for x, low, high in zip(line.x, line.low, line.high, strict=True)
        if low is not None and high is not None and np.isfinite(low) and np.isfinite(high)
    ]
    if len(ends) < 2:
        return ""
    outline = [axes.place(x, high) for x, _, high in ends] + [axes.place(x, low) for x, low, _ in ends[::-1]]
    return f'<polygon class="band s{number}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in outline)}"/>'


def _path(places: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
