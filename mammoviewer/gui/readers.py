"""Choosing who reads."""

from __future__ import annotations

from dataclasses import replace

from mammoviewer.base.errors import AnnotationError, SettingsError
from mammoviewer.base.notices import Notice
from mammoviewer.gui.dialogs.reader_dialog import ReaderDialog
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.workspace import Workspace


class Readers:
    """Makes the dialog and keeps what is chosen in the settings."""

    def __init__(self, workspace: Workspace, settings: SettingsFile) -> None:
        self._workspace = workspace
        self._settings = settings

    def dialog(self) -> ReaderDialog:
        """Return the dialog with the readers that are known here."""
        try:
            known = self._workspace.store.readers()
        except AnnotationError:
            known = ()
        made = ReaderDialog(known, self._settings.settings.reader)
        made.chosen.connect(self.choose)
        return made

    def choose(self, name: str) -> None:
        """Let somebody read from now on."""
        try:
            self._settings.update(replace(self._settings.settings, reader=name))
        except SettingsError as error:
            self._workspace.notice.emit(Notice.from_error(error))
