"""The screen that a widget is on: by which name its calibration is kept, and how large its pixels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtGui import QScreen
from PySide6.QtWidgets import QWidget

from mammoviewer.session.screens import ScreenCalibration, Screens

_MM_PER_INCH: Final = 25.4
_SMALLEST_MM: Final = 0.03
_LARGEST_MM: Final = 2.0
"""Projectors and some virtual screens state a size of nothing, or of their aspect ratio in cm."""


@dataclass(frozen=True)
class PixelSize:
    """Width of a device pixel of a screen in mm; ``measured`` by the reader, or as the monitor tells by EDID."""

    mm: float
    measured: bool


def screen_name(screen: QScreen) -> str:
    """Return a name that a monitor keeps wherever it is plugged in: maker, model and serial number where known."""
    facts = (screen.manufacturer(), screen.model(), screen.serialNumber())
    return " ".join(fact.strip() for fact in facts if fact.strip()) or screen.name()


def calibration(widget: QWidget, screens: Screens) -> ScreenCalibration:
    """Return what was measured of the screen that a widget is on."""
    return screens.get(screen_name(widget.screen()))


def pixel_size(widget: QWidget, screens: Screens) -> PixelSize | None:
    """Return the size of the device pixels under a widget; None where neither the reader nor the monitor tells it."""
    measured = calibration(widget, screens).pixel_mm
    if measured > 0:
        return PixelSize(measured, measured=True)
    told = told_pixel_mm(widget.screen().physicalDotsPerInchX(), widget.devicePixelRatioF())
    return PixelSize(told, measured=False) if told is not None else None


def told_pixel_mm(dots_per_inch: float, dpr: float) -> float | None:
    """Return the width of a device pixel in mm by what Qt tells, whose dots are logical pixels; None if absurd."""
    if not dots_per_inch > 0:
        return None
    millimetres = _MM_PER_INCH / (dots_per_inch * dpr)
    return millimetres if _SMALLEST_MM <= millimetres <= _LARGEST_MM else None
