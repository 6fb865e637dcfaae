"""The study list: search as you type, a table, and what can be done with the studies that are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget

from mammoviewer.gui.panels.parts import button, column, label, row
from mammoviewer.gui.panels.study_table import COLUMNS, StudyModel, StudyTable
from mammoviewer.session.listed_study import ListedStudy, in_order, matching, only_patient

_INTO_TABLE = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)
_OPENED = len(COLUMNS) - 1


class StudyListPanel(QWidget):
    """Shows what it is given; what should be done it asks for.

    Signals: ``open_wanted(list)``, ``removal_wanted(list)`` and ``folder_wanted(object)`` carry studies;
    ``unwatch_wanted(object)`` a folder; ``enabling_wanted(bool)``, ``watch_wanted()`` and ``clearing_wanted()`` come
    from the menu.
    """

    open_wanted = Signal(list)
    removal_wanted = Signal(list)
    folder_wanted = Signal(object)
    watch_wanted = Signal()
    unwatch_wanted = Signal(object)
    enabling_wanted = Signal(bool)
    clearing_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._studies: tuple[ListedStudy, ...] = ()
        self._watched: tuple[Path, ...] = ()
        self._enabled = True
        self._sorting = (_OPENED, True)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search patient, ID, date, accession, view")
        self.field.setAccessibleName("Search the study list")
        self.field.textChanged.connect(self._rearrange)
        self.field.installEventFilter(self)
        self._count = label("", "dim")
        self._open = button("Open", self._open_chosen, tip="Open the chosen studies (Enter)")
        self._more = button("List", lambda: None, tip="Watched folders, and what is kept")
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._more.setMenu(self._menu)
        self.model = StudyModel(self)
        self.table = StudyTable(self.model)
        self.table.chosen.connect(self._open_chosen)
        self.table.removal_wanted.connect(self._remove_chosen)
        self.table.customContextMenuRequested.connect(self._show_context_menu)
        self.table.selectionModel().selectionChanged.connect(self._show_counts)
        head = self.table.horizontalHeader()
        head.setSortIndicator(_OPENED, Qt.SortOrder.DescendingOrder)
        head.sortIndicatorChanged.connect(self._sort)
        self.field.setMinimumWidth(300)
        top = row([self.field, self._count, None, self._open, self._more], spacing=10)
        self.setLayout(column([top, self.table], spacing=8))
        self._show_counts()

    @property
    def chosen(self) -> list[ListedStudy]:
        """Return the chosen studies in the order shown."""
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        return [self.model.studies[number] for number in rows]

    @property
    def has_studies(self) -> bool:
        """Return whether anything is listed, whatever the search leaves of it."""
        return bool(self._studies)

    def show_studies(self, studies: Sequence[ListedStudy]) -> None:
        """List these; what is chosen stays chosen, and what is known to be missing stays so until it is known again."""
        missing = {study.key: study.missing for study in self._studies}
        self._studies = tuple(replace(study, missing=missing.get(study.key)) for study in studies)
        self.model.forget_pictures()
        self._rearrange()

    def show_missing(self, missing: dict[str, int]) -> None:
        """Mark the studies of which files are not there."""
        self._studies = tuple(replace(s, missing=missing.get(s.key, s.missing)) for s in self._studies)
        self._rearrange()

    def show_state(self, *, enabled: bool, watched: Sequence[Path]) -> None:
        """Take what the menu tells: whether a list is kept, and which folders are watched."""
        self._enabled, self._watched = enabled, tuple(watched)

    def begin(self) -> None:
        """Give the keyboard to the table, or to the search field when there is nothing in it."""
        if self.model.studies and not self.table.currentIndex().isValid():
            self.choose_row(0)
        (self.table if self.model.studies else self.field).setFocus()

    def choose_row(self, number: int) -> None:
        """Choose one study alone, whatever keys are held."""
        rows = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.table.selectionModel().setCurrentIndex(self.model.index(number, 0), rows)

    def type(self, text: str) -> None:
        """Search on with a letter that was typed elsewhere on the page."""
        self.field.setFocus()
        self.field.insert(text)

    def clear_search(self) -> bool:
        """Empty the search field; return whether there was something in it."""
        there = bool(self.field.text())
        self.field.clear()
        return there

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Let the arrow keys go from the field into the table, and Enter open what is found first."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self.model.studies:
            if event.key() in _INTO_TABLE:
                self.begin()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if not self.chosen:
                    self.choose_row(0)
                self._open_chosen()
                return True
        return super().eventFilter(watched, event)

    def _rearrange(self) -> None:
        keys = {study.key for study in self.chosen}
        current = self.table.currentIndex()
        held = self.model.studies[current.row()].key if current.isValid() else ""
        place = self.table.verticalScrollBar().value()
        number, descending = self._sorting
        shown = in_order(matching(self._studies, self.field.text()), COLUMNS[number][1], descending=descending)
        self.model.show_studies(shown)
        self._choose_again(keys, held)
        self.table.verticalScrollBar().setValue(place)
        self._show_counts()

    def _choose_again(self, keys: set[str], held: str) -> None:
        choice = QItemSelection()
        for number, study in enumerate(self.model.studies):
            index = self.model.index(number, 0)
            if study.key in keys:
                choice.select(index, self.model.index(number, len(COLUMNS) - 1))
            if study.key == held:
                self.table.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        self.table.selectionModel().select(choice, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _sort(self, number: int, order: Qt.SortOrder) -> None:
        self._sorting = number, order == Qt.SortOrder.DescendingOrder
        self._rearrange()

    def _show_counts(self) -> None:
        shown, chosen = len(self.model.studies), len(self.chosen)
        of_all = f" of {len(self._studies)}" if shown != len(self._studies) else ""
        many = f", {chosen} chosen" if chosen > 1 else ""
        self._count.setText(f"{shown}{of_all} {'study' if shown == 1 and not of_all else 'studies'}{many}")
        self._open.setEnabled(chosen > 0)

    def _open_chosen(self) -> None:
        if self.chosen:
            self.open_wanted.emit(self.chosen)

    def _remove_chosen(self) -> None:
        if self.chosen:
            removed = self.chosen
            rows = [index.row() for index in self.table.selectionModel().selectedRows()]
            # So that Delete can be pressed again, and arrows go on from here.
            following = max(rows) + 1 if max(rows) + 1 < len(self.model.studies) else min(rows) - 1
            self.choose_row(following)
            self.removal_wanted.emit(removed)

    def _show_context_menu(self, place: QPoint) -> None:
        if self.chosen:
            menu = self.context_menu()
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.table.viewport().mapToGlobal(place))

    def context_menu(self) -> QMenu:
        """Return the menu of what can be done with the chosen studies."""
        chosen = self.chosen
        menu = QMenu(self)
        count = len(chosen)
        menu.addAction("Open" if count == 1 else f"Open {count} studies", self._open_chosen)
        one = chosen[0]
        menu.addAction("Show folder", lambda: self.folder_wanted.emit(one)).setEnabled(count == 1)
        priors = menu.addAction("Find priors of this patient", lambda: self.field.setText(only_patient(one)))
        priors.setEnabled(count == 1 and bool(only_patient(one)))
        menu.addSeparator()
        menu.addAction("Remove from list", self._remove_chosen)
        return menu

    def _fill_menu(self) -> None:
        menu = self._menu
        menu.clear()
        menu.addAction("Watch a folder…", self.watch_wanted.emit).setEnabled(self._enabled)
        for folder in self._watched:
            stop = menu.addAction(f"Stop watching {folder.name or folder}")
            stop.setToolTip(str(folder))
            stop.triggered.connect(lambda _, folder=folder: self.unwatch_wanted.emit(folder))
        menu.addSeparator()
        keep = menu.addAction("Keep a list of studies")
        keep.setCheckable(True)
        keep.setChecked(self._enabled)
        keep.triggered.connect(self.enabling_wanted)
        menu.addAction("Clear the list…", self.clearing_wanted.emit)
