"""How pixels come to the screen: interpolation."""

from __future__ import annotations

import functools

from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.session.settings import INTERPOLATIONS


def _interpolate(kind: str, desk: Desk) -> None:
    desk.workspace.desk.interpolation = kind


_TITLES = {
    "automatic": "Enlarge smoothly, from 6 times on as squares",
    "nearest": "Enlarge as squares (nearest)",
    "linear": "Enlarge smoothly (linear)",
    "cubic": "Enlarge smoothly and crisply (cubic)",
}
DISPLAY_COMMANDS = {
    "Display": (
        *(
            Command(f"display.{kind}", _TITLES[kind], (), functools.partial(_interpolate, kind))
            for kind in INTERPOLATIONS
        ),
    )
}
