"""The window: puts bars, panels and images together and hands commands to whoever does them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QWidget

from mammoviewer.base.notices import Notice
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.actions.display_commands import calibrate
from mammoviewer.gui.actions.held_keys import HeldKeys
from mammoviewer.gui.actions.key_bindings import KeyBindings
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.deidentification import Deidentification
from mammoviewer.gui.dialogs.about_dialog import DISCLAIMER, AboutDialog
from mammoviewer.gui.dialogs.cheat_sheet import CheatSheet
from mammoviewer.gui.dialogs.command_palette import CommandPalette
from mammoviewer.gui.dialogs.header_dialog import HeaderDialog
from mammoviewer.gui.dialogs.jobs_dialog import JobsDialog
from mammoviewer.gui.dialogs.shown_once import show_once
from mammoviewer.gui.error_report import log_path
from mammoviewer.gui.kept_settings import KeptSettings
from mammoviewer.gui.model_actions import show_from_marks
from mammoviewer.gui.opening import Opening
from mammoviewer.gui.pages import Pages
from mammoviewer.gui.panels.cursor_line import CursorLine, footer_bar
from mammoviewer.gui.panels.header_bar import HeaderBar
from mammoviewer.gui.panels.jobs_bar import JobsBar
from mammoviewer.gui.panels.model_combo import choose_first_model
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.gui.panels.parts import column, label, row
from mammoviewer.gui.panels.start_page import StartPage, dropped_paths
from mammoviewer.gui.panels.thumbnail_rail import ThumbnailRail
from mammoviewer.gui.readers import Readers
from mammoviewer.gui.recipes import Recipes
from mammoviewer.gui.second_screen import ONE_SCREEN, SecondScreen
from mammoviewer.gui.sidecars import SidecarOffers
from mammoviewer.gui.studies import Studies
from mammoviewer.gui.thumbnails import Thumbnails
from mammoviewer.gui.window_layout import WindowLayout
from mammoviewer.gui.window_panels import window_panels
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import SHOWN_FROM
from mammoviewer.session.workspace import Workspace

if TYPE_CHECKING:
    from mammoviewer.gui.exports import Exports
    from mammoviewer.gui.finding_imports import FindingImports
    from mammoviewer.gui.panels.train_panel import TrainPanel


class MainWindow(QMainWindow):
    """The one window of the program.

    Parameters
    ----------
    workspace
        The open work; the window does not close it.
    settings
        The reader's settings.
    """

    def __init__(self, workspace: Workspace, settings: SettingsFile) -> None:
        super().__init__()
        self.setWindowTitle("MammoViewer")
        self.setMinimumSize(940, 500)
        self.setAcceptDrops(True)
        self.workspace = workspace
        choose_first_model(workspace)
        if workspace.style.threshold == SHOWN_FROM:
            show_from_marks(workspace)
        self.active = ActiveView(workspace, self)
        self.thumbnails = Thumbnails(workspace, self)
        self.notices = NoticeLine(workspace)
        self.opening = Opening(workspace, settings, self.thumbnails, self.notices, self)
        self.kept_settings = KeptSettings(workspace, settings, self)
        self.readers = Readers(workspace, settings)
        self.sidecars = SidecarOffers(workspace, settings, self.notices, self)
        self.recipes = Recipes(workspace, settings, self)
        self.deidentification = Deidentification(workspace, self.notices, self)
        self.grid = ViewportGrid(workspace)
        self.studies = Studies(
            workspace, settings, opening=self.opening, thumbnails=self.thumbnails, notices=self.notices, window=self
        )
        self.start_page = StartPage(self.studies.panel)
        self.header = HeaderBar(workspace, self.active)
        self.rail = ThumbnailRail(workspace, self.active, self.thumbnails)
        self.jobs = JobsBar(workspace)
        self.cursor_line = CursorLine(self.active)
        self.panels = window_panels(workspace, self.active, lambda: self.train_panel)
        self._second: SecondScreen | None = None
        self.pages = Pages(
            workspace,
            grid=self.grid,
            start_page=self.start_page,
            beside=(self.rail, self.panels),
            studies=self.studies,
            opening=self.opening,
        )
        self._lay_out()
        self.desk = Desk(workspace, self.grid, self)
        self.keys = KeyBindings(settings, self.desk, self)
        self._held = HeldKeys(self.desk, self)
        self._connect()
        self.pages.show_images_or_start()
        self.window_layout = WindowLayout(self, self.pages, self.panels, self.notices, settings)
        self.has_place = self.window_layout.restore()
        if not self.has_place:
            self.resize(1600, 960)

    def _lay_out(self) -> None:
        disclaimer = label(DISCLAIMER, "quiet")
        disclaimer.setToolTip("This program is not a medical device")
        footer = footer_bar(self.cursor_line, disclaimer, self.jobs)
        middle = row([self.rail, self.pages, self.panels], spacing=0)
        middle.setStretch(1, 1)
        desk = QWidget()
        desk.setObjectName("desk")
        whole = column([self.header, middle, self.notices, footer], spacing=0)
        whole.setStretch(1, 1)
        desk.setLayout(whole)
        self.setCentralWidget(desk)

    def _connect(self) -> None:
        self.start_page.open_wanted.connect(self.choose_files)
        self.start_page.folder_wanted.connect(self.choose_folder)
        self.start_page.demo_wanted.connect(self.open_demo)
        self.start_page.paths_chosen.connect(self.open_paths)
        self.header.open_wanted.connect(self.choose_files)
        self.header.list_wanted.connect(self.studies.show)
        self.header.export_wanted.connect(self.show_export)
        self.header.palette_wanted.connect(self.show_palette)
        self.header.help_wanted.connect(self.show_keys)
        self.header.panels_toggled.connect(self.toggle_panels)
        self.jobs.log_wanted.connect(self.show_log)
        self.notices.header_wanted.connect(self.show_header)
        self.grid.cursor_moved.connect(self.cursor_line.show_reading)
        bind(self, self.workspace.desk.events.model, lambda: show_from_marks(self.workspace))
        # The draft that follows the regions is the panel's.
        bind(self, self.workspace.desk.events.live, self.panels.make_all)
        self.recipes.models_changed.connect(self.header.model.refresh)

    def open_paths(self, paths: Sequence[Path], pixel_spacing_mm: float | None = None) -> None:
        """Open files and folders in the background."""
        self.opening.open(list(paths), pixel_spacing_mm)

    def choose_files(self) -> None:
        """Ask for files and open them."""
        self.opening.choose_files()

    def choose_folder(self) -> None:
        """Ask for a folder and open it."""
        self.opening.choose_folder()

    def open_demo(self) -> None:
        """Open the demo exam."""
        self.start_page.follow_demo(self.opening.open_demo())

    @functools.cached_property
    def train_panel(self) -> TrainPanel:
        """What retrains from the reader's regions; made late, because its plots take long to load."""
        from mammoviewer.gui.panels.train_panel import TrainPanel

        made = TrainPanel(self.workspace)
        made.job_started.connect(self.jobs.follow)
        made.models_changed.connect(self.header.model.refresh)
        made.recipes_wanted.connect(self.recipes.show)
        return made

    @functools.cached_property
    def exports(self) -> Exports:
        """What writes files; made when it is first asked for, because its forms take long to load."""
        from mammoviewer.gui.exports import Exports

        return Exports(self.workspace, self.grid, self.notices, self)

    @functools.cached_property
    def imports(self) -> FindingImports:
        """What reads findings of other programs; made when it is first asked for, as the exports are."""
        from mammoviewer.gui.finding_imports import FindingImports

        return FindingImports(self.workspace, self.opening, self.notices, self)

    def show_export(self) -> None:
        """Ask what to export and do it."""
        self.exports.show()

    def show_deidentify(self) -> None:
        """Ask how to write a de-identified copy of the study and do it."""
        self.deidentification.show()

    def ask_pixel_size(self) -> None:
        """Ask for views and pixel sizes that images do not bring."""
        self.opening.ask_pixel_size()

    def offer(self, notice: Notice, words: str, act: Callable[[], object]) -> None:
        """Show a notice with a button that does something about it."""
        self.notices.add(notice, (words, act))

    def show_palette(self) -> None:
        """Show the command palette at the top of the window."""
        palette = CommandPalette(self.keys.commands, self)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.chosen.connect(self.run_command)
        palette.finished.connect(self.pages.focus)
        palette.move((self.width() - palette.width()) // 2, self.header.height() + 8)
        palette.show()
        palette.setFocus()

    def run_command(self, command: Command) -> None:
        """Do what a command says."""
        command.handler(self.desk)

    def show_keys(self) -> None:
        """Show the cheat sheet."""
        self.show_dialog(CheatSheet(self.keys.commands, self.workspace.settings.hands, self), anew=True)

    def show_about(self) -> None:
        """Show what the program is."""
        about = AboutDialog(self)
        about.calibration_wanted.connect(lambda: calibrate(self.desk))
        self.show_dialog(about, anew=True)

    def show_log(self) -> None:
        """Show what ran in the background."""
        self.show_dialog(JobsDialog(self.jobs.jobs, log_path(), self), anew=True)

    def show_header(self, path: Path) -> None:
        """Show the header of a file that does not open as an image."""
        self.show_dialog(HeaderDialog(self.workspace, path, self), anew=True)

    def show_panel(self, title: str) -> None:
        """Show one of the panels on the right."""
        self.pages.show_panel(title)

    def enter_panel(self, title: str) -> None:
        """Show one of the panels on the right and give it the keyboard."""
        self.pages.enter_panel(title)

    def toggle_panels(self) -> None:
        """Fold the panels on the right away, or bring them back."""
        self.pages.fold(not self.pages.folded)

    def choose_reader(self) -> None:
        """Ask who is reading."""
        self.show_dialog(self.readers.dialog())

    def toggle_second_screen(self) -> None:
        """Spread the stage over two screens, or take it back."""
        if self._second is not None:
            self._second.close()
            return
        self._second = SecondScreen(self.workspace, self.grid, self, self.keys)
        self._second.closed.connect(self._forget_second)
        if not self._second.show_beside(self):
            self.notices.add(ONE_SCREEN, first=True)

    def _forget_second(self) -> None:
        if self._second is not None:
            self._second.deleteLater()
            self.notices.withdraw(ONE_SCREEN)
            self._second = None

    def show_dialog(self, dialog: QWidget, *, anew: bool = False) -> None:
        """Show a dialog of the window's, or the same one that is open unless it is wanted ``anew``."""
        show_once(self, dialog, anew=anew)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Accept files and folders anywhere in the window."""
        if dropped_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open what was dropped, or show what findings would come."""
        event.acceptProposedAction()
        self.imports.drop(dropped_paths(event))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Stop training on regions, keep settings and geometry."""
        if "train_panel" in vars(self):
            self.train_panel.finish()
        self.recipes.close()
        if self._second is not None:
            self._second.close()
        self.kept_settings.keep()
        self.active.release()
        self.studies.close()
        self.window_layout.keep()
        event.accept()
