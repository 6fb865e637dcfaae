"""What the buttons and the wheel of the mouse do."""

from __future__ import annotations

from dataclasses import fields, replace

from PySide6.QtWidgets import QCheckBox, QGridLayout, QWidget

from mammoviewer.base.errors import SettingsError
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import CalmCombo, button, column, label, row
from mammoviewer.session.hands_settings import DRAGS, WHEELS, HandsSettings
from mammoviewer.session.settings import Settings, SettingsFile


class MouseEditor(QWidget):
    """One list of choices for each button and each way to turn the wheel."""

    def __init__(self, settings: SettingsFile) -> None:
        super().__init__()
        self._settings = settings
        self.choices: dict[str, CalmCombo] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        for number, entry in enumerate(fields(HandsSettings)):
            choice = CalmCombo()
            choice.setAccessibleName(entry.metadata["description"])
            names = WHEELS if entry.name.endswith("wheel") else DRAGS
            for value in entry.metadata["choices"]:
                choice.addItem(names[value], value)
            choice.activated.connect(lambda _, name=entry.name: self._choose(name))
            self.choices[entry.name] = choice
            grid.addWidget(label(entry.metadata["description"]), number, 0)
            grid.addWidget(choice, number, 1)
        self.inverts = QCheckBox("Turn the wheel the other way when scrolling slices")
        self.inverts.clicked.connect(self._invert)
        self.trouble = label("", "caution", wrap=True)
        self._reset = button("Reset all", self.reset, tip="What buttons and wheel do by themselves")
        fixed = label("Space + drag always pans, Alt + click always explains a patch.", "dim", wrap=True)
        parts = [grid, self.inverts, fixed, self.trouble, None, row([None, self._reset])]
        self.setLayout(column(parts, spacing=12))
        bind(self, settings.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is in force."""
        settings = self._settings.settings
        for name, choice in self.choices.items():
            choice.setCurrentIndex(choice.findData(getattr(settings.hands, name)))
        self.inverts.setChecked(settings.window.wheel_inverts)
        self._reset.setEnabled(settings.hands != HandsSettings() or settings.window.wheel_inverts)
        self.trouble.setVisible(bool(self.trouble.text()))

    def reset(self) -> None:
        """Go back to the defaults."""
        settings = self._settings.settings
        self._keep(replace(settings, hands=HandsSettings(), window=replace(settings.window, wheel_inverts=False)))

    def _choose(self, name: str) -> None:
        settings = self._settings.settings
        self._keep(replace(settings, hands=replace(settings.hands, **{name: self.choices[name].currentData()})))

    def _invert(self, inverts: bool) -> None:
        settings = self._settings.settings
        self._keep(replace(settings, window=replace(settings.window, wheel_inverts=inverts)))

    def _keep(self, settings: Settings) -> None:
        try:
            self._settings.update(settings)
            self.trouble.setText("")
        except SettingsError as error:
            self.trouble.setText(error.reason)
        self.refresh()
