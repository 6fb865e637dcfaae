"""The middle of the window: the images, or the study list in their place; rail and panels stand beside images only."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from mammoviewer.gui.bridge import bind
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.opening import Opening
from mammoviewer.gui.panels.side_panels import SidePanels
from mammoviewer.gui.panels.start_page import StartPage
from mammoviewer.gui.studies import Studies
from mammoviewer.session.workspace import Workspace


class Pages(QStackedWidget):
    """Turns to the images when some are opened, to the list when nothing is open or the reader asks for it.

    Signal: ``arranged()`` when panels were folded, unfolded or changed.
    """

    arranged = Signal()

    def __init__(
        self,
        workspace: Workspace,
        *,
        grid: ViewportGrid,
        start_page: StartPage,
        beside: tuple[QWidget, SidePanels],
        studies: Studies,
        opening: Opening,
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._grid = grid
        self._start_page = start_page
        self._rail, self._panels = beside
        self._opening = opening
        self._folded = False
        self.addWidget(start_page)
        self.addWidget(grid)
        start_page.seen.connect(studies.refresh)
        start_page.left.connect(self.show_images_or_start)
        start_page.undo_wanted.connect(studies.undo)
        studies.filled.connect(lambda there: start_page.show_list(there=there))
        studies.wanted.connect(lambda: self._turn_to(start_page))
        studies.toggled.connect(self.toggle_list)
        self._panels.turned.connect(self.arranged)
        self._panels.left.connect(self._leave_panels)
        bind(self, workspace.studies_changed, self.show_images_or_start)
        bind(self, workspace.stage_changed, self.focus)
        for wanted in (workspace.desk.events.note_wanted, workspace.desk.events.plot_wanted):
            bind(self, wanted, self._show_chosen)

    @property
    def reading(self) -> bool:
        """Return whether images are seen, and not the study list."""
        return self.currentWidget() is self._grid

    @property
    def folded(self) -> bool:
        """Return whether the panels are folded away."""
        return self._folded

    def fold(self, folded: bool) -> None:
        """Fold the panels on the right away, or bring them back."""
        self._folded = folded
        self._panels.setVisible(self.reading and not folded)
        self.arranged.emit()

    def show_panel(self, title: str) -> None:
        """Show one of the panels; it is seen when images are."""
        self._panels.show_panel(title)
        self.fold(False)

    def enter_panel(self, title: str) -> None:
        """Show one of the panels and give it the keyboard, until Escape or Ctrl+Enter gives that back to the image."""
        self.show_panel(title)
        if self.reading:
            self._panels.enter()

    def toggle_list(self) -> None:
        """Show the study list in the place of the images, or the images again."""
        self._turn_to(self._start_page if self.reading or not self._workspace.studies else self._grid)

    def show_images_or_start(self) -> None:
        """Show the images, or the study list when nothing is open."""
        self._turn_to(self._grid if self._workspace.studies else self._start_page)

    def focus(self) -> None:
        """Give the keyboard to what is seen."""
        viewport = self._grid.active
        if not self.reading:
            self._start_page.begin()
        elif viewport is not None:
            viewport.setFocus()

    def _leave_panels(self) -> None:
        """Give the keyboard back to the image, which may be on the other screen."""
        if self._grid.active is not None:
            self._grid.active.activateWindow()
        self.focus()

    def _show_chosen(self) -> None:
        """Show what is said of a finding: its text, before the field for that takes the focus, or its plot."""
        desk = self._workspace.desk
        if desk.note_wanted or desk.plot_wanted:
            self.show_panel("Findings")
        desk.plot_wanted = ""

    def _turn_to(self, page: QWidget) -> None:
        self.setCurrentWidget(page)
        self._rail.setVisible(self.reading)
        self._panels.setVisible(self.reading and not self._folded)
        if not self._workspace.studies:
            self._opening.find_recent(self._start_page.show_recent)
        self.focus()
