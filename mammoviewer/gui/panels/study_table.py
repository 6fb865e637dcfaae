"""The table of the study list: one study a row, its first pictures, two lines a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from mammoviewer.gui.theme import color
from mammoviewer.session.listed_study import ListedStudy, how_long_ago
from mammoviewer.session.study_library import THUMBNAILS

ROW_HEIGHT = 58
_PICTURE = QSize(38, 48)
_GAP = 3
_MOST_PICTURES = 600
"""Studies whose pictures are held at once; a scroll through more begins anew."""

_CONTROL = Qt.KeyboardModifier.ControlModifier

SECOND_LINE = Qt.ItemDataRole.UserRole
PICTURES = Qt.ItemDataRole.UserRole + 1
DOUBTFUL = Qt.ItemDataRole.UserRole + 2

COLUMNS = (
    ("", "last", (_PICTURE.width() + _GAP) * THUMBNAILS + 14),
    ("Patient", "patient", 190),
    ("Date", "date", 100),
    ("Study", "description", 150),
    ("Images", "views", 150),
    ("Findings", "findings", 105),
    ("Model", "ai", 120),
    ("Opened", "last", 130),
)
"""Title, what it is sorted by, width in logical pixels."""

Index = QModelIndex | QPersistentModelIndex


def cell(study: ListedStudy, column: int, now: datetime) -> tuple[str, str]:
    """Return the two lines of a cell."""
    count = len(study.images)
    missing = study.missing or 0
    gone = "files are gone" if missing == len(study.paths) else f"{missing} file{'' if missing == 1 else 's'} missing"
    score = "" if study.score is None else f"{study.score:.2f}"
    opened = how_long_ago(study.opened, now) if study.opened else "not opened yet"
    lines = (
        ("", ""),
        (study.patient, study.PatientID if study.PatientID != study.patient else ""),
        (study.date, ""),
        (study.StudyDescription, study.AccessionNumber),
        (study.views, gone if missing else f"{count} image{'' if count == 1 else 's'}"),
        (str(study.findings) if study.findings else "", how_long_ago(study.edited, now)),
        (score, study.model),
        (opened, "" if study.opened else f"came {how_long_ago(study.arrived, now)}"),
    )
    return lines[column]


class StudyModel(QAbstractTableModel):
    """The studies in the order shown. Signal: ``pictures_wanted(list)`` with keys of studies that come into sight."""

    pictures_wanted = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.studies: tuple[ListedStudy, ...] = ()
        self._pictures: dict[str, tuple[QPixmap, ...]] = {}
        self._wanted: dict[str, None] = {}
        self._ask = QTimer(self, singleShot=True, interval=0)
        self._ask.timeout.connect(self._ask_for_pictures)

    def show_studies(self, studies: Sequence[ListedStudy]) -> None:
        """Show these."""
        self.beginResetModel()
        self.studies = tuple(studies)
        self.endResetModel()

    def forget_pictures(self) -> None:
        """Ask again for the pictures of studies that have fewer than there is room for."""
        full = {key: found for key, found in self._pictures.items() if len(found) == THUMBNAILS}
        self._pictures = full if len(full) < _MOST_PICTURES else {}

    def take_pictures(self, found: Mapping[str, Sequence[bytes]]) -> None:
        """Show pictures that were asked for, PNG files by key."""
        for key, files in found.items():
            pixmaps = []
            for file in files:
                pixmap = QPixmap()
                pixmap.loadFromData(file)
                pixmaps.append(pixmap)
            self._pictures[key] = tuple(pixmaps)
        if self.studies:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.studies) - 1, 0))

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        """Return the number of studies."""
        return 0 if parent is not None and parent.isValid() else len(self.studies)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Return the title of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][0]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a line of a cell, the pictures of a study, or whether files of it are missing."""
        study = self.studies[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, SECOND_LINE):
            return cell(study, index.column(), datetime.now().astimezone())[role == SECOND_LINE]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, cell(study, index.column(), datetime.now().astimezone())))
        if role == PICTURES:
            if study.key not in self._pictures:
                self._wanted[study.key] = None
                self._ask.start()
            return self._pictures.get(study.key, ())
        if role == DOUBTFUL:
            return bool(study.missing)
        return None

    def _ask_for_pictures(self) -> None:
        wanted, self._wanted = list(self._wanted), {}
        for key in wanted:
            self._pictures.setdefault(key, ())
        self.pictures_wanted.emit(wanted)


class _TwoLines(QStyledItemDelegate):
    """Paints a bright line over a dim one, or the pictures."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        place: QRect = option.rect
        painter.save()
        if chosen:
            painter.fillRect(place, color("accent_dim"))
        painter.setPen(color("line"))
        painter.drawLine(place.bottomLeft(), place.bottomRight())
        if index.column() == 0:
            self._paint_pictures(painter, place, index.data(PICTURES))
        else:
            self._paint_lines(painter, place.adjusted(8, 9, -8, -9), index, chosen)
        painter.restore()

    def _paint_lines(self, painter: QPainter, place: QRect, index: Index, chosen: bool) -> None:
        gone = index.data(DOUBTFUL)
        first, second = index.data(Qt.ItemDataRole.DisplayRole), index.data(SECOND_LINE)
        metrics = painter.fontMetrics()
        half = place.height() // 2
        lines = (
            (first, QRect(place.left(), place.top(), place.width(), half), "dim" if gone else "bright"),
            (second, QRect(place.left(), place.top() + half, place.width(), half), "text" if chosen else "dim"),
        )
        for number, (text, line, tint) in enumerate(lines):
            warns = gone and number == 1 and COLUMNS[index.column()][1] == "views"
            painter.setPen(color("amber" if warns else tint))
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def _paint_pictures(self, painter: QPainter, place: QRect, pictures: Sequence[QPixmap]) -> None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        left = place.left() + 8
        for pixmap in pictures:
            frame = QRect(left, place.center().y() - _PICTURE.height() // 2, _PICTURE.width(), _PICTURE.height())
            painter.fillRect(frame, Qt.GlobalColor.black)
            inside = QRect(frame.topLeft(), pixmap.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio))
            inside.moveCenter(frame.center())
            painter.drawPixmap(inside, pixmap)
            left += _PICTURE.width() + _GAP


class StudyTable(QTableView):
    """Signals: ``chosen()`` for Enter or a double click, ``removal_wanted()`` for Delete."""

    chosen = Signal()
    removal_wanted = Signal()

    def __init__(self, model: StudyModel) -> None:
        super().__init__()
        self.setObjectName("studyTable")
        self.setAccessibleName("Studies")
        self.setModel(model)
        self.setItemDelegate(_TwoLines(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionsClickable(True)
        head.setSortIndicatorShown(True)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        for number, (_, _, width) in enumerate(COLUMNS):
            self.setColumnWidth(number, width)
        head.setStretchLastSection(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.doubleClicked.connect(lambda _: self.chosen.emit())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Open with Enter, remove with Delete; letters are for the search field."""
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit()
        elif key == Qt.Key.Key_Delete:
            self.removal_wanted.emit()
        elif event.text().strip() and event.text().isprintable() and not event.modifiers() & _CONTROL:
            event.ignore()
        else:
            super().keyPressEvent(event)
