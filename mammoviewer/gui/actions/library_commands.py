"""The study list."""

from __future__ import annotations

from mammoviewer.gui.actions.command import Command

_STUDIES = (
    Command("library.show", "Study list, or back to the images", ("Ctrl+L",), lambda desk: desk.window.studies.show()),
    Command("library.watch", "Watch a folder for new studies…", (), lambda desk: desk.window.studies.choose_folder()),
    Command("library.clear", "Clear the study list…", (), lambda desk: desk.window.studies.ask_to_clear()),
)
LIBRARY_COMMANDS = {"Studies": _STUDIES}
