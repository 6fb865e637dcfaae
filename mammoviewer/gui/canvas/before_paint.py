"""What is made ready before a window begins to paint.

A window system copies what was painted last while the program goes on, and the next paint cannot begin before that is
done: for a big window both take milliseconds. What needs no pixels of the window is made in that time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QRegion
from PySide6.QtWidgets import QWidget

_MAKE: Final = QEvent.Type(QEvent.registerEventType())


class BeforePaint(QObject):
    """Makes something once all changes that wait are known, and before the paint that they ask for.

    Parameters
    ----------
    widget
        Who is painted.
    make
        Is called on the thread of the window; the paint must come to the same where it was not called. What goes wrong
        in it goes wrong in the paint again, and is told there.
    """

    def __init__(self, widget: QWidget, make: Callable[[], object]) -> None:
        super().__init__(widget)
        self._widget, self._make, self._waits = widget, make, False

    def update(self, part: QRegion | None = None) -> None:
        """Ask for a paint of a part of the widget, else of all of it, and to make something before it."""
        if not self._waits and self._widget.isVisible():
            self._waits = True
            # As unhurried as the paint itself: whatever else is posted comes first, the paint that is asked for next.
            QCoreApplication.postEvent(self, QEvent(_MAKE), Qt.EventPriority.LowEventPriority.value)
        self._widget.update(self._widget.rect() if part is None else part)

    def customEvent(self, _event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Make it."""
        self._waits = False
        with contextlib.suppress(Exception):
            self._make()
