"""One filter of the chain: on or off, its place, and a control for every parameter."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QLayout, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import CalmCombo, LabelledSlider, icon_button, label, row
from mammoviewer.imaging.filter_chain import FilterStep, ParameterDescription, Value, describe


@dataclass(frozen=True)
class CardState:
    """A step of the chain and whether it is on."""

    step: FilterStep
    enabled: bool = True

    def with_value(self, name: str, value: Value) -> CardState:
        """Return the card with one parameter changed."""
        values: Mapping[str, Value] = {**self.step.parameters, name: value}
        return replace(self, step=FilterStep(self.step.name, values))


class FilterCard(QFrame):
    """Signals: ``edited(CardState)``, ``moved(int)`` by so many places, ``removed()``."""

    edited = Signal(object)
    moved = Signal(int)
    removed = Signal()

    def __init__(self, card: CardState, *, first: bool, last: bool) -> None:
        super().__init__()
        self.setObjectName("card")
        self._card = card
        self._shows: dict[str, Callable[[Value], object]] = {}
        description = describe(card.step.name)
        self._on = QCheckBox(description.title)
        self._on.setChecked(card.enabled)
        self._on.setToolTip("Switch this filter on or off")
        self._on.toggled.connect(lambda on: self._change(replace(self._card, enabled=on)))
        up = icon_button("up", "Apply earlier", lambda: self.moved.emit(-1))
        down = icon_button("down", "Apply later", lambda: self.moved.emit(1))
        remove = icon_button("close", "Remove this filter", self.removed.emit)
        up.setEnabled(not first)
        down.setEnabled(not last)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 6, 8)
        layout.setSpacing(4)
        layout.addLayout(row([self._on, None, up, down, remove], spacing=0))
        for parameter in description.parameters:
            control = self._control(parameter, card.step.parameters[parameter.name])
            if isinstance(control, QLayout):
                layout.addLayout(control)
            else:
                layout.addWidget(control)
        self._caution = label("", "caution", wrap=True)
        layout.addWidget(self._caution)
        self._show_caution()

    @property
    def filter_name(self) -> str:
        """Return which filter it is."""
        return self._card.step.name

    def show_card(self, card: CardState) -> None:
        """Show other values of the same filter, without telling of an edit."""
        self._card = card
        with QSignalBlocker(self._on):
            self._on.setChecked(card.enabled)
        for name, show in self._shows.items():
            show(card.step.parameters[name])
        self._show_caution()

    def _control(self, parameter: ParameterDescription, value: Value) -> QWidget | QLayout:
        name = parameter.name
        if parameter.kind == "boolean":
            check = QCheckBox(parameter.title)
            check.setChecked(bool(value))
            self._shows[name] = functools.partial(_check, check)
            check.toggled.connect(lambda on: self._change(self._card.with_value(name, on)))
            return check
        if parameter.choices:
            choices = CalmCombo()
            choices.setAccessibleName(parameter.title)
            choices.show_choices(
                [(f"{choice} {parameter.unit}".strip(), choice) for choice in parameter.choices], value
            )
            self._shows[name] = lambda shown: choices.setCurrentIndex(choices.findData(shown))
            choices.activated.connect(lambda: self._change(self._card.with_value(name, choices.currentData())))
            return row([label(parameter.title, "dim"), None, choices])
        slider = LabelledSlider(
            parameter.title, parameter.minimum, parameter.maximum, parameter.step, unit=parameter.unit
        )
        slider.show_value(float(value))
        self._shows[name] = lambda shown: slider.show_value(float(shown))
        whole = parameter.kind == "integer"
        slider.moved.connect(
            lambda moved: self._change(self._card.with_value(name, round(moved) if whole else round(moved, 6)))
        )
        return slider

    def _change(self, card: CardState) -> None:
        self._card = card
        self._show_caution()
        self.edited.emit(card)

    def _show_caution(self) -> None:
        sentences = self._card.step.cautions() if self._card.enabled else ()
        self._caution.setText(". ".join(sentences))
        self._caution.setVisible(bool(sentences))


def _check(box: QCheckBox, value: Value) -> None:
    with QSignalBlocker(box):
        box.setChecked(bool(value))
