"""Keys that do something for as long as they are held: O shows the original, M the magnifier."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QWindow
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QPlainTextEdit

from mammoviewer.gui.actions.desk import Desk
from mammoviewer.session.viewer_state import ViewerState

_TYPING = (QLineEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox)


class HeldKeys(QObject):
    """Watches the keys of whichever window has them, because a key may go up while another widget has the focus.

    It sees what windows get and not what widgets do, which is many times as much: looking at each of those events
    doubled the time in which panels are made.
    """

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._shown: tuple[ViewerState, bool] | None = None
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.focusWindowChanged.connect(self._watch)
        self._watch(application.focusWindow())

    def _watch(self, window: QWindow | None) -> None:
        """Go over to the window that has the keys now; those of the one before are let go."""
        self._let_go(Qt.Key.Key_O)
        self._let_go(Qt.Key.Key_M)
        if window is not None:
            # Done again, this changes nothing.
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch for the keys going down, except while the reader types, and up."""
        if isinstance(event, QKeyEvent) and not event.isAutoRepeat():
            kind = event.type()
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            # Whatever has happened in between, the key that goes up was this one.
            if kind == QEvent.Type.KeyRelease:
                self._let_go(event.key())
            elif kind == QEvent.Type.KeyPress and plain and not isinstance(QApplication.focusWidget(), _TYPING):
                self._hold(event.key())
        return False

    def _hold(self, key: int) -> None:
        state = self._desk.state
        if key == Qt.Key.Key_M and state is not None:
            self._desk.workspace.desk.lens = True
        elif key == Qt.Key.Key_O and self._shown is None and state is not None:
            self._shown = state, state.bypass_filters
            state.bypass_filters = True

    def _let_go(self, key: int) -> None:
        """Give the view that was held, which need not be the active one any more, back what it had."""
        if key == Qt.Key.Key_M:
            self._desk.workspace.desk.lens = False
        elif key == Qt.Key.Key_O and self._shown is not None:
            state, before = self._shown
            self._shown = None
            state.bypass_filters = before
