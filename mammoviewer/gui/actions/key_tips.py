"""Tooltips name the key of a command in brackets at their end; they follow when the reader changes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from mammoviewer.gui.actions.command import Command

_KEY_AT_END = re.compile(r" \((?P<key>[^()]+)\)$")
_WRITTEN = "tipAsWritten"


def follow_keys(window: QWidget, defaults: Sequence[Command], commands: Sequence[Command]) -> None:
    """Put the keys in force into the tooltips of a window, which are written with the default ones.

    Parameters
    ----------
    window
        The window; its parts that are there now.
    defaults
        The commands with their own keys, by which a tooltip is recognised: no two have the same.
    commands
        The commands with the keys in force.
    """
    by_key = {text: command.id for command in defaults for text in (*command.keys, *command.key_texts)}
    in_force = {command.id: command.key_text for command in commands}
    for part in window.findChildren(QWidget):
        written = part.property(_WRITTEN) or part.toolTip()
        found = _KEY_AT_END.search(written)
        command_id = by_key.get(found["key"]) if found is not None else None
        if found is None or command_id is None:
            continue
        part.setProperty(_WRITTEN, written)
        key = in_force[command_id]
        part.setToolTip(written[: found.start()] + (f" ({key})" if key else ""))
