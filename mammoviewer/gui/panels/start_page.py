"""What is seen before anything is open: the study list, Open..., the demo exam, a place to drop files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QIcon, QKeyEvent, QKeySequence, QPixmap
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from mammoviewer.gui.bridge import bind_values
from mammoviewer.gui.icons import icon
from mammoviewer.gui.panels.parts import button, column, label, row
from mammoviewer.gui.panels.study_list import StudyListPanel
from mammoviewer.gui.theme import set_role
from mammoviewer.gui.thumbnails import recent_picture_path
from mammoviewer.jobs.job import Job


class DropTarget(QFrame):
    """Takes files and folders; ``dropped`` carries their paths."""

    dropped = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dropTarget")
        self.setAcceptDrops(True)
        self.setFixedHeight(72)
        words = label("Drop DICOM files, pictures or a folder here", "dim")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setLayout(column([None, words, None]))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept what has local files."""
        if dropped_paths(event):
            event.acceptProposedAction()
            set_role(self, "over", "true")

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Go back to the resting look."""
        set_role(self, "over", "false")

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand the paths on."""
        set_role(self, "over", "false")
        event.acceptProposedAction()
        self.dropped.emit(dropped_paths(event))


def dropped_paths(event: QDropEvent) -> list[Path]:
    """Return the local files and folders of a drop."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


class StartPage(QWidget):
    """The page of the study list; where no list is kept it names what was opened lately.

    Signals: ``open_wanted()``, ``folder_wanted()``, ``demo_wanted()``, ``paths_chosen(list)``; ``seen()`` when the
    page comes into sight, ``left()`` for Escape, ``undo_wanted()`` for Ctrl+Z.

    Parameters
    ----------
    studies
        The study list.
    """

    open_wanted = Signal()
    folder_wanted = Signal()
    demo_wanted = Signal()
    paths_chosen = Signal(list)
    seen = Signal()
    left = Signal()
    undo_wanted = Signal()

    def __init__(self, studies: StudyListPanel) -> None:
        super().__init__()
        self.studies = studies
        self.setObjectName("startPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._recent = QListWidget()
        self._recent.setObjectName("bare")
        self._recent.setIconSize(QSize(56, 68))
        self._recent.setSpacing(2)
        self._recent.setAccessibleName("Recent studies")
        self._recent.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self._recent.itemClicked.connect(self._open_recent)
        self._title = label("RECENT", "section")
        self._empty = label("Studies that you open are listed here.", "dim")
        drop = DropTarget()
        drop.dropped.connect(self.paths_chosen)
        body = QWidget()
        body.setMaximumWidth(1240)
        open_button = button("Open files…", self.open_wanted.emit, icon_name="open", tip="Open files (Ctrl+O)")
        open_button.setMinimumHeight(36)
        folder_button = button(
            "Open folder…", self.folder_wanted.emit, icon_name="folder", tip="Open a folder of images"
        )
        folder_button.setMinimumHeight(36)
        self._demo = button("Demo exam", self.demo_wanted.emit, kind="primary", tip="Open the built-in phantom exam")
        self._demo.setMinimumHeight(36)
        self._making = label("", "dim")
        head = column(
            [
                label("MammoViewer", "title"),
                label(
                    "Mammography and tomosynthesis with AI heatmaps. Research use - not for primary diagnosis.", "dim"
                ),
            ],
            spacing=6,
        )
        content = column(
            [
                head,
                row([open_button, folder_button, self._demo, self._making, None], spacing=10),
                drop,
                self._title,
                self._empty,
                self._recent,
                self.studies,
            ],
            spacing=18,
        )
        # Takes the height that a list would have; beside one it takes none.
        content.addStretch(0)
        content.setStretchFactor(self.studies, 1)
        content.setStretchFactor(self._recent, 1)
        body.setLayout(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(40, 40, 40, 20)
        middle = row([body], spacing=0)
        outer.addLayout(middle, 1)
        self.show_list(there=False)

    def show_list(self, *, there: bool) -> None:
        """Show the study list where there is one, else what was opened lately."""
        came = there and self.studies.isHidden()
        self.studies.setVisible(there)
        self._title.setText("STUDIES" if there else "RECENT")
        self._recent.setVisible(not there and self._recent.count() > 0)
        self._empty.setVisible(not there and self._recent.count() == 0)
        if came and self.isVisible():
            self.begin()

    def begin(self) -> None:
        """Give the keyboard to the list."""
        if self.studies.isVisible():
            self.studies.begin()
        else:
            self._recent.setFocus()

    def event(self, event: QEvent) -> bool:
        """Keep keys without Ctrl to the page: those that act on images must not while no image is seen."""
        if event.type() == QEvent.Type.Show:
            self.seen.emit()
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Search by what is typed; Escape empties the search, then goes back to the images; Ctrl+Z undoes."""
        text = event.text()
        if event.key() == Qt.Key.Key_Escape:
            if not self.studies.clear_search():
                self.left.emit()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_wanted.emit()
        elif self.studies.isVisible() and text.strip() and text.isprintable() and not _has_control(event):
            self.studies.type(text)
        else:
            super().keyPressEvent(event)

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List what was opened lately, the newest first."""
        self._recent.clear()
        for path in paths:
            entry = QListWidgetItem(f"{path.name}\n{path.parent}")
            picture = QPixmap(str(recent_picture_path(path)))
            entry.setIcon(icon("exam", "dim") if picture.isNull() else QIcon(picture))
            entry.setData(Qt.ItemDataRole.UserRole, str(path))
            self._recent.addItem(entry)
        self.show_list(there=not self.studies.isHidden())

    def follow_demo(self, job: Job) -> None:
        """Tell how far the making of the demo exam is, which the reader waits for the first time."""
        bind_values(self, job.changed, self._tell_making)

    def _tell_making(self, job: Job) -> None:
        self._demo.setEnabled(job.state.final)
        left = job.seconds_left
        waits = not job.state.final and job.fraction > 0
        self._making.setText(
            f"Making the exam, this once: {job.fraction:.0%}" + (f", {left:.0f} s left" if left else "")
            if waits
            else ""
        )

    def _open_recent(self, entry: QListWidgetItem) -> None:
        self.paths_chosen.emit([Path(entry.data(Qt.ItemDataRole.UserRole))])


def _has_control(event: QKeyEvent) -> bool:
    held = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
    return bool(event.modifiers() & held)


def _is_ours(event: QKeyEvent) -> bool:
    if event.matches(QKeySequence.StandardKey.Undo):
        return True
    return not _has_control(event) and not Qt.Key.Key_F1 <= event.key() <= Qt.Key.Key_F35
