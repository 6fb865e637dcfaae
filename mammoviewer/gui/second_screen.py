"""The right half of each stage on a second screen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QScreen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.actions.desk import Desk, WindowActs
from mammoviewer.gui.actions.key_bindings import KeyBindings
from mammoviewer.gui.canvas.grid import Part, ViewportGrid
from mammoviewer.session.workspace import Workspace

ONE_SCREEN: Final = Notice(
    Severity.INFO,
    "There is one screen only: the right half of the stage is in a window of its own",
    "close that window to have the whole stage in one",
)


class SecondScreen(QWidget):
    """A window with nothing but images; all keys count in it as in the first one.

    Signals: ``closed()`` when it goes away.
    """

    closed = Signal()

    def __init__(self, workspace: Workspace, first: ViewportGrid, acts: WindowActs, keys: KeyBindings) -> None:
        super().__init__()
        self.setWindowTitle("MammoViewer, second screen")
        self.setObjectName("desk")
        self._first = first
        self.grid = ViewportGrid(workspace)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.grid)
        self.grid.cursor_moved.connect(first.cursor_moved)
        self.grid.share(Part.RIGHT, first)
        first.share(Part.LEFT, self.grid)
        keys.serve(Desk(workspace, self.grid, acts), self)

    def show_beside(self, window: QWidget) -> bool:
        """Fill a screen that the first window is not on; without one come up as any window does, and return False."""
        screen = other_screen(window.screen(), QGuiApplication.screens())
        if screen is None:
            self.resize(window.size() * 0.6)
            self.show()
            return False
        self.setGeometry(screen.availableGeometry())
        self.showMaximized()
        return True

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Give the whole stage back to the first screen."""
        self._first.share(Part.ALL, None)
        event.accept()
        self.closed.emit()


def other_screen(used: QScreen, screens: list[QScreen]) -> QScreen | None:
    """Return the screen to the right of the one that is used, else any other; None when it is the only one."""
    others = [screen for screen in screens if screen is not used]
    to_the_right = [screen for screen in others if screen.geometry().left() >= used.geometry().right()]
    return next(iter(to_the_right or others), None)
