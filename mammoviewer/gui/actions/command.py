"""A command of the window: what it is called, which keys it has by default, what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence

if TYPE_CHECKING:
    from mammoviewer.gui.actions.desk import Desk

Handler = Callable[["Desk"], object]


@dataclass(frozen=True)
class Command:
    """One act.

    Parameters
    ----------
    id
        Unique; key bindings of the settings name it.
    title
        Unique; what the palette and the cheat sheet show.
    keys
        Default key sequences, the first one is shown; empty for none.
    handler
        Does it; gets the desk.
    images_only
        The keys count only while the focus is on the images, because panels need them for themselves.
    """

    id: str
    title: str
    keys: tuple[str, ...]
    handler: Handler
    group: str = ""
    images_only: bool = False

    @property
    def key_text(self) -> str:
        """Return the first key as it is written on this system's keyboards."""
        return next(iter(self.key_texts), "")

    @property
    def key_texts(self) -> tuple[str, ...]:
        """Return all keys as they are written on this system's keyboards."""
        return tuple(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in self.keys)
