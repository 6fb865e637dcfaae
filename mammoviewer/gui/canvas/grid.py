"""The viewports of the stage that is hung, side by side."""

from __future__ import annotations

import enum
import sys
from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from mammoviewer.gui.bridge import bind
from mammoviewer.gui.canvas.opaque import keep_opaque
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.theme import color
from mammoviewer.session.workspace import Workspace

_MADE_AHEAD: Final = 4


class Part(enum.Enum):
    """Which columns of a stage a grid shows."""

    ALL = "all"
    LEFT = "left"
    RIGHT = "right"


def _columns_of(part: Part, columns: int) -> range:
    """Return the columns of a part; of an odd number the left part has one more."""
    middle = (columns + 1) // 2
    return {Part.ALL: range(columns), Part.LEFT: range(middle), Part.RIGHT: range(middle, columns)}[part]


class ViewportGrid(QWidget):
    """A grid of viewports that follows ``workspace.stage``; widgets are used again from stage to stage.

    Signals: ``cursor_moved(CursorReading | None)`` from whichever viewport the mouse is over; ``maximised_changed()``.
    """

    cursor_moved = Signal(object)
    maximised_changed = Signal()

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._pool: list[Viewport] = []
        self._viewports: tuple[Viewport, ...] = ()
        self._maximised: Viewport | None = None
        self._hung = ("", 0)
        self._cells: tuple[int, ...] = ()
        self._columns = 1
        self._part = Part.ALL
        self._partner: ViewportGrid | None = None
        self._defect_told = False
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        # Made before there is anything to wait for: four at once would hold up the opening of the first exam.
        self._pool += [self._new_viewport() for _ in range(_MADE_AHEAD)]
        bind(self, workspace.stage_changed, self.rebuild)
        self.rebuild()

    @property
    def viewports(self) -> tuple[Viewport, ...]:
        """Return the viewports of the stage, row by row; some may be empty."""
        return self._viewports

    @property
    def active(self) -> Viewport | None:
        """Return the viewport of the active image, here or on the other screen."""
        identity = self._workspace.desk.active_identity
        return next((v for v in self.everywhere if identity and v.identity == identity), None)

    @property
    def everywhere(self) -> tuple[Viewport, ...]:
        """Return the viewports of this grid and of the one on the other screen."""
        return self._viewports + (self._partner.viewports if self._partner is not None else ())

    def share(self, part: Part, partner: ViewportGrid | None) -> None:
        """Show only a part of the stage's columns from now on, and leave the others to a partner."""
        self._part, self._partner = part, partner
        # What filled the grid may be on the other screen now.
        self._maximised = None
        self.rebuild()

    @property
    def maximised(self) -> Viewport | None:
        """Return the viewport that fills the grid for the moment."""
        return self._maximised

    def rebuild(self) -> None:
        """Lay the stage out anew."""
        stage = self._workspace.stage
        cells = stage.cells if stage is not None else ()
        columns = stage.columns if stage is not None else 1
        same = stage is not None and (stage.title, len(cells)) == self._hung
        self._hung = (stage.title, len(cells)) if stage is not None else ("", 0)
        mine = _columns_of(self._part, columns)
        self._cells = tuple(index for index in range(len(cells)) if index % columns in mine)
        self._columns = max(1, len(mine))
        while len(self._pool) < len(self._cells):
            self._pool.append(self._new_viewport())
        for viewport in self._pool:
            self._layout.removeWidget(viewport)
        for place, viewport in enumerate(self._pool):
            used = place < len(self._cells)
            viewport.show_image(cells[self._cells[place]] if used else "")
            viewport.setVisible(used)
            if used:
                self._layout.addWidget(viewport, place // self._columns, place % self._columns)
        self._viewports = tuple(self._pool[: len(self._cells)])
        for viewport in self._viewports:
            # One that keeps its image and its size may be fitted otherwise among others.
            viewport.update()
        # An image that takes another's place in a maximised viewport leaves it maximised.
        self._show_alone(self._maximised if same else None)

    def toggle_maximised(self) -> None:
        """Let the active viewport fill its grid, here or on the other screen, or bring the others back."""
        active, grid = self.active, self
        if self._partner is not None and active in self._partner.viewports:
            grid = self._partner
        grid._show_alone(None if grid.maximised is not None else active)
        self.maximised_changed.emit()

    def step_active(self, step: int) -> None:
        """Go to the next (1) or previous (-1) viewport with an image, here or on the other screen, and round."""
        hung = [viewport for viewport in self.everywhere if viewport.state is not None]
        if not hung:
            return
        active = self.active
        goal = hung[(hung.index(active) + step) % len(hung)] if active is not None else hung[0]
        self._workspace.desk.active_identity = goal.identity
        grid = self if goal in self._viewports or self._partner is None else self._partner
        if grid.maximised is not None:
            grid._show_alone(goal)
        goal.activateWindow()
        goal.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def restore(self) -> None:
        """Bring all viewports of the stage back."""
        self._show_alone(None)

    def event(self, event: QEvent) -> bool:
        """Stay opaque."""
        done = super().event(event)
        keep_opaque(self, event)
        return done

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint what shows between the viewports: the separators; black where nothing is hung."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), color("line") if self._viewports else Qt.GlobalColor.black)
        painter.end()

    def _show_alone(self, alone: Viewport | None) -> None:
        self._maximised = alone
        for viewport in self._viewports:
            viewport.setVisible(alone is None or viewport is alone)
        self._stretch()

    def _stretch(self) -> None:
        """Share the room among the lines of the grid that show something; an empty line takes none."""
        places = [divmod(index, self._columns) for index in range(len(self._viewports))]
        shown = [place for place, viewport in zip(places, self._viewports, strict=True) if not viewport.isHidden()]
        rows_shown, columns_shown = {row for row, _ in shown}, {column for _, column in shown}
        for line in range(self._layout.rowCount()):
            self._layout.setRowStretch(line, int(line in rows_shown))
        for line in range(self._layout.columnCount()):
            self._layout.setColumnStretch(line, int(line in columns_shown))

    def _side_by_side(self) -> tuple[Viewport, ...]:
        return tuple(viewport for viewport in self.everywhere if not viewport.isHidden())

    def _new_viewport(self) -> Viewport:
        viewport = Viewport(self._workspace, self)
        viewport.beside = self._side_by_side
        viewport.setMinimumSize(64, 64)
        viewport.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        viewport.cursor_moved.connect(self.cursor_moved)
        viewport.label_activated.connect(self.toggle_maximised)
        viewport.image_dropped.connect(lambda identity: self._put(viewport, identity))
        # Queued: a dialog cannot be opened in the middle of painting.
        viewport.paint_failed.connect(self._report, Qt.ConnectionType.QueuedConnection)
        return viewport

    def _put(self, viewport: Viewport, identity: str) -> None:
        if viewport in self._viewports:
            self._workspace.put_into_cell(self._cells[self._viewports.index(viewport)], identity)

    def _report(self, error: Exception) -> None:
        """Report a defect in painting as one that nobody caught, once: it would come again with every picture."""
        if not self._defect_told:
            self._defect_told = True
            sys.excepthook(type(error), error, error.__traceback__)
