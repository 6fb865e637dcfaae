"""Starting the window."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

import mammoviewer
from mammoviewer.gui.theme import apply_theme
from mammoviewer.session.window_request import WindowRequest

_GIVE_WAY_AFTER_S = 0.001
"""A thread that computes in Python lets the window go on after so long: painting asks for its turn many times."""


def make_application() -> QApplication:
    """Return the application with its look; screens may have any scale factor, and threads give way soon."""
    sys.setswitchinterval(_GIVE_WAY_AFTER_S)
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("MammoViewer")
    application.setApplicationVersion(mammoviewer.__version__)
    apply_theme(application)
    return application


def show_window(request: WindowRequest) -> int:
    """Open the window with what is asked for, run until it is closed, and return the exit code."""
    application = make_application()
    with _collector_at_rest():
        from mammoviewer.gui.program import Program

        program = Program(application, request)
    return program.run()


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Let the collector of reference cycles rest while much is made that stays.

    It would go through all modules and widgets again and again, and find nothing: a tenth of the time until the first
    picture. What is there at the end it never looks at again.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
