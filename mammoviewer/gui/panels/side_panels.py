"""The panels on the right: one tab each, 320 px wide, folded away with one key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QSizePolicy, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import row

WIDTH = 320


class SidePanels(QFrame):
    """A stack of panels under a row of tabs, each made when it is first shown or asked for.

    Signals: ``turned()`` when another one is shown, ``left()`` for Escape or Ctrl+Enter.

    Parameters
    ----------
    panels
        Title, tip and maker of each. The maker is given what the panel lies in: made there, it is styled once.
    """

    turned = Signal()
    left = Signal()

    def __init__(self, panels: Sequence[tuple[str, str, Callable[[QWidget], QWidget]]]) -> None:
        super().__init__()
        self.setObjectName("sidePanels")
        self.setFixedWidth(WIDTH)
        self._stack = QStackedWidget()
        self._group = QButtonGroup(self)
        self._titles = [title for title, _, _ in panels]
        self._places: dict[str, QWidget] = {title: QWidget() for title in self._titles}
        self._makers = {title: maker for title, _, maker in panels}
        buttons: list[QWidget] = []
        for number, (title, tip, _) in enumerate(panels):
            tab = QToolButton()
            tab.setObjectName("sideTab")
            tab.setText(title)
            tab.setToolTip(tip)
            tab.setCheckable(True)
            tab.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._group.addButton(tab, number)
            self._stack.addWidget(self._places[title])
            buttons.append(tab)
        self._group.idClicked.connect(lambda number: self.show_panel(self._titles[number]))
        self._stack.currentChanged.connect(lambda _: self.turned.emit())
        tabs = QFrame()
        tabs.setObjectName("sideTabs")
        tabs.setLayout(row(buttons, spacing=0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(tabs)
        layout.addWidget(self._stack, 1)
        self._group.button(0).setChecked(True)

    @property
    def titles(self) -> tuple[str, ...]:
        """Return the titles of the tabs."""
        return tuple(self._titles)

    @property
    def current(self) -> str:
        """Return the title of the panel that is shown."""
        return self._titles[self._stack.currentIndex()]

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Have the panel made that comes on screen."""
        self.page(self.current)
        super().showEvent(event)

    def page(self, title: str) -> QWidget:
        """Return a panel, made now if it was not."""
        maker = self._makers.pop(title, None)
        if maker is not None:
            place, shown = self._places[title], self._stack.currentIndex()
            self._places[title] = maker(self._stack)
            with QSignalBlocker(self._stack):
                self._stack.insertWidget(self._titles.index(title), self._places[title])
                self._stack.removeWidget(place)
                self._stack.setCurrentIndex(shown)
            place.deleteLater()
        return self._places[title]

    def make_next(self) -> bool:
        """Make one panel that was not yet, before it is wanted; tell whether there are more."""
        title = next(iter(self._makers), None)
        if title is not None:
            self.page(title)
        return bool(self._makers)

    def make_all(self) -> None:
        """Make those that were not yet."""
        while self.make_next():
            pass

    def show_panel(self, title: str) -> None:
        """Unfold the panels and show one of them."""
        self.page(title)
        self.choose(title)
        self.show()

    def enter(self) -> None:
        """Give the keyboard to the first control of the panel that is shown.

        Where there are others it is none that takes text: keys of one letter go on to be commands.
        """
        controls = self._controls()
        first = next((c for c in controls if not c.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)), None)
        entered = first or next(iter(controls), None)
        if entered is not None:
            entered.activateWindow()
            entered.setFocus(Qt.FocusReason.TabFocusReason)

    def _controls(self) -> list[QWidget]:
        """Return what Tab reaches in the panel that is shown, in its order."""
        page = self.page(self.current)
        found: list[QWidget] = []
        widget: QWidget | None = page.nextInFocusChain()
        while widget is not None and widget is not page:
            reached = widget.isVisible() and widget.isEnabled() and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
            if reached and page.isAncestorOf(widget):
                found.append(widget)
            widget = widget.nextInFocusChain()
        return found

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Leave the panels with Escape or Ctrl+Enter, unless the control that has the keyboard needs it."""
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if event.key() == Qt.Key.Key_Escape or (enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier):
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def choose(self, title: str) -> None:
        """Turn to a panel, which is made when it comes on screen."""
        number = self._titles.index(title)
        self._stack.setCurrentIndex(number)
        self._group.button(number).setChecked(True)
        if self.isVisible():
            self.page(title)
