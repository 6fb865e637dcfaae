"""Cases: one image of a data set with what is known of it, whatever the layout it came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mammoviewer.base.errors import InputError
from mammoviewer.datasets.splits import Split, project_split

Box = tuple[float, float, float, float]
SEVERITIES = ("normal", "benign", "malignant")
STRATA = ("density", "vendor", "view", "lesion type")


@dataclass(frozen=True)
class CaseFinding:
    """One marked place of an image.

    Parameters
    ----------
    label
        "benign", "malignant" or "" where the set does not say.
    kind
        What it is, in the words of the data set (``CALC``, ``Mass``).
    box
        First row, first column, last row, last column: corners in stored pixels; pixel centres are whole numbers.
    circle
        Row and column of the centre and radius in stored pixels, where the set gives a circle.
    frames
        First and last 0-based frame of a volume, in the order of the file.
    """

    label: str
    kind: str
    box: Box
    circle: tuple[float, float, float] | None = None
    frames: tuple[int, int] = (0, 0)

    @classmethod
    def of_circle(cls, label: str, kind: str, circle: tuple[float, float, float]) -> CaseFinding:
        """Return the finding of a circle, with the box around it."""
        row, column, radius = circle
        return cls(label, kind, (row - radius, column - radius, row + radius, column + radius), circle)

    @property
    def centre(self) -> tuple[float, float]:
        """Return the stored row and column of its middle."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class Case:
    """One image, volume or patch.

    Parameters
    ----------
    path, patient, breast, view
        The file; the patient's name in the set; "L", "R" or ""; "CC", "MLO" or "".
    labels
        All that is said of the image as a whole: its severity (one of ``SEVERITIES``, where known), kinds of findings,
        classes of the set itself.
    findings
        Marked places; empty also where the set has none although the image is abnormal.
    frames
        First and last 0-based frame that the labels speak of; ``None`` for all.
    strata
        Values by which figures are told apart; names of ``STRATA`` where known.
    pixel_size_mm
        As the set states it, for files that bring none.
    located
        Whether every abnormality has its place among the findings; such images serve to judge localisation.
    """

    path: Path
    patient: str
    breast: str = ""
    view: str = ""
    labels: tuple[str, ...] = ()
    findings: tuple[CaseFinding, ...] = ()
    frames: tuple[int, int] | None = None
    strata: Mapping[str, str] = field(default_factory=dict)
    pixel_size_mm: float | None = None
    located: bool = True

    @property
    def severity(self) -> str:
        """Return the worst of ``SEVERITIES`` among the labels; empty where the set does not say."""
        known = [severity for severity in SEVERITIES if severity in self.labels]
        return known[-1] if known else ""

    @property
    def name(self) -> str:
        """Return the file's name without its ending, for reports."""
        return self.path.stem


@dataclass(frozen=True)
class MissingCase:
    """A line of a table that gave no case, why, and what can be done."""

    path: Path
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.path}: {self.reason}" + (f" -> {self.hint}" if self.hint else "")


@dataclass(frozen=True)
class CaseList:
    """The cases of a folder, in the order of its tables, and what its tables name but could not be used."""

    layout: str
    root: Path
    cases: tuple[Case, ...]
    missing: tuple[MissingCase, ...] = ()

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def patients(self) -> tuple[str, ...]:
        """Return the patient of each case."""
        return tuple(case.patient for case in self.cases)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class of each case by which splits are stratified: its severity, else its first label."""
        return tuple(case.severity or (case.labels[0] if case.labels else "") for case in self.cases)

    def project_split(self) -> Split:
        """Return the project's own split of these cases, see :func:`project_split`."""
        return project_split(self.layout, self.patients, self.classes)

    def of_patients(self, patients: Sequence[str]) -> CaseList:
        """Return the list with the cases of these patients alone."""
        wanted = set(patients)
        kept = tuple(case for case in self.cases if case.patient in wanted)
        return CaseList(self.layout, self.root, kept, self.missing)


def require_cases(layout: str, root: Path, cases: Sequence[Case], missing: Sequence[MissingCase]) -> CaseList:
    """Return the list of an importer.

    Raises
    ------
    InputError
        Not one case could be used; the first problem is told.
    """
    if not cases:
        first = f": {missing[0].reason}" if missing else ""
        hint = (missing[0].hint if missing else "") or "name the folder that holds the tables and the images"
        raise InputError(f"no image of the {layout} tables can be used{first}", hint=hint, path=root)
    return CaseList(layout, root, tuple(cases), tuple(missing))
