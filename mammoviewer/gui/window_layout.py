"""Where the window is and how it is arranged, kept a moment after it changes and brought back at the next start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, QRect, QSettings, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice
from mammoviewer.gui.pages import Pages
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.gui.panels.side_panels import SidePanels
from mammoviewer.session.settings import SettingsFile

REST_MS = 1000
_TITLE_HEIGHT = 40
_LEAST_WIDTH = 120
_LEAST_HEIGHT = 20
_MOVES = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.WindowStateChange)


def within_reach(frame: QRect, screens: Sequence[QRect]) -> QRect:
    """Return where a window can be taken hold of: as it is, or in the middle of the first screen.

    Parameters
    ----------
    frame
        The window with its title bar.
    screens
        What can be used of each screen, the main one first.
    """
    title = QRect(frame.left(), frame.top(), frame.width(), _TITLE_HEIGHT)
    for screen in screens:
        seen = screen.intersected(title)
        if seen.width() >= _LEAST_WIDTH and seen.height() >= _LEAST_HEIGHT:
            return frame
    found = QRect(frame.topLeft(), frame.size().boundedTo(screens[0].size()))
    found.moveCenter(screens[0].center())
    return found


class WindowLayout(QObject):
    """Keeps place, size, screen and whether the window fills it; which panel is shown, or that they are folded.

    The place also survives a program that is killed.
    """

    def __init__(
        self, window: QMainWindow, pages: Pages, panels: SidePanels, notices: NoticeLine, settings: SettingsFile
    ) -> None:
        super().__init__(window)
        self._window = window
        self._pages = pages
        self._panels = panels
        self._notices = notices
        self._settings = settings
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.keep)

    def restore(self) -> bool:
        """Arrange the window as it was; return whether it had a place."""
        kept = self._settings.settings.window
        if kept.panel in self._panels.titles:
            self._panels.choose(kept.panel)
        self._pages.fold(kept.panels_folded)
        saved = _place_settings().value("geometry")
        has_place = saved is not None and self._window.restoreGeometry(saved)
        if has_place:
            self._bring_within_reach()
        self._window.installEventFilter(self)
        self._pages.arranged.connect(self._rest.start)
        return has_place

    def keep(self) -> None:
        """Write how the window is arranged now; a notice tells when that is not possible."""
        self._rest.stop()
        place = _place_settings()
        place.setValue("geometry", self._window.saveGeometry())
        place.sync()
        settings = self._settings.settings
        window = replace(settings.window, panel=self._panels.current, panels_folded=self._pages.folded)
        try:
            self._settings.update(replace(settings, window=window))
        except SettingsError as error:
            self._notices.add(Notice.from_error(error))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Note that the window was moved."""
        if event.type() in _MOVES:
            self._rest.start()
        return False

    def _bring_within_reach(self) -> None:
        """Correct a place on a screen that is not there any more."""
        primary = QGuiApplication.primaryScreen()
        screens = sorted(QGuiApplication.screens(), key=lambda screen: screen is not primary)
        frame = self._window.frameGeometry()
        found = within_reach(frame, [screen.availableGeometry() for screen in screens])
        if found != frame and not self._window.isMaximized() and not self._window.isFullScreen():
            self._window.setGeometry(found)


def _place_settings() -> QSettings:
    return QSettings("MammoViewer", "MammoViewer")
