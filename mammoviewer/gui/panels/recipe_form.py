"""The settings of a recipe as a form: one field each, with its range, its default and what it is for."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import CalmCombo, clear_layout, column, label, row, section
from mammoviewer.training.recipe_files import Recipe, RecipeParameter, Value

_MOST = 2_000_000_000
_DECIMALS = 6
_NAME_WIDTH = 170


class _Number(QDoubleSpinBox):
    """Shows no more decimals than a number has."""

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Return the number without zeros at its end."""
        text = super().textFromValue(value)
        point = self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text


class RecipeForm(QWidget):
    """Signal: ``changed()`` when the reader changes a value. The recipe's file says what may stand in a field."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._recipe: Recipe | None = None
        self._fields: dict[str, QWidget] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(14)

    def show_recipe(self, recipe: Recipe) -> None:
        """Show the settings of a recipe with their defaults, under the headings of its file."""
        clear_layout(self._layout)
        self._recipe, self._fields = recipe, {}
        groups: dict[str, list[RecipeParameter]] = {}
        for parameter in recipe.parameters:
            groups.setdefault(parameter.group or "settings", []).append(parameter)
        for name, parameters in groups.items():
            self._layout.addWidget(section(name, column([self._line(one) for one in parameters], spacing=6)))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the fields in their order."""
        return tuple(self._fields)

    def field(self, name: str) -> QWidget:
        """Return the field of a setting."""
        return self._fields[name]

    def values(self) -> dict[str, Value]:
        """Return the settings that differ from the recipe's defaults."""
        if self._recipe is None:
            return {}
        found = {name: _value(field) for name, field in self._fields.items()}
        return {name: value for name, value in found.items() if value != self._recipe.parameter(name).default}

    def show_values(self, values: Mapping[str, Value]) -> None:
        """Put values into their fields."""
        for name, value in values.items():
            if name in self._fields:
                _put(self._fields[name], value)

    def _line(self, parameter: RecipeParameter) -> QWidget:
        field = self._field(parameter)
        field.setAccessibleName(parameter.name)
        field.setToolTip(f"{parameter.help}\n{parameter.expected}; default {parameter.default}".strip())
        self._fields[parameter.name] = field
        name = label(parameter.name.replace("_", " "), "dim")
        name.setFixedWidth(_NAME_WIDTH)
        about = label(parameter.help, "quiet", wrap=True)
        line = QWidget()
        layout = row([name, field, about], spacing=10)
        layout.setStretch(2, 1)
        line.setLayout(layout)
        return line

    def _field(self, parameter: RecipeParameter) -> QWidget:
        field: QWidget
        if parameter.kind == "bool":
            field = QCheckBox()
            field.toggled.connect(self.changed)
        elif parameter.kind == "choice":
            field = CalmCombo()
            field.show_choices([(choice, choice) for choice in parameter.choices], parameter.default)
            field.currentIndexChanged.connect(self.changed)
        elif parameter.kind == "int":
            field = QSpinBox()
            field.setRange(round(parameter.minimum or 0), round(parameter.maximum or _MOST))
            field.valueChanged.connect(self.changed)
        elif parameter.kind == "float":
            field = _Number()
            field.setDecimals(_DECIMALS)
            field.setRange(parameter.minimum or 0.0, _MOST if parameter.maximum is None else parameter.maximum)
            field.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
            field.valueChanged.connect(self.changed)
        else:
            field = QLineEdit()
            field.textChanged.connect(self.changed)
        if isinstance(field, QSpinBox | QDoubleSpinBox):
            field.lineEdit().setTextMargins(6, 0, 0, 0)
        field.setFixedWidth(150)
        _put(field, parameter.default)
        return field


def _put(field: QWidget, value: Value) -> None:
    if isinstance(field, QCheckBox):
        field.setChecked(bool(value))
    elif isinstance(field, CalmCombo):
        field.setCurrentIndex(field.findData(value))
    elif isinstance(field, QSpinBox):
        field.setValue(int(value))
    elif isinstance(field, QDoubleSpinBox):
        field.setValue(float(value))
    elif isinstance(field, QLineEdit):
        field.setText(str(value))


def _value(field: QWidget) -> Value:
    if isinstance(field, QCheckBox):
        return field.isChecked()
    if isinstance(field, CalmCombo):
        return str(field.currentData())
    if isinstance(field, QSpinBox):
        return field.value()
    if isinstance(field, QDoubleSpinBox):
        return round(field.value(), _DECIMALS)
    assert isinstance(field, QLineEdit)
    return field.text().strip()
