"""A field that takes the keys that are pressed in it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QKeyCombination, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit

_MODIFIERS = (
    Qt.Key.Key_Shift,
    Qt.Key.Key_Control,
    Qt.Key.Key_Alt,
    Qt.Key.Key_AltGr,
    Qt.Key.Key_Meta,
    Qt.Key.Key_CapsLock,
    Qt.Key.Key_NumLock,
    Qt.Key.Key_unknown,
)
_NEEDED = (
    Qt.KeyboardModifier.ShiftModifier
    | Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


def pressed_key(event: QKeyEvent) -> str:
    """Return the text of a key as bindings have it, empty for modifiers alone.

    A sign such as ``?`` is itself, whether or not the keyboard needs Shift for it.
    """
    key = Qt.Key(event.key())
    if key in _MODIFIERS:
        return ""
    if key == Qt.Key.Key_Backtab:
        return "Shift+Tab"
    modifiers = event.modifiers() & _NEEDED
    sign = event.text()
    if len(sign) == 1 and sign.isprintable() and not sign.isalnum() and not sign.isspace():
        modifiers &= ~Qt.KeyboardModifier.ShiftModifier
    return QKeySequence(QKeyCombination(modifiers, key)).toString(QKeySequence.SequenceFormat.PortableText)


class KeyField(QLineEdit):
    """Signals: ``pressed(str)`` with a key; ``cleared()`` for Backspace; ``given_up()`` for Escape; ``left()``."""

    pressed = Signal(str)
    cleared = Signal()
    given_up = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setPlaceholderText("Press the new keys (Backspace: none, Esc: as it was)")
        self.setAccessibleName("New keys")

    def event(self, event: QEvent) -> bool:
        """Take every key, also those that would be shortcuts or move the focus."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            self._take(event)
            return True
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Tell when the reader turns to something else."""
        super().focusOutEvent(event)
        if event.reason() in (Qt.FocusReason.MouseFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self.left.emit()

    def _take(self, event: QKeyEvent) -> None:
        plain = event.modifiers() & _NEEDED == Qt.KeyboardModifier.NoModifier
        if plain and event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
        elif plain and event.key() == Qt.Key.Key_Backspace:
            self.cleared.emit()
        elif key := pressed_key(event):
            self.pressed.emit(key)
