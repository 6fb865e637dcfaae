"""The window with what it works on and what runs beside it."""

from __future__ import annotations

import logging

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from mammoviewer.base.notices import Notice
from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.error_report import ErrorReport, start_log
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.panels.plots import load_plots
from mammoviewer.gui.session_keeper import SessionKeeper
from mammoviewer.inference.onnx_session import load_runtime
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.window_request import WindowRequest
from mammoviewer.session.workspace import Workspace

_LOGGER = logging.getLogger(__name__)
_REST_AFTER_MS = 400
"""Nobody waits for the rest right after the first picture, and later it would hold up the window."""
_BETWEEN_PANELS_MS = 10
"""Without a rest what the display server sends would wait for the next panel, too."""


class Program:
    """Opens the window with what is asked for.

    Parameters
    ----------
    application
        The application that is going to run.
    request
        What to open.
    """

    def __init__(self, application: QApplication, request: WindowRequest) -> None:
        self._application = application
        start_log()
        report = ErrorReport()
        report.install()
        settings = SettingsFile()
        self._workspace = workspace = Workspace(settings.settings)
        report.notify = lambda error: workspace.notice.emit(Notice.from_error(error))
        self._bridge = Bridge(application)
        self._window = MainWindow(workspace, settings)
        if request.model:
            workspace.desk.model = workspace.registry.get(request.model).identity
        for notice in (settings.notice, workspace.library_notice):
            if notice is not None:
                self._window.notices.add(notice)
        # A tour is nobody's session.
        self._keeper = SessionKeeper(workspace) if request.tour is None else None
        workspace.stage_changed.connect(self._look_ahead)
        self._show(request)

    def run(self) -> int:
        """Run until the window is closed, and return the exit code."""
        try:
            code = self._application.exec()
            if self._keeper is not None:
                self._keeper.finish()
            return code
        finally:
            self._bridge.stop()
            self._workspace.close()

    def _look_ahead(self) -> None:
        workspace = self._workspace
        for cell in workspace.stage.cells if workspace.stage is not None else ():
            if cell:
                image = workspace.state(cell).image
                workspace.air.look_ahead(image)
                partner = workspace.hung.counterpart(image)
                if partner is not None:
                    workspace.air.look_ahead(partner)

    def _show(self, request: WindowRequest) -> None:
        window = self._window
        if window.has_place or request.tour is not None:
            window.show()
        else:
            window.showMaximized()
        QTimer.singleShot(_REST_AFTER_MS, window, _load_models_runtime)
        QTimer.singleShot(_REST_AFTER_MS + _BETWEEN_PANELS_MS, window, lambda: _make_panels(window))
        self._workspace.watch.start()
        if request.paths:
            window.opening.open(
                request.paths,
                request.pixel_spacing_mm,
                charset=request.charset,
                duke_convention=request.duke_convention,
            )
        elif self._keeper is not None:
            self._keeper.restore()
        if request.tour is not None:
            from mammoviewer.gui.tour import Tour

            Tour(window, request.paths[0], request.tour)


def _load_models_runtime() -> None:
    try:
        load_runtime()
    except ImportError:  # images can be read without it; a model says so when it is run
        _LOGGER.warning("ONNX Runtime cannot be loaded", exc_info=True)


def _make_panels(window: MainWindow) -> None:
    """Make the panels that are not on screen one by one, with what else waits in between; then load the plots."""
    if window.panels.make_next():
        QTimer.singleShot(_BETWEEN_PANELS_MS, window, lambda: _make_panels(window))
    else:
        load_plots()
