"""The volumes of Duke BCS-DBT (Buda 2021; TCIA, CC BY-NC 4.0).

``BCS-DBT-file-paths-*.csv``, ``BCS-DBT-labels-*.csv`` and ``BCS-DBT-boxes-*.csv`` lie in the folder, the volumes below
``Breast-Cancer-Screening-DBT/``.

A path table has ``descriptive_path`` and ``classic_path``; whichever is there is used. Labels are normal, actionable,
benign and cancer; boxes are of benign and cancer lesions alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.datasets.cases import Case, CaseFinding, CaseList, MissingCase, require_cases
from mammoviewer.datasets.duke import DukeBox, load_duke_boxes
from mammoviewer.datasets.tables import inside, read_rows, side
from mammoviewer.dicom.reader import open_paths

LAYOUT = "duke-dbt"
PATHS, LABELS, BOXES = "BCS-DBT-file-paths-*.csv", "BCS-DBT-labels-*.csv", "BCS-DBT-boxes-*.csv"
_PATH_COLUMNS = ("patientid", "studyuid", "view", "descriptive_path", "classic_path")
_LABEL_COLUMNS = ("patientid", "studyuid", "view", "normal", "actionable", "benign", "cancer")
_SEVERITY = {"cancer": "malignant", "benign": "benign", "actionable": "", "normal": "normal"}

Key = tuple[str, str, str]


def load_duke_volumes(root: Path) -> CaseList:
    """Return one case per volume. Of volumes with boxes a frame is decoded, which tells whether they are turned.

    Raises
    ------
    InputError
        A table cannot be read or lacks a column, or no volume is there.
    """
    labels = {_key(row): row for table in sorted(root.glob(LABELS)) for row in read_rows(table, _LABEL_COLUMNS)}
    boxes: dict[Key, list[DukeBox]] = {}
    for table in sorted(root.glob(BOXES)):
        for box in load_duke_boxes(table):
            boxes.setdefault((box.patient, box.study, box.view), []).append(box)
    cases: list[Case] = []
    missing: list[MissingCase] = []
    for table in sorted(root.glob(PATHS)):
        for row in read_rows(table, _PATH_COLUMNS):
            path = _volume(root, row)
            if path is None:
                hint = "download the volume from TCIA, or leave its row out"
                missing.append(MissingCase(root / row["descriptive_path"], "the volume is missing", hint))
                continue
            key = _key(row)
            try:
                findings = _findings(path, boxes.get(key, ()))
            except MammoViewerError as error:
                missing.append(MissingCase(path, f"its boxes cannot be placed: {error.reason}", error.hint))
                continue
            cases.append(_case(path, row, labels.get(key, {}), findings))
    return require_cases(LAYOUT, root, cases, missing)


def _key(row: Mapping[str, str]) -> Key:
    return row["patientid"], row["studyuid"], row["view"].upper()


def _volume(root: Path, row: Mapping[str, str]) -> Path | None:
    for name in (row["descriptive_path"], row["classic_path"]):
        path = inside(root, name)
        if path is not None and path.is_file():
            return path
    return None


def _case(path: Path, row: Mapping[str, str], label: Mapping[str, str], findings: tuple[CaseFinding, ...]) -> Case:
    view = row["view"].upper()
    said = [name for name in _SEVERITY if label.get(name) == "1"]
    severity = _SEVERITY[said[0]] if said else ""
    kinds = tuple(dict.fromkeys(finding.kind for finding in findings))
    strata = {"view": view.rstrip("0123456789")[1:], "vendor": "Hologic", "lesion type": " + ".join(kinds)}
    return Case(
        path=path,
        patient=row["patientid"],
        breast=side(view),
        view=view[1:].rstrip("0123456789"),
        labels=tuple(text for text in (severity, *said) if text),
        findings=findings,
        strata={name: value for name, value in strata.items() if value},
        located=bool(findings) or severity in ("normal", ""),
    )


def _findings(path: Path, boxes: Iterable[DukeBox]) -> tuple[CaseFinding, ...]:
    wanted = tuple(boxes)
    if not wanted:
        return ()
    opened = open_paths([path])
    if not opened.images:
        first = opened.rejected[0]
        raise MammoViewerError(first.reason, hint=first.hint, path=path)
    image = opened.images[0]
    attributes = image.attributes
    first_frame = image.frame(attributes.frame_of_file(0))
    found = []
    for box in wanted:
        frame = attributes.frame_of_file(min(box.file_frame, attributes.frames - 1))
        severity = "malignant" if box.label.lower() == "cancer" else "benign"
        found.append(CaseFinding(severity, box.label, box.roi(first_frame).bounding_box(), frames=(frame, frame)))
    image.close()
    return tuple(found)
