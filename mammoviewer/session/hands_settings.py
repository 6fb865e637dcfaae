"""What the buttons and the wheel of the mouse do on an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mammoviewer.session.settings_values import option

TOOL = "tool"
NOTHING = "nothing"

DRAGS: Mapping[str, str] = MappingProxyType(
    {
        TOOL: "The chosen tool",
        "window": "Window",
        "pan": "Pan",
        "zoom": "Zoom",
        "region": "Zoom into a region",
        "slices": "Scroll slices",
        NOTHING: "Nothing",
    }
)
"""What a drag with a button may do, with its name."""

WHEELS: Mapping[str, str] = MappingProxyType(
    {
        "slices": "Scroll slices",
        "five_slices": "Scroll five slices",
        "zoom": "Zoom at the cursor",
        "opacity": "Overlay opacity",
        "brightness": "Brightness",
        "contrast": "Contrast",
        NOTHING: "Nothing",
    }
)
"""What the wheel may do, with its name."""


@dataclass(frozen=True)
class HandsSettings:
    """Buttons and wheel; Space with a left drag always pans, Alt with a left click always explains a patch."""

    left_drag: str = option(TOOL, "Left drag", choices=tuple(DRAGS))
    middle_drag: str = option("pan", "Middle drag", choices=tuple(DRAGS))
    shift_middle_drag: str = option("slices", "Shift + middle drag", choices=tuple(DRAGS))
    right_drag: str = option("window", "Right drag", choices=tuple(DRAGS))
    shift_right_drag: str = option("zoom", "Shift + right drag", choices=tuple(DRAGS))
    wheel: str = option("slices", "Wheel", choices=tuple(WHEELS))
    ctrl_wheel: str = option("zoom", "Ctrl + wheel", choices=tuple(WHEELS))
    shift_wheel: str = option("slices", "Shift + wheel", choices=tuple(WHEELS))
    alt_wheel: str = option("opacity", "Alt + wheel", choices=tuple(WHEELS))

    @property
    def problem(self) -> str:
        """Return what is wrong with the whole of it; empty when nothing is."""
        if TOOL not in (self.left_drag, self.middle_drag, self.right_drag):
            return "one button must be for the chosen tool, or nothing can be drawn"
        return ""
