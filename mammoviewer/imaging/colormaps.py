"""Perceptually uniform colours, and heatmaps laid over grey pictures."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from mammoviewer.base.arrays import ByteArray, FloatArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.base.paths import resources_dir

COLORMAPS: Final = ("inferno", "viridis", "cividis", "magma")
FAINTEST: Final = 0.2
"""Of the opacity of the highest score, the share of one at the threshold."""
FAINTEST_EVIDENCE: Final = 0.5
"""The same for an explanation, of which the part that is shown has to be seen at a glance."""
HALF: Final = 0.5


def contour_levels(threshold: float) -> tuple[float, float, float]:
    """Return the scores at which contours are drawn: the threshold, and a third and two thirds from there to 1."""
    return threshold, threshold + (1.0 - threshold) / 3, threshold + 2 * (1.0 - threshold) / 3


def contour_colour(name: str, level: float) -> tuple[int, int, int]:
    """Return the sRGB colour of a contour; the dark end of the map, which would not be seen, is left out."""
    red, green, blue = colormap(name)[min(255, 96 + int(level * 159))].tolist()
    return red, green, blue


@functools.cache
def colormap(name: str) -> ByteArray:
    """Return a table of 256 sRGB colours, uint8 (256, 3), read-only, from low to high.

    Raises
    ------
    ArgumentError
        ``name`` is not in :data:`COLORMAPS`.
    """
    if name not in COLORMAPS:
        raise ArgumentError(f"there is no colour map {name!r}", hint=f"one of {', '.join(COLORMAPS)}")
    lines = (resources_dir() / "colormaps" / f"{name}.txt").read_text("ascii").split("\n")
    colours = [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]
    table = np.frombuffer(b"".join(colours), np.uint8).reshape(256, 3)
    table.setflags(write=False)
    return table


def heatmap_layer(
    heat: FloatArray,
    *,
    colormap_name: str = "inferno",
    opacity: float = 0.6,
    threshold: float = 0.5,
    low: float = 0.0,
    high: float = 1.0,
    faintest: float = FAINTEST,
) -> ByteArray:
    """Return a heatmap as a picture with alpha, uint8 (rows, columns, 4), colour not multiplied by alpha.

    Alpha is 0 below ``threshold`` and where ``heat`` is not a number; from there it grows linearly with the score, from
    the share ``faintest`` of ``opacity`` to all of it at ``high``.
    """
    if not high > low:
        raise ArgumentError("the highest value of a heatmap must be above its lowest")
    with np.errstate(invalid="ignore"):
        shown = heat >= threshold
    layer = np.zeros((*heat.shape, 4), np.uint8)
    scores = heat[shown].astype(np.float32)
    index = np.clip(np.rint((scores - low) * (255.0 / (high - low))), 0, 255).astype(np.uint8)
    strength = np.clip((scores - threshold) / max(high - threshold, 1e-6), 0.0, 1.0)
    layer[shown, :3] = colormap(colormap_name)[index]
    alpha = min(max(opacity, 0.0), 1.0) * (faintest + (1.0 - faintest) * strength)
    layer[shown, 3] = np.rint(255.0 * alpha).astype(np.uint8)
    return layer
