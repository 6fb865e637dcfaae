"""The header of an image as a tree of elements, with a search that keeps the sequences around what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtWidgets import QHeaderView, QTreeView

HeaderRow = tuple[str, str, str, str]
_COLUMNS = ("Tag", "Element", "Value")
_INDENT = 2
_MOST_EXPANDED = 2000


class HeaderModel(QAbstractItemModel):
    """The header as a tree of tag, keyword and value; items of sequences lie below their sequence."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[HeaderRow] = []
        self._parents: list[int] = []
        self._places: list[int] = []
        self._children: list[list[int]] = [[]]

    def show_rows(self, rows: Sequence[HeaderRow]) -> None:
        """Show (tag, keyword, vr, value) rows; the tag's leading spaces, two a level, tell how deep a row lies."""
        self.beginResetModel()
        self._rows, self._parents, self._places = list(rows), [], []
        # Children of row i are at i + 1, those of the root at 0.
        self._children = [[] for _ in range(len(rows) + 1)]
        above = [0]
        for number, (tag, *_) in enumerate(rows):
            depth = min((len(tag) - len(tag.lstrip())) // _INDENT, len(above) - 1)
            del above[depth + 1 :]
            self._parents.append(above[depth])
            self._places.append(len(self._children[above[depth]]))
            self._children[above[depth]].append(number)
            above.append(number + 1)
        self.endResetModel()

    def index(
        self,
        row: int,
        column: int,
        parent: QModelIndex | QPersistentModelIndex = QModelIndex(),  # noqa: B008
    ) -> QModelIndex:
        """Return the place of a cell."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._children[self._id(parent)][row] + 1)

    def parent(self, child: QModelIndex | QPersistentModelIndex) -> QModelIndex:  # type: ignore[override]
        """Return the sequence that an element lies in."""
        above = self._parents[self._id(child) - 1] if child.isValid() else 0
        return self.createIndex(self._places[above - 1], 0, above) if above else QModelIndex()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of elements below one."""
        return 0 if parent.column() > 0 else len(self._children[self._id(parent)])

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of columns."""
        return len(_COLUMNS)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell; the whole value as its tool tip."""
        tag, keyword, vr, value = self._rows[self._id(index) - 1]
        if role == Qt.ItemDataRole.DisplayRole:
            return (tag.strip(" ()"), keyword, value)[index.column()]
        return f"{tag.lstrip()} {keyword} ({vr})\n{value}" if role == Qt.ItemDataRole.ToolTipRole else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return the title of a column."""
        shown = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _COLUMNS[section] if shown else None

    @staticmethod
    def _id(index: QModelIndex | QPersistentModelIndex) -> int:
        """Return 1 + the row that an index stands for, 0 for the root."""
        return int(index.internalId()) if index.isValid() else 0


class HeaderTree(QTreeView):
    """The tree with its search."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = HeaderModel()
        self._found = QSortFilterProxyModel(self)
        self._found.setSourceModel(self._elements)
        self._found.setFilterKeyColumn(-1)
        self._found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._found.setRecursiveFilteringEnabled(True)
        self.setModel(self._found)
        self._dress()

    @property
    def shown_rows(self) -> int:
        """Return how many elements the search leaves, with the sequences they lie in."""
        waiting, count = [QModelIndex()], 0
        while waiting:
            above = waiting.pop()
            rows = self._found.rowCount(above)
            count += rows
            waiting += [self._found.index(row, 0, above) for row in range(rows)]
        return count

    def show_rows(self, rows: Sequence[HeaderRow]) -> None:
        """Show another header."""
        self._elements.show_rows(rows)
        self._open_what_was_found()

    def search(self, text: str) -> None:
        """Show the elements that hold a text, and open what they lie in."""
        self._found.setFilterFixedString(text)
        self._open_what_was_found()

    def _open_what_was_found(self) -> None:
        if self._found.filterRegularExpression().pattern() and self.shown_rows <= _MOST_EXPANDED:
            self.expandAll()
        else:
            self.collapseAll()

    def _dress(self) -> None:
        self.setAccessibleName("Header")
        self.setAlternatingRowColors(True)
        self.setUniformRowHeights(True)
        self.setIndentation(8)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        heads = self.header()
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        heads.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        heads.setSectionResizeMode(1, QHeaderView.ResizeMode.Interactive)
        heads.setStretchLastSection(True)
        self.setColumnWidth(0, self.fontMetrics().horizontalAdvance("0000,0000") + 24)
        self.setColumnWidth(1, self.fontMetrics().horizontalAdvance("M" * 9))
