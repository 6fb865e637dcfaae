"""Starting the window."""

from __future__ import annotations

import logging
import sys

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

import mammoviewer
from mammoviewer.base.notices import Notice
from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.error_report import ErrorReport, start_log
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.session_keeper import SessionKeeper
from mammoviewer.gui.theme import apply_theme
from mammoviewer.inference.onnx_session import load_runtime
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.window_request import WindowRequest
from mammoviewer.session.workspace import Workspace

_LOGGER = logging.getLogger(__name__)
_RUNTIME_AFTER_MS = 400
"""Nobody waits for it right after the first picture, and later it would hold up the window."""


def make_application() -> QApplication:
    """Return the application with its look; screens may have any scale factor."""
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("MammoViewer")
    application.setApplicationVersion(mammoviewer.__version__)
    apply_theme(application)
    return application


def _load_models_runtime() -> None:
    try:
        load_runtime()
    except ImportError:  # images can be read without it; a model says so when it is run
        _LOGGER.warning("ONNX Runtime cannot be loaded", exc_info=True)


def _make_panels(window: MainWindow) -> None:
    """Make the panels that are not on screen one by one, with what else waits in between."""
    if window.panels.make_next():
        QTimer.singleShot(0, window, lambda: _make_panels(window))


def show_window(request: WindowRequest) -> int:
    """Open the window with what is asked for, run until it is closed, and return the exit code."""
    application = make_application()
    start_log()
    report = ErrorReport()
    report.install()
    settings = SettingsFile()
    workspace = Workspace(settings.settings)
    report.notify = lambda error: workspace.notice.emit(Notice.from_error(error))
    bridge = Bridge(application)
    window = MainWindow(workspace, settings)
    if request.model:
        workspace.desk.model = workspace.registry.get(request.model).identity
    for notice in (settings.notice, workspace.library_notice):
        if notice is not None:
            window.notices.add(notice)
    if window.has_place or request.tour is not None:
        window.show()
    else:
        window.showMaximized()
    QTimer.singleShot(_RUNTIME_AFTER_MS, window, _load_models_runtime)
    QTimer.singleShot(_RUNTIME_AFTER_MS, window, lambda: _make_panels(window))
    # A tour is nobody's session.
    keeper = SessionKeeper(workspace) if request.tour is None else None
    workspace.watch.start()
    if request.paths:
        window.opening.open(
            request.paths,
            request.pixel_spacing_mm,
            charset=request.charset,
            duke_convention=request.duke_convention,
        )
    elif keeper is not None:
        keeper.restore()
    if request.tour is not None:
        from mammoviewer.gui.tour import Tour

        Tour(window, request.paths[0], request.tour)
    try:
        code = application.exec()
        if keeper is not None:
            keeper.finish()
        return code
    finally:
        bridge.stop()
        workspace.close()
