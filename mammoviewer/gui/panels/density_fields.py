"""How dense each breast is: a row of choices for each side, and what others said."""

from __future__ import annotations

import functools
from typing import Final

from PySide6.QtWidgets import QWidget

from mammoviewer.annotations.birads import birads
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import Segments, column, divider, label, row, section
from mammoviewer.session.breast_density import breasts, others_densities, own_density, say_density
from mammoviewer.session.workspace import Workspace

_NAMES: Final = {"R": "Right", "L": "Left"}


class DensityFields(QWidget):
    """The breast densities of the study; hidden while none of its images tells which breast it shows."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        terms = birads().densities
        choices = [("–", ""), *((term.value, term.value) for term in terms)]
        tips = ["Not said", *(f"{term.title} (Alt+{term.value.upper()})" for term in terms)]
        self.sides: dict[str, Segments] = {}
        self._rows: dict[str, QWidget] = {}
        for side, name in _NAMES.items():
            segments = Segments(choices, tips)
            segments.setAccessibleName(f"Density of the {name.lower()} breast")
            segments.chosen.connect(functools.partial(say_density, workspace, side))
            title = label(name, "dim")
            title.setFixedWidth(44)
            line = QWidget()
            line.setLayout(row([title, segments]))
            self.sides[side], self._rows[side] = segments, line
        self._others = label("", "quiet", wrap=True)
        fields = column([section("Breast density", *self._rows.values(), self._others), divider()], spacing=14)
        self.setLayout(fields)
        changed = (workspace.annotations.changed, workspace.stage_changed, workspace.facts_changed)
        for signal in (*changed, workspace.desk.events.blind):
            bind(self, signal, self._refresh)
        self._refresh()

    @property
    def others(self) -> str:
        """Return what is told of other readers."""
        return self._others.text()

    def _refresh(self) -> None:
        shown = breasts(self._workspace)
        self.setVisible(bool(shown))
        for side, line in self._rows.items():
            line.setVisible(side in shown)
            self.sides[side].show_choice(own_density(self._workspace, side))
        by_reader: dict[str, list[str]] = {}
        for density in others_densities(self._workspace):
            by_reader.setdefault(density.reader or "unnamed", []).append(f"{density.laterality} {density.value}")
        self._others.setText("; ".join(f"{reader}: {', '.join(sorted(said))}" for reader, said in by_reader.items()))
        self._others.setVisible(bool(by_reader))
