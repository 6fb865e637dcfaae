"""The class of a region: the usual terms, the reader's own, or a new one typed in."""

from __future__ import annotations

from PySide6.QtCore import Signal

from mammoviewer.annotations.birads import birads
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import CalmCombo
from mammoviewer.session.workspace import Workspace


class ClassCombo(CalmCombo):
    """An editable list of classes; ``chosen`` comes when the reader picks or types one."""

    chosen = Signal(str)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(editable=True)
        self._workspace = workspace
        self._shown = ""
        self.setAccessibleName("Class")
        self.setInsertPolicy(CalmCombo.InsertPolicy.NoInsert)
        self.setMaxVisibleItems(16)
        self.activated.connect(self._tell)
        line = self.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._tell)
        line.setPlaceholderText("class of the region")
        bind(self, workspace.annotations.changed, self._fill)
        self._fill()

    def show_label(self, text: str) -> None:
        """Show a class without telling anybody."""
        self._shown = text
        if self.currentText() != text:
            self.blockSignals(True)
            self.setCurrentText(text)
            self.blockSignals(False)

    def _tell(self) -> None:
        text = self.currentText().strip()
        if text and text != self._shown:
            self._shown = text
            self.chosen.emit(text)

    def _fill(self) -> None:
        own = [finding.label for finding in self._workspace.annotations.findings if finding.label]
        labels = list(dict.fromkeys([*birads().labels, *self._workspace.store.labels(), *own]))
        if labels == [self.itemText(i) for i in range(self.count())]:
            return
        self.blockSignals(True)
        self.clear()
        self.addItems(labels)
        self.setCurrentText(self._shown)
        self.blockSignals(False)
