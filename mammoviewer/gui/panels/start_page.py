"""What is seen before anything is open: recent studies, Open..., the demo exam, a place to drop files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QIcon, QPixmap
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from mammoviewer.gui.bridge import bind_values
from mammoviewer.gui.icons import icon
from mammoviewer.gui.panels.parts import button, column, label, row
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
        self.setFixedHeight(120)
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
    """Signals: ``open_wanted()``, ``demo_wanted()``, ``paths_chosen(list)``."""

    open_wanted = Signal()
    folder_wanted = Signal()
    demo_wanted = Signal()
    paths_chosen = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("startPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._recent = QListWidget()
        self._recent.setObjectName("bare")
        self._recent.setIconSize(QSize(56, 68))
        self._recent.setSpacing(2)
        self._recent.setAccessibleName("Recent studies")
        self._recent.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self._recent.itemClicked.connect(self._open_recent)
        self._empty = label("Studies that you open are listed here.", "dim")
        drop = DropTarget()
        drop.dropped.connect(self.paths_chosen)
        body = QWidget()
        body.setFixedWidth(760)
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
                label("RECENT", "section"),
                self._empty,
                self._recent,
                None,
            ],
            spacing=22,
        )
        body.setLayout(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(40, 72, 40, 24)
        outer.addWidget(body, 1, Qt.AlignmentFlag.AlignHCenter)

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List what was opened lately, the newest first."""
        self._recent.clear()
        self._empty.setVisible(not paths)
        self._recent.setVisible(bool(paths))
        for path in paths:
            entry = QListWidgetItem(f"{path.name}\n{path.parent}")
            picture = QPixmap(str(recent_picture_path(path)))
            entry.setIcon(icon("exam", "dim") if picture.isNull() else QIcon(picture))
            entry.setData(Qt.ItemDataRole.UserRole, str(path))
            self._recent.addItem(entry)

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
