"""The editor of hanging protocols: choose one, change its stages, keep it under a name of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QLineEdit, QListWidget, QSpinBox, QVBoxLayout, QWidget

from mammoviewer.base.errors import InputError, SettingsError
from mammoviewer.gui.panels.parts import CalmCombo, button, column, divider, icon_button, label, row
from mammoviewer.session.protocol import (
    CELL_WORDS,
    LARGEST_GRID,
    PRIOR,
    Protocol,
    StageRule,
    delete_protocol,
    protocols,
    save_protocol,
)
from mammoviewer.session.workspace import Workspace

_HELP = (
    "A cell takes the label of a view (RCC, LMLO, RML …) or one of the words offered; “prior:” before it takes the "
    "image from the prior study. A stage appears when at least half of its cells can be filled."
)
_WORDS = (*CELL_WORDS, *(PRIOR + word for word in CELL_WORDS[1:5]), PRIOR + "SAME_VIEW_TOMO", PRIOR + "SAME_VIEW_2D")


class CellGrid(QWidget):
    """The cells of a stage as editable lists, laid out as they hang."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._boxes: list[CalmCombo] = []
        self._columns = 1

    @property
    def cells(self) -> tuple[str, ...]:
        """Return what the cells say, row by row."""
        return tuple(box.currentText().strip() for box in self._boxes)

    def show_cells(self, rows: int, columns: int, cells: Sequence[str]) -> None:
        """Show a grid of cells; those beyond ``cells`` are empty."""
        for box in self._boxes:
            self._grid.removeWidget(box)
            box.hide()
            box.deleteLater()
        self._boxes, self._columns = [], columns
        for place in range(rows * columns):
            box = CalmCombo(editable=True)
            box.addItems(_WORDS)
            box.setCurrentText(cells[place] if place < len(cells) else "")
            box.setAccessibleName(f"Cell in row {place // columns + 1}, column {place % columns + 1}")
            self._grid.addWidget(box, place // columns, place % columns)
            self._boxes.append(box)

    def resized(self, rows: int, columns: int) -> None:
        """Change the grid; a cell that is still there keeps its place."""
        old, before = self.cells, self._columns
        kept = [
            old[r * before + c] if c < before and r * before + c < len(old) else ""
            for r in range(rows)
            for c in range(columns)
        ]
        self.show_cells(rows, columns, kept)


class ProtocolDialog(QDialog):
    """Works on a copy; nothing is written before Save.

    Parameters
    ----------
    workspace
        Its studies hang by the protocol that is used.
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Hanging protocols")
        self.setMinimumSize(760, 480)
        self._workspace = workspace
        self._protocols: list[Protocol] = []
        self._stages: list[StageRule] = []
        self._shown = -1
        self._choice = CalmCombo()
        self._choice.setAccessibleName("Protocol")
        self._choice.activated.connect(lambda index: self._open(self._protocols[index]))
        self._name = QLineEdit()
        self._name.setAccessibleName("Name of the protocol")
        self._list = QListWidget()
        self._list.setAccessibleName("Stages")
        self._list.currentRowChanged.connect(self._turn_to)
        self._title = QLineEdit()
        self._title.setAccessibleName("Title of the stage")
        self._rows, self._columns = self._spin("Rows"), self._spin("Columns")
        self.cells = CellGrid()
        self._message = label("", "dim", wrap=True)
        self._delete = button("Delete", self.delete)
        self._lay_out()
        self._refresh(workspace.hung.protocol.name)

    def _spin(self, name: str) -> QSpinBox:
        made = QSpinBox()
        made.setRange(1, LARGEST_GRID)
        made.setAccessibleName(name)
        made.valueChanged.connect(self._resize_grid)
        return made

    def _lay_out(self) -> None:
        tools = row(
            [
                icon_button("plus", "Add a stage", self.add_stage),
                icon_button("up", "Earlier", lambda: self.move_stage(-1)),
                icon_button("down", "Later", lambda: self.move_stage(1)),
                icon_button("trash", "Remove this stage", self.remove_stage),
                None,
            ]
        )
        left = QWidget()
        left.setFixedWidth(250)
        left.setLayout(column([self._list, tools]))
        size = row([label("Rows"), self._rows, label("Columns"), self._columns, None])
        right = QWidget()
        right.setLayout(column([label("Title of the stage", "dim"), self._title, size, self.cells, None]))
        middle = row([left, right], spacing=16)
        middle.setStretch(1, 1)
        foot = row(
            [
                label("Name", "dim"),
                self._name,
                button("Save", self.save),
                self._delete,
                None,
                button("Close", self.close),
                button("Use it", self.use, kind="primary", tip="Hang the open studies by this protocol"),
            ]
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 14)
        layout.setSpacing(12)
        for part in (self._choice, label(_HELP, "dim", wrap=True)):
            layout.addWidget(part)
        layout.addLayout(middle, 1)
        layout.addWidget(self._message)
        layout.addWidget(divider())
        layout.addLayout(foot)

    def _refresh(self, name: str) -> None:
        self._protocols, errors = protocols()
        chosen = next((p for p in reversed(self._protocols) if p.name == name), self._protocols[0])
        self._choice.show_choices(
            [(p.name + (" (comes with the program)" if p.bundled else ""), i) for i, p in enumerate(self._protocols)],
            self._protocols.index(chosen),
        )
        self._open(chosen)
        if errors:
            self._message.setText("\n".join(str(error) for error in errors))

    def _open(self, protocol: Protocol) -> None:
        self._shown = -1
        self._stages = list(protocol.stages)
        self._name.setText(protocol.name if not protocol.bundled else f"My {protocol.name.lower()}")
        self._delete.setEnabled(not protocol.bundled)
        self._message.setText("")
        self._show_list(0)

    def _show_list(self, row: int) -> None:
        self._list.blockSignals(True)
        self._list.clear()
        self._list.addItems([stage.title for stage in self._stages])
        self._list.setCurrentRow(row)
        self._list.blockSignals(False)
        self._show_stage(row)

    def _show_stage(self, row: int) -> None:
        self._shown = row
        stage = self._stages[row]
        self._title.setText(stage.title)
        for spin, value in ((self._rows, stage.rows), (self._columns, stage.columns)):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)
        self.cells.show_cells(stage.rows, stage.columns, stage.cells)

    def _resize_grid(self) -> None:
        self.cells.resized(self._rows.value(), self._columns.value())

    def _take(self) -> bool:
        """Take what is in the fields into the stage that is shown; tell what is wrong with it."""
        try:
            kinds = self._stages[self._shown].kinds
            rows, columns = self._rows.value(), self._columns.value()
            stage = StageRule(self._title.text().strip(), rows, columns, self.cells.cells, kinds)
        except InputError as error:
            self._message.setText(str(error))
            return False
        self._stages[self._shown] = stage
        self._list.item(self._shown).setText(stage.title)
        self._message.setText("")
        return True

    def _turn_to(self, row: int) -> None:
        if row < 0 or row == self._shown:
            return
        if self._take():
            self._show_stage(row)
        else:
            self._list.blockSignals(True)
            self._list.setCurrentRow(self._shown)
            self._list.blockSignals(False)

    def add_stage(self) -> None:
        """Add a pair behind the stage that is shown."""
        if self._take():
            self._stages.insert(self._shown + 1, StageRule("New stage", 1, 2, ("RCC", "LCC")))
            self._show_list(self._shown + 1)
            self._title.setFocus(Qt.FocusReason.OtherFocusReason)
            self._title.selectAll()

    def remove_stage(self) -> None:
        """Remove the stage that is shown; the last one stays."""
        if len(self._stages) > 1:
            del self._stages[self._shown]
            self._show_list(min(self._shown, len(self._stages) - 1))

    def move_stage(self, step: int) -> None:
        """Let the stage come earlier or later."""
        goal = self._shown + step
        if self._take() and 0 <= goal < len(self._stages):
            self._stages.insert(goal, self._stages.pop(self._shown))
            self._show_list(goal)

    def save(self) -> bool:
        """Keep the protocol under its name; return whether it was possible."""
        if not self._take():
            return False
        try:
            saved = save_protocol(self._name.text(), self._stages)
        except SettingsError as error:
            self._message.setText(str(error))
            return False
        self._refresh(saved.name)
        self._message.setText(f"Kept as “{saved.name}”.")
        return True

    def delete(self) -> None:
        """Delete the chosen protocol, if it is the reader's own."""
        try:
            delete_protocol(self._protocols[self._choice.currentIndex()])
        except SettingsError as error:
            self._message.setText(str(error))
            return
        self._refresh("")

    def use(self) -> None:
        """Hang the open studies by the chosen protocol, kept first if it was changed, and close."""
        chosen = self._protocols[self._choice.currentIndex()]
        if not self._take():
            return
        if tuple(self._stages) != chosen.stages:
            if not self.save():
                return
            chosen = self._protocols[self._choice.currentIndex()]
        self._workspace.hung.choose_protocol(chosen)
        self._workspace.hang_again()
        self.close()
