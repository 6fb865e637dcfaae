"""What is made ready before a window begins to paint.

A window system copies what was painted last while the program goes on, and the next paint of the same pixels cannot
begin before that is done: for a big window both take milliseconds. What needs no pixels of the window is made in that
time; and of several pictures in a window each is painted and given away alone, to be copied while the next is painted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QRegion
from PySide6.QtWidgets import QWidget

_MAKE: Final = QEvent.Type(QEvent.registerEventType())
_ONE_BY_ONE: Final = frozenset({"xcb", "offscreen"})
"""Platforms that show a part of a window at no more than the cost of its pixels; others may swap whole buffers."""


class BeforePaint(QObject):
    """Makes something once all changes that wait are known, and then paints what they ask for.

    Parameters
    ----------
    widget
        Who is painted.
    prepared
        Is entered on the thread of the window before the paint and left after it; the paint must come to the same
        where it was not. What goes wrong in it goes wrong in the paint again, and is told there.
    """

    def __init__(self, widget: QWidget, prepared: Callable[[], contextlib.AbstractContextManager[object]]) -> None:
        super().__init__(widget)
        self._widget, self._prepared, self._waits = widget, prepared, False
        self._asked = QRegion()

    def update(self, part: QRegion | None = None) -> None:
        """Ask for a paint of a part of the widget, else of all of it, and to make something before it."""
        if not self._widget.isVisible():
            return
        self._asked += QRegion(self._widget.rect()) if part is None else part
        if not self._waits:
            self._waits = True
            # As unhurried as a paint that Qt asks for: whatever else is posted comes first.
            QCoreApplication.postEvent(self, QEvent(_MAKE), Qt.EventPriority.LowEventPriority.value)

    def painted(self, exposed: QRegion) -> None:
        """Take note of a paint: what it showed needs no other one."""
        self._asked -= exposed

    def customEvent(self, _event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Make it, and paint."""
        self._waits = False
        asked, self._asked = self._asked, QRegion()
        if asked.isEmpty():
            return
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(Exception):
                stack.enter_context(self._prepared())
            if QGuiApplication.platformName() in _ONE_BY_ONE:
                self._widget.repaint(asked)
            else:
                self._widget.update(asked)
