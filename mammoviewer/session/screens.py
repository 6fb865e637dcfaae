"""What the reader measured of each screen: the size of its pixels, its luminance, whether greys follow PS3.14."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final

from psygnal import Signal

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.gsdf import DisplayResponse, driving_levels

P_VALUES: Final = 4096
"""Greys that are told apart before they are turned into driving levels, so that no level is lost by rounding twice."""
LARGEST_CURVE: Final = 256
_PIXEL_MM: Final = (0.01, 5.0)
_DIGITS: Final = 6


@dataclass(frozen=True)
class ScreenCalibration:
    """One screen.

    Parameters
    ----------
    pixel_mm
        Width of a device pixel in mm as measured by the reader; 0 where it was not.
    response
        The luminance that was measured; None where it was not.
    gsdf
        Whether greys are shown by the Grayscale Standard Display Function (PS3.14).
    """

    pixel_mm: float = 0.0
    response: DisplayResponse | None = None
    gsdf: bool = False

    @cached_property
    def levels(self) -> bytes:
        """The driving level of each of ``P_VALUES`` greys, one byte each; empty while greys are shown as they are."""
        if not self.gsdf or self.response is None:
            return b""
        return driving_levels(self.response, P_VALUES).tobytes()

    @property
    def gsdf_text(self) -> str:
        """Return ``GSDF 0.5-350 cd/m2``, with the ambient light; empty while greys are shown as they are."""
        if not self.gsdf or self.response is None:
            return ""
        measured = self.response
        return f"GSDF {measured.darkest + measured.ambient:.3g}-{measured.brightest + measured.ambient:.4g} cd/m²"


class Screens:
    """All screens that something is known of, by a name that a screen keeps when it is plugged in again.

    Parameters
    ----------
    texts
        As kept in the settings; what cannot be read counts as not measured.
    """

    changed = Signal()

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._known = {name: found for name, text in texts.items() if (found := _from_text(text)) is not None}

    def get(self, name: str) -> ScreenCalibration:
        """Return what is known of a screen."""
        return self._known.get(name, ScreenCalibration())

    def update(self, name: str, **changes: Any) -> None:
        """Change fields of a screen's calibration and tell."""
        changed = replace(self.get(name), **changes)
        if changed != self.get(name):
            self._known[name] = changed
            self.changed.emit()

    @property
    def texts(self) -> dict[str, str]:
        """Return the calibrations as the settings keep them."""
        return {name: _to_text(found) for name, found in self._known.items()}


def _to_text(calibration: ScreenCalibration) -> str:
    document: dict[str, Any] = {"pixel_mm": calibration.pixel_mm, "gsdf": calibration.gsdf}
    if calibration.response is not None:
        document |= asdict(calibration.response)
    return json.dumps(document, separators=(",", ":"))


def _from_text(text: str) -> ScreenCalibration | None:
    try:
        document = json.loads(text)
        pixel_mm = float(document["pixel_mm"])
        if not (pixel_mm == 0.0 or _PIXEL_MM[0] <= pixel_mm <= _PIXEL_MM[1]):
            return None
        return ScreenCalibration(pixel_mm, _response(document), document["gsdf"] is True)
    except (ValueError, TypeError, KeyError, ArgumentError, RecursionError):
        return None


def _response(document: Mapping[str, Any]) -> DisplayResponse | None:
    if "brightest" not in document:
        return None
    curve = tuple((float(level), float(value)) for level, value in document["curve"])
    return DisplayResponse(
        float(document["darkest"]), float(document["brightest"]), float(document["ambient"]), curve[:LARGEST_CURVE]
    )


def read_curve(text: str) -> tuple[tuple[float, float], ...]:
    """Return the pairs of driving level and cd/m2 in a pasted table, one pair a line.

    Numbers may be apart by blanks, tabs, commas or semicolons; lines without numbers (headings) are passed over.

    Raises
    ------
    ArgumentError
        A line has numbers but not two, or there are too many lines.
    """
    pairs = []
    for line in text.splitlines():
        numbers = _numbers(line)
        if not numbers:
            continue
        if len(numbers) != 2:
            raise ArgumentError(f"“{line.strip()[:40]}” is not a driving level and a luminance")
        pairs.append((numbers[0], float(f"{numbers[1]:.{_DIGITS}g}")))
    if len(pairs) > LARGEST_CURVE:
        raise ArgumentError(f"a luminance curve has at most {LARGEST_CURVE} points")
    return tuple(pairs)


def _numbers(line: str) -> list[float]:
    found = []
    for word in line.replace(",", " ").replace(";", " ").split():
        try:
            value = float(word)
        except ValueError:
            continue
        if math.isfinite(value):
            found.append(value)
    return found
