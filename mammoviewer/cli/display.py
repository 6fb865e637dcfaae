"""Whether a window can be opened: Qt ends the process where it cannot, so that it is asked before."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

_PATIENCE_S = 2.0
_X_PORT = 6000


def display_problem() -> str:
    """Return why no window can be opened here, empty where one can."""
    # Qt takes a list of platforms, each with options after a colon.
    asked = {part.partition(":")[0] for part in os.environ.get("QT_QPA_PLATFORM", "").split(";")} - {""}
    if sys.platform in {"win32", "darwin"} or any(not part.startswith(("xcb", "wayland")) for part in asked):
        return ""
    if os.environ.get("WAYLAND_DISPLAY") and asked != {"xcb"}:
        return ""
    name = os.environ.get("DISPLAY", "")
    if not name:
        return "there is no display to open a window on"
    return "" if _answers(name) else f"the display {name} does not answer"


def _answers(name: str) -> bool:
    """Return whether an X server listens at ``host:display``; one that is named in another way is taken for sound."""
    parts = re.fullmatch(r"([^:/]*):([0-9]+)(?:\.[0-9]+)?", name)
    if parts is None:
        return True
    host, number = parts[1], int(parts[2])
    if host not in ("", "unix"):
        return _connects(socket.AF_INET, (host, _X_PORT + number))
    place = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where X servers listen
    abstract = sys.platform == "linux" and _connects(socket.AF_UNIX, f"\0{place}")
    return abstract or (Path(place).exists() and _connects(socket.AF_UNIX, place))


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(_PATIENCE_S)
            probe.connect(address)
    except OSError:
        return False
    return True
