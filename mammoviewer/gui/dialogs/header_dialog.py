"""The header of a file that does not open as an image."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from mammoviewer.base.progress import Progress
from mammoviewer.dicom.header import header_lines
from mammoviewer.gui.bridge import when_over
from mammoviewer.gui.panels.header_tree import HeaderRow, HeaderTree
from mammoviewer.gui.panels.parts import label
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.workspace import Workspace


class HeaderDialog(QDialog):
    """Its elements as a tree to search in, read in the background."""

    def __init__(self, workspace: Workspace, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Header")
        self.resize(720, 640)
        self._tree = HeaderTree()
        search = QLineEdit()
        search.setPlaceholderText("Search the header")
        search.setClearButtonEnabled(True)
        search.textChanged.connect(self._tree.search)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        self._title = label(path.name, "section", wrap=True)
        layout.addWidget(self._title)
        layout.addWidget(search)
        layout.addWidget(self._tree, 1)

        def work(progress: Progress) -> list[HeaderRow]:
            return header_lines(path)

        when_over(self, workspace.decoding.submit("Header", work, priority=3), self._take)

    @property
    def shown_rows(self) -> int:
        """Return how many elements are shown."""
        return self._tree.shown_rows

    def _take(self, job: Job) -> None:
        notice = notice_of(job)
        if notice is not None:
            self._title.setText(notice.text)
        elif job.state is JobState.DONE:
            self._tree.show_rows(job.result)
