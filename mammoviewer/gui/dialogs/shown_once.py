"""Dialogs that stay open while the reader goes on, each of them once."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def show_once(window: QWidget, dialog: QWidget, *, anew: bool = False) -> None:
    """Show a dialog of a window, which is deleted when it closes.

    The same one that is open comes to the front instead, with what was typed there; it gives way to one that is wanted
    ``anew`` because it only tells.
    """
    for other in window.findChildren(type(dialog)):
        if other is dialog or not other.isVisible() or other.windowTitle() != dialog.windowTitle():
            continue
        if not anew:
            dialog.deleteLater()
            other.activateWindow()
            return
        other.close()
    dialog.setParent(window, Qt.WindowType.Dialog)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.show()
