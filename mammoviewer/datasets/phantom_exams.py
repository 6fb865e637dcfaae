"""Phantom exams: folders that ``mammoviewer phantom`` has written, each of one computed patient, with ``truth.json``.

Spiculated masses stand for malignant lesions and smooth ones for benign lesions. Clusters of microcalcifications are
listed without a severity, for they are drawn alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import InputError
from mammoviewer.datasets.cases import Case, CaseFinding, CaseList, MissingCase, require_cases
from mammoviewer.datasets.tables import inside, side

LAYOUT = "phantom"
TRUTH = "truth.json"
_SCHEMA_VERSION = 1
_LARGEST_FILE = 50 << 20


def truth_files(root: Path) -> tuple[Path, ...]:
    """Return the truth of every exam in a folder: its own, and those of the folders in it."""
    return tuple(path for path in (root / TRUTH, *sorted(root.glob(f"*/{TRUTH}"))) if path.is_file())


def load_phantom_exams(root: Path) -> CaseList:
    """Return one case per image or volume of all exams of a folder; a patient is an exam's seed.

    Raises
    ------
    InputError
        A truth file cannot be read, or not one image is there.
    """
    cases: list[Case] = []
    missing: list[MissingCase] = []
    for path in truth_files(root):
        for case in _exam(path):
            if case.path.is_file():
                cases.append(case)
            else:
                missing.append(MissingCase(case.path, "the image is missing", "make the exam again"))
    return require_cases(LAYOUT, root, cases, missing)


def _exam(path: Path) -> list[Case]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError("the file is too large to be the truth of an exam", path=path)
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != _SCHEMA_VERSION:
            raise InputError(f"the truth is not of schema version {_SCHEMA_VERSION}", path=path)
        findings: dict[str, list[CaseFinding]] = {str(name): [] for name in document["files"]}
        for lesion in document["lesions"]:
            for place in _places(lesion):
                findings[str(place["file"])].append(_finding(lesion, place))
        cases = [_case(path.parent, name, tuple(found), document) for name, found in findings.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "make the exam again with `mammoviewer phantom`"
        raise InputError("the truth of the exam cannot be read", hint=hint, path=path) from error
    return cases


def _places(lesion: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return where a lesion is: in its mammograms and, of the side that has them, the volume and its synthetic one."""
    return (*lesion["views"].values(), *(lesion[key] for key in ("tomo", "synthetic") if key in lesion))


def _finding(lesion: Mapping[str, Any], place: Mapping[str, Any]) -> CaseFinding:
    severity, kind = "", "cluster"
    if lesion["type"] == "mass":
        severity = "malignant" if lesion["spiculated"] else "benign"
        kind = "spiculated mass" if lesion["spiculated"] else "smooth mass"
    row, column, radius = float(place["row"]), float(place["column"]), float(place["radius_px"])
    frames = (int(place.get("first_frame", 0)), int(place.get("last_frame", 0)))
    box = (row - radius, column - radius, row + radius, column + radius)
    return CaseFinding(severity, kind, box, (row, column, radius), frames)


def _case(folder: Path, name: str, findings: tuple[CaseFinding, ...], document: Mapping[str, Any]) -> Case:
    image = inside(folder, name)
    if image is None:
        raise InputError("the truth names a file outside its folder", path=folder / TRUTH)
    severities = {finding.label for finding in findings}
    worst = next((label for label in ("malignant", "benign") if label in severities), "normal")
    kinds = tuple(dict.fromkeys(finding.kind for finding in findings))
    view = "MLO" if "MLO" in name.upper() else "CC"
    return Case(
        path=image,
        patient=f"phantom {int(document['seed'])}",
        breast=side(name),
        view=view,
        labels=(worst, *kinds),
        findings=findings,
        strata={"density": str(document["density"]), "view": view, "lesion type": " + ".join(kinds)},
    )
