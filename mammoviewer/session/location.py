"""Where in the breast a finding lies, in the words of a report.

One view tells medial or lateral (CC), or upper or lower (MLO, ML, LM); only both together tell a quadrant and the hour
of the clock. Depth is in thirds between nipple and chest wall. All of it is an estimate from the pictures: the nipple
is the outermost point of the breast, and an oblique view is taken for an upright one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mammoviewer.session.places import Anatomy

SIDEWAYS: Final = frozenset({"CC", "XCC", "XCCL", "XCCM", "FB"})
UPRIGHT: Final = frozenset({"MLO", "ML", "LM", "LMO"})
_CENTRAL_MM: Final = 5.0
"""Nearer to the axis of the nipple than this, a side is not told."""
_SIDES: Final = {"R": "right", "L": "left"}
_DEPTHS: Final = ("anterior", "middle", "posterior")


@dataclass(frozen=True)
class ViewLocation:
    """What one view tells.

    Attributes
    ----------
    laterality
        ``R`` or ``L``.
    across_mm
        In a CC view, how far lateral of the nipple (negative: medial); None in other views.
    up_mm
        In an upright view, how far above the nipple (negative: below); None in other views.
    depth
        ``anterior``, ``middle`` or ``posterior`` third; empty where the nipple is not known.
    nipple_mm
        Distance from the nipple in the plane of the view; None where it or the pixel size is not known.
    """

    laterality: str
    across_mm: float | None = None
    up_mm: float | None = None
    depth: str = ""
    nipple_mm: float | None = None


@dataclass(frozen=True)
class Location:
    """What all views of a finding tell together, as words; an empty text is not known.

    ``clock`` is the hour as seen by who faces the patient, 1 to 12, 0 where it is not known.
    """

    side: str = ""
    region: str = ""
    depth: str = ""
    clock: int = 0
    nipple_mm: float | None = None

    @property
    def text(self) -> str:
        """Return it in one line, such as ``right, upper outer quadrant, 10 o'clock, 42 mm from nipple``."""
        parts = [
            self.side,
            self.region,
            f"{self.clock} o'clock" if self.clock else "",
            f"{self.depth} depth" if self.depth else "",
            f"{self.nipple_mm:.0f} mm from nipple" if self.nipple_mm is not None else "",
        ]
        return ", ".join(part for part in parts if part)


def locate(anatomy: Anatomy, point: tuple[float, float]) -> ViewLocation | None:
    """Return what one view tells of a stored (row, column); None where side, view or pixel size is not known.

    The image is measured as it hangs: lateral (CC) or cranial (MLO) is up.
    """
    view = anatomy.attributes.view
    sideways, upright = view.position in SIDEWAYS, view.position in UPRIGHT
    if view.laterality not in _SIDES or not (sideways or upright) or anatomy.attributes.pixel_spacing is None:
        return None
    if anatomy.nipple is None:
        return ViewLocation(view.laterality)
    down, depth = anatomy.measured(point, by_nipple=True)
    _, whole = anatomy.measured(anatomy.nipple, by_nipple=True)
    third = min(max(int(3.0 * (whole - depth) / max(whole, 1e-6)), 0), 2)
    return ViewLocation(
        view.laterality,
        across_mm=-down if sideways else None,
        up_mm=-down if upright else None,
        depth=_DEPTHS[third],
        nipple_mm=math.hypot(down, whole - depth),
    )


def combined(views: Sequence[ViewLocation]) -> Location:
    """Return what the views of one finding tell together; those of two breasts tell nothing."""
    sides = {view.laterality for view in views}
    if len(sides) != 1:
        return Location()
    laterality = sides.pop()
    across = _mean([view.across_mm for view in views])
    up = _mean([view.up_mm for view in views])
    depths = {view.depth for view in views if view.depth}
    return Location(
        _SIDES[laterality],
        _region(across, up),
        depths.pop() if len(depths) == 1 else "",
        _clock(laterality, across, up),
        _mean([view.nipple_mm for view in views]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _region(across: float | None, up: float | None) -> str:
    beside = _word(across, "outer", "inner")
    above = _word(up, "upper", "lower")
    if across is not None and up is not None:
        if beside and above:
            return f"{above} {beside} quadrant"
        return f"{above or beside} central" if above or beside else "central, behind the nipple"
    if across is not None:
        return {"outer": "lateral", "inner": "medial"}.get(beside, "central in this view")
    return above if above or up is None else "central in this view"


def _word(value: float | None, positive: str, negative: str) -> str:
    if value is None or abs(value) < _CENTRAL_MM:
        return ""
    return positive if value > 0 else negative


def _clock(laterality: str, across: float | None, up: float | None) -> int:
    """Return the hour; the outer side of the right breast is at 9 o'clock, that of the left one at 3."""
    if across is None or up is None or math.hypot(across, up) < _CENTRAL_MM:
        return 0
    to_the_right = -across if laterality == "R" else across
    hour = round(math.degrees(math.atan2(to_the_right, up)) / 30.0) % 12
    return hour or 12
