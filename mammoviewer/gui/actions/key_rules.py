"""Which keys are in each other's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from PySide6.QtGui import QKeySequence

from mammoviewer.gui.actions.command import Command

HELD_KEYS: Mapping[str, str] = MappingProxyType({"O": "held, it shows the original", "M": "held, it magnifies"})
"""Keys that act while they are held; a command cannot have them."""


def same_key(first: str, second: str) -> bool:
    """Return whether two texts mean the same key."""
    return QKeySequence(first) == QKeySequence(second)


def owners(commands: Sequence[Command], key: str) -> list[Command]:
    """Return the commands that have a key.

    One that counts in the whole window and one that counts on images only are in each other's way as well: Qt would
    then do neither.
    """
    return [command for command in commands if any(same_key(key, own) for own in command.keys)]
