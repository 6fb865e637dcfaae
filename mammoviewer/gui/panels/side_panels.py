"""The panels on the right: one tab each, 320 px wide, folded away with one key."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QSizePolicy, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import row

WIDTH = 320


class SidePanels(QFrame):
    """A stack of panels under a row of tabs. Signal: ``turned()`` when another one is shown."""

    turned = Signal()

    def __init__(self, panels: Sequence[tuple[str, str, QWidget]]) -> None:
        super().__init__()
        self.setObjectName("sidePanels")
        self.setFixedWidth(WIDTH)
        self._stack = QStackedWidget()
        self._group = QButtonGroup(self)
        self._titles = [title for title, _, _ in panels]
        buttons: list[QWidget] = []
        for number, (title, tip, panel) in enumerate(panels):
            tab = QToolButton()
            tab.setObjectName("sideTab")
            tab.setText(title)
            tab.setToolTip(tip)
            tab.setCheckable(True)
            tab.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._group.addButton(tab, number)
            self._stack.addWidget(panel)
            buttons.append(tab)
        self._group.idClicked.connect(self._stack.setCurrentIndex)
        self._stack.currentChanged.connect(lambda _: self.turned.emit())
        tabs = QFrame()
        tabs.setObjectName("sideTabs")
        tabs.setLayout(row(buttons, spacing=0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(tabs)
        layout.addWidget(self._stack, 1)
        self.show_panel(self._titles[0])

    @property
    def titles(self) -> tuple[str, ...]:
        """Return the titles of the tabs."""
        return tuple(self._titles)

    @property
    def current(self) -> str:
        """Return the title of the panel that is shown."""
        return self._titles[self._stack.currentIndex()]

    def show_panel(self, title: str) -> None:
        """Unfold the panels and show one of them."""
        number = self._titles.index(title)
        self._stack.setCurrentIndex(number)
        self._group.button(number).setChecked(True)
        self.show()
