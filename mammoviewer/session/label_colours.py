"""One colour for each class of finding, the same in the window, in exports and from session to session."""

from __future__ import annotations

import zlib
from typing import Final

COLOURS: Final = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167))
"""Okabe-Ito colours (red, green, blue), which colour-blind readers can tell apart."""

MEASURE: Final = (159, 232, 255)
"""Of measures, arrows and texts, which have no class."""

_KNOWN: Final = {
    "mass": 0,
    "calcification": 1,
    "calcifications": 1,
    "microcalcification": 1,
    "microcalcifications": 1,
    "normal": 2,
    "asymmetry": 3,
    "distortion": 4,
    "architectural distortion": 4,
}


def label_colour(label: str) -> tuple[int, int, int]:
    """Return the colour (red, green, blue) of a class; one without a fixed colour gets one by its name."""
    key = label.strip().lower()
    return COLOURS[_KNOWN.get(key, zlib.crc32(key.encode()) % len(COLOURS))]
