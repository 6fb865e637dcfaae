"""Keys that do something for as long as they are held: O shows the original, M the magnifier."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QPlainTextEdit

from mammoviewer.gui.actions.desk import Desk
from mammoviewer.session.viewer_state import ViewerState

_TYPING = (QLineEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox)


class HeldKeys(QObject):
    """Watches the keys of the whole application, because a key may go up while another widget has the focus."""

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._shown: tuple[ViewerState, bool] | None = None
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch for the keys going down, except while the reader types, and up, or the window losing the keys."""
        kind = event.type()
        if kind in (QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate):
            self._let_go(Qt.Key.Key_O)
            self._let_go(Qt.Key.Key_M)
        elif isinstance(event, QKeyEvent) and not event.isAutoRepeat():
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
