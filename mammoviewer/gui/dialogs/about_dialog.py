"""What the program is, and what it is not for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

import mammoviewer
from mammoviewer.gui.panels.parts import label

DISCLAIMER = "Research use only - not for primary diagnosis"


class AboutDialog(QDialog):
    """Name, version, licence, disclaimer.

    Signals: ``calibration_wanted()`` when the reader wants to tell what the screen does.
    """

    calibration_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About MammoViewer")
        self.setFixedWidth(440)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 18)
        layout.setSpacing(12)
        layout.addWidget(label("MammoViewer", "title"))
        layout.addWidget(label(f"Version {mammoviewer.__version__}, Apache License 2.0", "dim"))
        layout.addWidget(label(f"{DISCLAIMER}.", "caution", wrap=True))
        text = (
            "This program is not a medical device. It has not been cleared or approved for diagnosis, screening or "
            "treatment. Models that come with it, or are trained in it, were not validated for clinical use; their "
            "scores and heatmaps may be wrong. The display of the workstation is not checked; what you measured of "
            "it can be entered."
        )
        words = label(text, wrap=True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(words)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        calibrate = buttons.addButton("Display calibration…", QDialogButtonBox.ButtonRole.ActionRole)
        calibrate.clicked.connect(self.calibration_wanted)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
