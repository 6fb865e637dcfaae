"""The places a model points at: go there, or take one over as a finding."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.model_actions import accept_mark, marks, show_mark
from mammoviewer.gui.panels.parts import button, column, label, row, section
from mammoviewer.inference.detections import Detection
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.marks import mark_links, slices_text
from mammoviewer.session.workspace import Workspace

_LIMIT = 50


class AiMarks(QWidget):
    """The marks on all slices of the active image, the strongest first.

    They begin at the score from which the model's manifest has marks shown; from which score on the overlay is painted
    is another matter.
    """

    def __init__(self, workspace: Workspace, active: ActiveView) -> None:
        super().__init__()
        self._workspace = workspace
        self._list = QListWidget()
        self._list.setAccessibleName("AI marks")
        self._list.setFixedHeight(150)
        self._list.itemClicked.connect(self._go_to)
        self._list.itemActivated.connect(self._go_to)
        self._empty = label("", "dim", wrap=True)
        self._accept = button("Accept as finding", self._accept_chosen, tip="Keep the chosen mark as a finding (Enter)")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(section("Marks", column([self._empty, self._list, row([self._accept, None])])))
        self._list.currentItemChanged.connect(lambda *_: self._accept.setEnabled(self._chosen() is not None))
        desk, runs = workspace.desk.events, workspace.heatmaps
        for signal in (
            runs.changed,
            workspace.nipples.changed,
            desk.model,
            desk.blind,
            workspace.facts_changed,
            workspace.computing.job_added,
        ):
            bind(self, signal, self.refresh)
        bind(self, workspace.desk.events.mark, self._choose_current)
        active.switched.connect(self.refresh)
        self.refresh()

    @property
    def shown(self) -> tuple[Detection, ...]:
        """Return the marks in the list."""
        return marks(self._workspace)[:_LIMIT]

    def refresh(self) -> None:
        """Read the marks again; the chosen one stays chosen."""
        chosen = self._chosen()
        shown = self.shown
        texts = self._describe(shown)
        rows = [self._list.item(i) for i in range(self._list.count())]
        known = [(row.data(Qt.ItemDataRole.UserRole), row.text()) for row in rows]
        if list(zip(shown, texts, strict=True)) != known:
            self._list.clear()
            for mark, text in zip(shown, texts, strict=True):
                entry = QListWidgetItem(text)
                entry.setData(Qt.ItemDataRole.UserRole, mark)
                self._list.addItem(entry)
                if mark == chosen:
                    self._list.setCurrentItem(entry)
        self._list.setVisible(bool(shown))
        self._accept.setVisible(bool(shown))
        self._accept.setEnabled(self._chosen() is not None)
        self._empty.setVisible(not shown)
        self._empty.setText(self._why_empty())

    def _describe(self, shown: Sequence[Detection]) -> list[str]:
        """Return per mark its score, class, slices and place, and where it is matched in the other projection."""
        state = self._workspace.active
        if state is None:
            return []
        links = mark_links(self._workspace, state.image)
        texts = []
        for mark in shown:
            parts = [f"{mark.score:.2f}", mark.class_name, slices_text(mark) if state.frames > 1 else ""]
            parts.append(f"row {mark.row:.0f}, column {mark.column:.0f}")
            if mark in links:
                parts.append(links[mark].text)
            texts.append("  ·  ".join(part for part in parts if part))
        return texts

    def _choose_current(self) -> None:
        """Choose the mark that the reader has gone to."""
        for number in range(self._list.count()):
            if self._list.item(number).data(Qt.ItemDataRole.UserRole) == self._workspace.desk.mark:
                self._list.setCurrentRow(number)

    def _why_empty(self) -> str:
        state = self._workspace.active
        if state is None:
            return "Open an image first."
        if ai_hidden(self._workspace, state.image):
            return "Hidden: you are reading blind. Sign the first read (Ctrl+J) to see AI."
        runs, identity, model = self._workspace.heatmaps, state.image.attributes.identity, self._workspace.desk.model
        if runs.is_coming(identity, state.frame, model):
            return "The model is looking…"
        ran = runs.heatmap(identity, state.frame, model)
        if ran is None and runs.scores(identity, state.frame, model):
            return "This model scores the image as a whole and points at no place."
        if ran is None:
            return "Run the model to see where it points."
        if not ran.complete:
            return "The run was stopped before its end. Run the model again to see where it points."
        return "No place reaches the score at which marks are shown."

    def _chosen(self) -> Detection | None:
        entry = self._list.currentItem()
        return entry.data(Qt.ItemDataRole.UserRole) if entry is not None else None

    def _go_to(self, entry: QListWidgetItem) -> None:
        show_mark(self._workspace, entry.data(Qt.ItemDataRole.UserRole))

    def _accept_chosen(self) -> None:
        mark = self._chosen()
        if mark is not None:
            accept_mark(self._workspace, mark)
