"""The few building blocks that all panels share: headings, labelled sliders, icon buttons, facts, segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from mammoviewer.gui.icons import ICON_SIZE, icon
from mammoviewer.gui.theme import set_role

PADDING = 14
"""Distance of a panel's content from its edges, in device-independent pixels."""

_NESTED = 4
"""So many layouts lie within one another in a panel: row, section, body, scroll area."""


class CalmSlider(QSlider):
    """A horizontal slider that the wheel moves only when it has the focus, so that scrolling a panel is safe."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel unless the slider was chosen."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class CalmCombo(QComboBox):
    """A list of choices that shrinks with its panel and ignores the wheel unless it has the focus."""

    def __init__(self, *, editable: bool = False) -> None:
        super().__init__()
        self.setEditable(editable)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel unless the list was chosen."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def event(self, event: QEvent) -> bool:
        """Tell the choice in full, which may be cut, where nothing else is told of the list."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and not self.toolTip():
            QToolTip.showText(event.globalPos(), self.currentText(), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the choice with an ellipsis where it does not fit."""
        if self.isEditable():
            super().paintEvent(event)
            return
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        field = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self)
        icon_width = 0 if option.currentIcon.isNull() else self.iconSize().width() + 6
        text = option.currentText or self.placeholderText()
        option.currentText = self.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, field.width() - icon_width
        )
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def show_choices(self, choices: Sequence[tuple[str, object]], chosen: object) -> None:
        """Fill the list with (text, value) pairs and choose a value, without telling anybody."""
        self.blockSignals(True)
        if [(self.itemText(i), self.itemData(i)) for i in range(self.count())] != list(choices):
            self.clear()
            for text, value in choices:
                self.addItem(text, value)
        self.setCurrentIndex(max(-1, self.findData(chosen)))
        self.blockSignals(False)


class LabelledSlider(QWidget):
    """A name, a value with its unit, and a slider below; ``moved`` comes only when the reader moves it."""

    moved = Signal(float)
    released = Signal()

    def __init__(
        self, title: str, minimum: float, maximum: float, step: float, *, unit: str = "", percent: bool = False
    ) -> None:
        super().__init__()
        self._minimum, self._step, self._unit, self._percent = minimum, step, unit, percent
        self._decimals = _decimals(step)
        self._title = label(title, "dim")
        self._value = label("", "value")
        self._slider = CalmSlider()
        self._slider.setRange(0, max(1, round((maximum - minimum) / step)))
        self._slider.setAccessibleName(title)
        self._slider.valueChanged.connect(self._on_slide)
        self._slider.sliderReleased.connect(self.released)
        head = row([self._title, None, self._value])
        layout = column([head, self._slider], spacing=0)
        self.setLayout(layout)
        self.show_value(minimum)

    @property
    def value(self) -> float:
        """Return the value at which the slider stands."""
        return self._minimum + self._slider.value() * self._step

    def show_range(self, minimum: float, maximum: float) -> None:
        """Change the ends of the slider without telling anybody."""
        self._minimum = minimum
        self._slider.blockSignals(True)
        self._slider.setRange(0, max(1, round((maximum - minimum) / self._step)))
        self._slider.blockSignals(False)

    def show_value(self, value: float) -> None:
        """Move the slider without telling anybody."""
        self._slider.blockSignals(True)
        self._slider.setValue(round((value - self._minimum) / self._step))
        self._slider.blockSignals(False)
        self._write(value)

    def _on_slide(self) -> None:
        self._write(self.value)
        self.moved.emit(self.value)

    def _write(self, value: float) -> None:
        text = f"{value * 100:.0f} %" if self._percent else f"{value:.{self._decimals}f}"
        self._value.setText(f"{text} {self._unit}".strip())


def _decimals(step: float) -> int:
    text = f"{step:.6f}".rstrip("0")
    return len(text.partition(".")[2])


class FactGrid(QWidget):
    """Facts in two columns: a quiet name and a value that can be selected."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)

    def show_facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Show (name, value) pairs in place of those before; labels that are there are used again."""
        wanted = list(facts)
        while len(self._lines) > len(wanted):
            for spare in self._lines.pop():
                self._grid.removeWidget(spare)
                spare.hide()
                spare.deleteLater()
        while len(self._lines) < len(wanted):
            self._add_line()
        for (title, text), (name, value) in zip(self._lines, wanted, strict=True):
            title.setText(name)
            text.setText(value)

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Return what is shown."""
        return tuple((title.text(), text.text()) for title, text in self._lines)

    def _add_line(self) -> None:
        title, text = label("", "dim"), label("", "value", wrap=True)
        title.setAlignment(Qt.AlignmentFlag.AlignTop)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for place, part in enumerate((title, text)):
            self._grid.addWidget(part, len(self._lines), place)
            # Left to the layout, a label would show only after the next round of events.
            part.show()
        self._lines.append((title, text))


class Segments(QWidget):
    """A row of joined buttons of which one is down; ``chosen`` comes when the reader presses one."""

    chosen = Signal(object)

    def __init__(self, choices: Sequence[tuple[str, object]], tips: Sequence[str] = ()) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self._values = [value for _, value in choices]
        buttons: list[QWidget] = []
        for number, (text, _) in enumerate(choices):
            button = QToolButton()
            button.setObjectName("segment")
            button.setText(text)
            button.setToolTip(tips[number] if tips else "")
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            end = {0: "left", len(choices) - 1: "right"}.get(number)
            if end:
                set_role(button, "end", end)
            self._group.addButton(button, number)
            buttons.append(button)
        self.setLayout(row(buttons, spacing=0))
        self._group.idClicked.connect(lambda number: self.chosen.emit(self._values[number]))

    def show_choice(self, value: object) -> None:
        """Press the button of a value without telling anybody."""
        self._group.button(self._values.index(value)).setChecked(True)


def label(text: str, role: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label in one of the roles of the style sheet; its text is never taken for markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    return made


def button(text: str, act: Callable[[], object], *, kind: str = "", icon_name: str = "", tip: str = "") -> QPushButton:
    """Return a push button; ``kind`` is ``primary``, ``link`` or empty."""
    made = QPushButton(text)
    made.setProperty("kind", kind)
    made.setAutoDefault(False)
    if icon_name:
        made.setIcon(icon(icon_name))
        made.setIconSize(QSize(16, 16))
    made.setToolTip(tip)
    made.clicked.connect(lambda _checked: act())
    return made


def icon_button(
    name: str, tip: str, act: Callable[[], object] | None = None, *, checkable: bool = False
) -> QToolButton:
    """Return a flat button with an icon; the keyboard reaches it, a click leaves the focus on the image."""
    made = QToolButton()
    made.setIcon(icon(name))
    made.setIconSize(ICON_SIZE)
    made.setToolTip(tip)
    made.setAccessibleName(tip)
    made.setCheckable(checkable)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if act is not None:
        made.clicked.connect(lambda _checked: act())
    return made


def row(widgets: Sequence[QWidget | None], *, spacing: int = 8) -> QHBoxLayout:
    """Return a row without margins; None stretches."""
    made = QHBoxLayout()
    _fill(made, widgets, spacing)
    return made


def column(widgets: Sequence[QWidget | QLayout | None], *, spacing: int = 8) -> QVBoxLayout:
    """Return a column without margins; None stretches."""
    made = QVBoxLayout()
    _fill(made, widgets, spacing)
    return made


def _fill(layout: QHBoxLayout | QVBoxLayout, widgets: Sequence[QWidget | QLayout | None], spacing: int) -> None:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        elif isinstance(widget, QWidget):
            layout.addWidget(widget)
        else:
            layout.addLayout(widget)


def section(title: str, *content: QWidget | QLayout) -> QWidget:
    """Return a heading in small capitals with its content below."""
    made = QWidget()
    made.setLayout(column([label(title.upper(), "section"), *content]))
    return made


def divider(*, upright: bool = False) -> QFrame:
    """Return a hair line."""
    made = QFrame()
    made.setObjectName("divider")
    if upright:
        made.setFixedSize(1, 18)
    else:
        made.setFixedHeight(1)
    return made


def scrolling(content: Sequence[QWidget | QLayout | None], parent: QWidget | None = None) -> QScrollArea:
    """Return a panel body that scrolls upright only, made in the panel that it is for."""
    area = QScrollArea(parent)
    # Made where it belongs: all that a widget holds is styled anew whenever it moves into another one.
    body = QWidget(area.viewport())
    layout = column(content, spacing=16)
    layout.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
    body.setLayout(layout)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(body)
    return area


def settle() -> None:
    """Lay out at once what has changed, so that nothing is painted with the places it had before."""
    # A layout that changes asks the one around it in turn.
    for _ in range(_NESTED):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)


def clear_layout(layout: QLayout) -> None:
    """Remove and delete all widgets of a layout."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear_layout(inner)
