"""Asks what a screen's luminance was measured to be, and whether greys are to follow PS3.14."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QScreen, QShowEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QDoubleSpinBox, QLayout, QPlainTextEdit, QVBoxLayout, QWidget

from mammoviewer.base.errors import ArgumentError
from mammoviewer.gui.panels.parts import button, column, label, row, section
from mammoviewer.gui.panels.plots import small_plot
from mammoviewer.gui.screens import calibration, screen_name
from mammoviewer.gui.theme import color
from mammoviewer.imaging.gsdf import (
    LARGEST_DEVIATION,
    DisplayResponse,
    contrast_deviation,
    driving_levels,
    response_of_curve,
    target_luminance,
)
from mammoviewer.session.screens import Screens, read_curve

_HONEST: Final = (
    "8 bits per channel. Research use, not for primary diagnosis: this is arithmetic on what you enter, no measurement "
    "of the screen. Switch off night light, automatic brightness and colour profiles, and do not use it on a screen "
    "that follows the display function by itself."
)
_WIDTH: Final = 720
_TYPICAL: Final = DisplayResponse(0.5, 350.0)
_CURVE_HELP: Final = "0  0.52\n15  1.31\n…\n255  348.0"


class DisplayDialog(QDialog):
    """Works on a copy; nothing is in force before Apply.

    Parameters
    ----------
    screens
        Where the calibration of the screen that the dialog is on is kept.
    """

    def __init__(self, screens: Screens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Display calibration")
        self._screens = screens
        self._name = label("", "heading")
        self.darkest = self._spin("Darkest", "Luminance of black in cd/m2, in the dark")
        self.brightest = self._spin("Brightest", "Luminance of white in cd/m2")
        self.ambient = self._spin("Ambient", "Light of the room that the screen reflects, in cd/m2")
        self.curve = QPlainTextEdit()
        self.curve.setAccessibleName("Measured curve")
        self.curve.setPlaceholderText(_CURVE_HELP)
        self.curve.setFixedSize(250, 130)
        self.curve.textChanged.connect(self._refresh)
        self.on = QCheckBox("Show greys by the Grayscale Standard Display Function (PS3.14) on this screen")
        self.plot = small_plot("cd/m²")
        self.plot.setFixedSize(_WIDTH - 266, 190)
        self.plot.setLogMode(y=True)
        self.plot.setLabel("bottom", "grey (P-value)")
        self.message = label("", "dim", wrap=True)
        self._apply = button("Apply", self.keep, kind="primary")
        self._lay_out()
        self._start()

    def _spin(self, name: str, tip: str) -> QDoubleSpinBox:
        made = QDoubleSpinBox()
        made.setAccessibleName(name)
        made.setToolTip(tip)
        made.setDecimals(3)
        made.setRange(0.0, 4000.0)
        made.setSuffix(" cd/m²")
        made.valueChanged.connect(self._refresh)
        return made

    def _lay_out(self) -> None:
        fields = [
            column([label(name, "dim"), spin], spacing=2)
            for name, spin in (
                ("Black, level 0", self.darkest),
                ("White, level 255", self.brightest),
                ("Ambient light", self.ambient),
            )
        ]
        numbers = row([], spacing=12)
        for field in fields:
            numbers.addLayout(field)
        curve = section("Or a measured curve", label("driving level and cd/m², one pair a line", "dim"), self.curve)
        middle = row([curve, self.plot], spacing=16)
        foot = row(
            [
                button("Forget", self.forget, tip="Drop what was measured of this screen's luminance"),
                None,
                button("Cancel", self.reject),
                self._apply,
            ]
        )
        honest = label(_HONEST, "caution", wrap=True)
        for words in (self.message, honest):
            words.setFixedWidth(_WIDTH)
        layout = QVBoxLayout(self)
        # The text below the plot wraps: the dialog grows and shrinks with it.
        layout.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        layout.setContentsMargins(20, 16, 20, 14)
        layout.setSpacing(12)
        layout.addWidget(self._name)
        layout.addLayout(numbers)
        layout.addLayout(middle)
        for part in (self.message, self.on, honest):
            layout.addWidget(part)
        layout.addLayout(foot)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Follow the window to another screen."""
        super().showEvent(event)
        self.windowHandle().screenChanged.connect(self._start, Qt.ConnectionType.UniqueConnection)

    def _start(self, _screen: QScreen | None = None) -> None:
        """Begin with what is known of the screen, or with an ordinary one."""
        known = calibration(self, self._screens)
        self._name.setText(f"Screen: {screen_name(self.screen())}")
        response = known.response or _TYPICAL
        for spin, value in (
            (self.darkest, response.darkest),
            (self.brightest, response.brightest),
            (self.ambient, response.ambient),
        ):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)
        self.curve.blockSignals(True)
        self.curve.setPlainText("\n".join(f"{level:g}  {value:g}" for level, value in response.curve))
        self.curve.blockSignals(False)
        self.on.setChecked(known.gsdf)
        self._refresh()

    def response(self) -> DisplayResponse:
        """Return the response that is entered.

        Raises
        ------
        ArgumentError
            It is not one of a display.
        """
        pairs = read_curve(self.curve.toPlainText())
        if pairs:
            return response_of_curve(pairs, self.ambient.value())
        return DisplayResponse(self.darkest.value(), self.brightest.value(), self.ambient.value())

    def _refresh(self) -> None:
        """Draw what is entered, or say what is wrong with it."""
        from_curve = bool(self.curve.toPlainText().strip())
        self.darkest.setDisabled(from_curve)
        self.brightest.setDisabled(from_curve)
        self.plot.clear()
        try:
            entered = self.response()
        except ArgumentError as error:
            self.message.setText(f"{str(error)[:1].upper()}{str(error)[1:]}.")
            self._apply.setEnabled(False)
            return
        self._apply.setEnabled(True)
        levels = driving_levels(entered)
        before, after = contrast_deviation(entered), contrast_deviation(entered, levels)
        verdict = "" if after <= LARGEST_DEVIATION else ", more than the 10 % of a primary display"
        self.message.setText(
            f"Contrast departs from the standard by {before:.0%} at the most as the screen is, {after:.0%} corrected"
            f"{verdict}; {len(np.unique(levels))} of 256 driving levels are used for 256 greys. Dashed: the standard; "
            "grey: the screen as it is; blue: corrected."
        )
        self._draw(entered, entered.levels[levels])

    def _draw(self, entered: DisplayResponse, corrected: np.ndarray) -> None:
        grey = np.arange(corrected.size)
        for values, name, style in (
            (entered.levels, "dim", Qt.PenStyle.SolidLine),
            (corrected, "accent", Qt.PenStyle.SolidLine),
            (target_luminance(entered), "bright", Qt.PenStyle.DashLine),
        ):
            self.plot.plot(grey, values, pen=pg.mkPen(color(name), width=1.5, style=style))

    def keep(self) -> None:
        """Put what is entered in force for this screen and close."""
        self._screens.update(screen_name(self.screen()), response=self.response(), gsdf=self.on.isChecked())
        self.accept()

    def forget(self) -> None:
        """Drop what was measured of this screen's luminance; greys are then shown as they are."""
        self._screens.update(screen_name(self.screen()), response=None, gsdf=False)
        self._start()
