"""What happens when something goes wrong that nobody foresaw: the log, and one dialog with the details."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.paths import user_dir
from mammoviewer.gui.panels.parts import label

_LOGGER = logging.getLogger(__name__)


def log_path() -> Path:
    """Return the file of the program's log."""
    return user_dir() / "logs" / "mammoviewer.log"


def start_log() -> None:
    """Write what is logged to a file of bounded size."""
    path = log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("mammoviewer")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    qInstallMessageHandler(_log_qt)


def _log_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    """Write what Qt has to say to the log, where it does not stand between the words for the user."""
    severe = kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
    _LOGGER.log(logging.ERROR if severe else logging.INFO, "Qt: %s", message)


class DefectDialog(QDialog):
    """Says that a defect was met, with the details to copy."""

    def __init__(self, details: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("A defect in MammoViewer")
        self.resize(680, 420)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        layout.addWidget(label("Something went wrong that should not. Your findings are stored.", "heading", wrap=True))
        layout.addWidget(label("You can go on. These details are in the log as well:", "dim", wrap=True))
        text = QPlainTextEdit()
        text.setReadOnly(True)
        text.setPlainText(details)
        layout.addWidget(text, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)


class ErrorReport:
    """The program's ``sys.excepthook``: expected failures become a notice, others are logged and shown once."""

    def __init__(self) -> None:
        self._open: DefectDialog | None = None
        self.notify = _log_only

    def install(self) -> None:
        """Take over from Python's own hook."""
        sys.excepthook = self.report

    def report(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Tell of an exception that nobody caught."""
        cause = _expected_cause(error)
        if cause is not None:
            self.notify(cause)
            return
        _LOGGER.error("unexpected error", exc_info=(kind, error, trace))
        on_gui_thread = threading.current_thread() is threading.main_thread() and QApplication.instance() is not None
        if on_gui_thread and self._open is None:
            self._show("".join(traceback.format_exception(kind, error, trace)))

    def _show(self, details: str) -> None:
        self._open = DefectDialog(details, QApplication.activeWindow())
        self._open.finished.connect(self._closed)
        self._open.open()

    def _closed(self) -> None:
        self._open = None


def _expected_cause(error: BaseException | None) -> MammoViewerError | None:
    """Return the expected failure behind an error; signals wrap what their listeners raise."""
    while error is not None:
        if isinstance(error, MammoViewerError):
            return error
        error = error.__cause__
    return None


def _log_only(error: MammoViewerError) -> None:
    _LOGGER.warning("%s", error.reason)
