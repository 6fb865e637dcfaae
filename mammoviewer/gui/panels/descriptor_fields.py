"""The descriptors of a finding: a list for each that its class has in the term list."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.finding import Finding
from mammoviewer.gui.panels.parts import CalmCombo, clear_layout

Descriptors = tuple[tuple[str, str], ...]


class DescriptorFields(QWidget):
    """Lists of terms; ``changed(descriptors)`` comes when the reader chooses one."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._label = ""
        self._lists: dict[str, CalmCombo] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)

    @property
    def lists(self) -> dict[str, CalmCombo]:
        """Return the lists by descriptor."""
        return dict(self._lists)

    def show_finding(self, finding: Finding) -> None:
        """Show the descriptors that the finding's class has, with the terms that were given."""
        if finding.label != self._label:
            self._rebuild(finding.label)
        for name, box in self._lists.items():
            box.setCurrentIndex(max(0, box.findData(finding.described(name))))
        self.setVisible(bool(self._lists))

    def _rebuild(self, label: str) -> None:
        clear_layout(self._column)
        self._label, self._lists = label, {}
        kind = next((kind for kind in birads().finding_types if kind.label == label), None)
        for name, terms in (kind.descriptors if kind is not None else {}).items():
            box = CalmCombo()
            box.setAccessibleName(name.capitalize())
            box.show_choices([(f"{name.capitalize()}: –", ""), *((f"{name.capitalize()}: {t}", t) for t in terms)], "")
            box.activated.connect(self._choose)
            self._column.addWidget(box)
            self._lists[name] = box

    def _choose(self) -> None:
        given = ((name, box.currentData()) for name, box in self._lists.items())
        self.changed.emit(tuple((name, term) for name, term in given if term))
