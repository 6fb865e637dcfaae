"""What to export of the active image, and where to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QFileDialog, QGridLayout, QLineEdit, QVBoxLayout

from mammoviewer.gui.panels.parts import button, label, row
from mammoviewer.session.exporting import ExportFormat


class ExportDialog(QDialog):
    """A check box for every format; one that has nothing to export says so and cannot be chosen."""

    def __init__(self, formats: Sequence[ExportFormat], folder: Path, stem: str, *, reasons: Mapping[str, str]) -> None:
        super().__init__()
        self.setWindowTitle("Export")
        self.setFixedWidth(960)
        self._boxes: dict[str, QCheckBox] = {}
        for form in formats:
            box = QCheckBox(form.title)
            reason = reasons.get(form.key, "")
            box.setEnabled(not reason)
            box.setToolTip(reason)
            if reason:
                box.setText(f"{form.title} - {reason}")
            box.toggled.connect(self._check)
            self._boxes[form.key] = box
        self._folder = QLineEdit(str(folder))
        self._folder.setAccessibleName("Folder")
        self._stem = QLineEdit(stem)
        self._stem.setAccessibleName("File name begins with")
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._lay_out()
        for line in (self._folder, self._stem):
            line.textChanged.connect(self._check)
        self._check()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        layout.addWidget(label("WHAT", "section"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        half = -(-len(self._boxes) // 2)
        for index, box in enumerate(self._boxes.values()):
            grid.addWidget(box, index % half, index // half)
        layout.addLayout(grid)
        layout.addSpacing(6)
        layout.addWidget(label("WHERE", "section"))
        names = [label("Folder", "dim"), label("Name", "dim")]
        for name in names:
            name.setFixedWidth(52)
        layout.addLayout(row([names[0], self._folder, button("Choose…", self._choose_folder)]))
        layout.addLayout(row([names[1], self._stem]))
        hint = (
            "Pictures hold no patient data of their own. "
            "DICOM objects and DBTex tables name the patient of the image they belong to."
        )
        layout.addWidget(label(hint, "dim", wrap=True))
        layout.addWidget(self._buttons)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the chosen formats."""
        return tuple(key for key, box in self._boxes.items() if box.isChecked())

    @property
    def folder(self) -> Path:
        """Return the folder to write into."""
        return Path(self._folder.text()).expanduser()

    @property
    def stem(self) -> str:
        """Return how the names of the files begin."""
        return self._stem.text().strip()

    def choose(self, key: str) -> None:
        """Check a format, if it can be exported."""
        self._boxes[key].setChecked(self._boxes[key].isEnabled())

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the export", self._folder.text())
        if chosen:
            self._folder.setText(chosen)

    def _check(self) -> None:
        valid_stem = bool(self.stem) and not any(c in self.stem for c in '/\\:*?"<>|')
        save = self._buttons.button(QDialogButtonBox.StandardButton.Save)
        save.setEnabled(bool(self.keys) and valid_stem and bool(self._folder.text().strip()))
