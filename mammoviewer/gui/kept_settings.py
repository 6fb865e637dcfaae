"""How the reader likes overlays, corner text and hanging, kept in the settings a moment after the last change."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice
from mammoviewer.gui.bridge import bind
from mammoviewer.imaging.preparation_plugins import allow_plugins
from mammoviewer.session.settings import Settings, SettingsFile
from mammoviewer.session.workspace import Workspace

REST_MS = 1000
"""A slider must rest so long before its value is written."""


class KeptSettings(QObject):
    """Writes overlay style, corner text, screens and hanging protocol to the settings file."""

    def __init__(self, workspace: Workspace, settings: SettingsFile, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._settings = settings
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.keep)
        settings.changed.connect(self._follow)
        bind(self, workspace.style.events, self._rest.start)
        bind(self, workspace.desk.events.corner_text, self._rest.start)
        desk = workspace.desk.events
        for signal in (desk.blind, desk.black_air, desk.interpolation, desk.cine_rate):
            bind(self, signal, self._rest.start)
        bind(self, workspace.screens.changed, self._rest.start)
        bind(self, workspace.stage_changed, self._rest.start)

    def _follow(self, settings: Settings) -> None:
        """Put new settings into force where they are asked for each time, as those of the mouse are."""
        self._workspace.settings = settings
        # Strokes that wait are still those of the reader before.
        self._workspace.painting.when_settled(self._take_reader)
        self._workspace.heatmaps.models.use_int8(settings.models.int8)
        allow_plugins(settings.models.plugins)
        self._workspace.facts_changed.emit()

    def _take_reader(self) -> None:
        self._workspace.store.reader = self._workspace.settings.reader

    def keep(self) -> None:
        """Write what is in force now; a notice tells when that is not possible."""
        self._rest.stop()
        style, settings = self._workspace.style, self._settings.settings
        window = replace(
            settings.window,
            overlay_opacity=style.opacity,
            overlay_threshold=style.threshold,
            colormap=style.colormap,
            overlay_contours=style.contours,
            corner_text=self._workspace.desk.corner_text,
            blind=self._workspace.desk.blind,
            black_air=self._workspace.desk.black_air,
            interpolation=self._workspace.desk.interpolation,
            cine_rate=self._workspace.desk.cine_rate,
            protocol=self._workspace.hung.protocol.name,
        )
        try:
            self._settings.update(replace(settings, window=window, screens=self._workspace.screens.texts))
        except SettingsError as error:
            self._workspace.notice.emit(Notice.from_error(error))
