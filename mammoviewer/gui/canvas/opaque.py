"""Widgets that paint all of themselves, so that nothing beneath them has to be painted first."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QWidget

_POLISHED: Final = (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.Show)


def keep_opaque(widget: QWidget, event: QEvent) -> None:
    """Make a widget opaque again after an event in which a style sheet may have polished it, which takes that away.

    Else each repaint of a picture would first paint the window, the desk and the grid under it.
    """
    if event.type() in _POLISHED:
        widget.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
