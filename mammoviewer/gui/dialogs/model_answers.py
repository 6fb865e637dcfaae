"""The answers that an ONNX file made elsewhere cannot give about itself."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QLineEdit, QSpinBox, QWidget

from mammoviewer.gui.panels.parts import CalmCombo, row
from mammoviewer.inference.foreign import TEMPLATES, ForeignFacts, ForeignModel, model_name

_LOOKS_AT = (("Patches of an image", False), ("Whole images", True))


class ModelAnswers(QWidget):
    """The form; ``changed`` comes with every answer."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._found: ForeignModel | None = None
        self._mapped = ""
        self._name, self._title = QLineEdit(), QLineEdit()
        self._classes, self._trained_on = QLineEdit(), QLineEdit()
        self._positive, self._activation = CalmCombo(), CalmCombo()
        self._template, self._looks_at = CalmCombo(), CalmCombo()
        self._pixel_size, self._threshold = _number(4, 0.0, 10.0, 0.005), _number(2, 0.0, 1.0, 0.05)
        self._pixel_size.setSuffix(" mm")
        self._pixel_size.setSpecialValueText("any")
        self._rows, self._columns = _count(), _count()
        self._size = QWidget()
        self._size.setLayout(row([self._rows, self._columns, None]))
        self._template.show_choices([(template.title, name) for name, template in TEMPLATES.items()], "mammogram-01")
        self._looks_at.show_choices(list(_LOOKS_AT), False)
        self._title.setPlaceholderText("one line")
        self._trained_on.setPlaceholderText("which data")
        self._form = self._lay_out()
        self._follow()

    def _lay_out(self) -> QFormLayout:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        lines: tuple[tuple[str, QWidget], ...] = (
            ("&Classes", self._classes),
            ("&Mapped class", self._positive),
            ("Pi&xel size", self._pixel_size),
            ("&Preprocessing", self._template),
            ("&Looks at", self._looks_at),
            ("Rows, columns", self._size),
            ("Acti&vation", self._activation),
            ("&Threshold", self._threshold),
            ("&Name", self._name),
            ("T&itle", self._title),
            ("Trained &on", self._trained_on),
        )
        for text, widget in lines:
            widget.setAccessibleName(text.replace("&", ""))
            form.addRow(text, widget)
        self._rows.setAccessibleName("Rows")
        self._columns.setAccessibleName("Columns")
        return form

    def _follow(self) -> None:
        self._classes.textChanged.connect(self._offer_classes)
        self._positive.activated.connect(self._map_class)
        for line in (self._classes, self._name, self._title, self._trained_on):
            line.textChanged.connect(self.changed)
        for box in (self._positive, self._activation, self._template, self._looks_at):
            box.activated.connect(self.changed)
        for spin in (self._pixel_size, self._threshold):
            spin.valueChanged.connect(self.changed)
        for count in (self._rows, self._columns):
            count.valueChanged.connect(self.changed)

    @property
    def wanted_classes(self) -> int:
        """Return how many class names the file needs."""
        count = self._found.logit_count if self._found is not None else 1
        return 2 if count == 1 else count

    def ask_about(self, found: ForeignModel, stem: str) -> None:
        """Ask about another file; its answers begin with what was found."""
        self._found = found
        any_size = found.shape[2] is None or found.shape[3] is None
        self._form.setRowVisible(self._size, any_size)
        self._classes.setPlaceholderText("normal, finding" if self.wanted_classes == 2 else "first, second, …")
        with QSignalBlocker(self):
            choices = ["sigmoid"] if found.logit_count == 1 else ["softmax"]
            if found.logit_count >= 3:
                choices.append("sigmoid")
            self._activation.show_choices([(text, text) for text in choices], found.activation)
            if self._activation.currentIndex() < 0:
                self._activation.setCurrentIndex(0)
            self._threshold.setValue(0.5)
            self._name.setText(model_name(stem))
            self._mapped = ""
            self._classes.clear()

    def facts(self) -> ForeignFacts:
        """Return the answers."""
        classes = self._class_names()
        any_size = self._found is not None and (self._found.shape[2] is None or self._found.shape[3] is None)
        name = self._name.text().strip()
        return ForeignFacts(
            name=name,
            classes=classes,
            positive_class=str(self._positive.currentData() or ""),
            title=self._title.text().strip(),
            activation=str(self._activation.currentData() or ""),
            pixel_size_mm=self._pixel_size.value() or None,
            template=str(self._template.currentData()),
            threshold=self._threshold.value(),
            patch=(self._rows.value(), self._columns.value()) if any_size else None,
            whole_image=bool(self._looks_at.currentData()),
            trained_on=self._trained_on.text().strip(),
        )

    def _class_names(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self._classes.text().split(",") if name.strip())

    def _map_class(self) -> None:
        self._mapped = str(self._positive.currentData() or "")

    def _offer_classes(self) -> None:
        """Offer the classes that are named; the last one is mapped until another is chosen."""
        names = list(dict.fromkeys(self._class_names()))
        mapped = self._mapped if self._mapped in names else names[-1] if names else ""
        self._positive.show_choices([(name, name) for name in names], mapped)


def _number(decimals: int, low: float, high: float, step: float) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setDecimals(decimals)
    spin.setRange(low, high)
    spin.setSingleStep(step)
    spin.lineEdit().setTextMargins(6, 0, 0, 0)
    return spin


def _count() -> QSpinBox:
    spin = QSpinBox()
    spin.setRange(8, 4096)
    spin.setValue(256)
    spin.lineEdit().setTextMargins(6, 0, 0, 0)
    return spin
