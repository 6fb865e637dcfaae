"""CBIS-DDSM (Lee 2017; TCIA, CC BY 3.0): the four tables ``{mass,calc}_case_description_{train,test}_set.csv``.

Their paths begin with the name of a folder such as ``Mass-Training_P_00001_LEFT_CC``. Below it the downloads of TCIA
have either the folders and names of the tables (``.../000000.dcm``) or newer ones (``.../1-1.dcm``); both are found.
The file of a mask and that of its cut-out may be exchanged: the mask is the larger one, of two grey values.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.datasets.cases import Box, Case, CaseFinding, CaseList, MissingCase, require_cases
from mammoviewer.datasets.tables import density, inside, read_rows, side
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths

LAYOUT = "cbis-ddsm"
TABLES = "*_case_description_*_set.csv"
COLLECTION = "CBIS-DDSM"
_COLUMNS = (
    "patient_id", "left or right breast", "image view", "abnormality type", "assessment", "pathology",
    "image file path", "roi mask file path",
)  # fmt: skip
_SEVERITY = {"MALIGNANT": "malignant", "BENIGN": "benign", "BENIGN_WITHOUT_CALLBACK": "benign"}
_HINT = "download the folder of this image from TCIA, or leave its rows out"


def load_cbis_ddsm(root: Path) -> CaseList:
    """Return one case per image with all its abnormalities; the masks are read for their boxes.

    Raises
    ------
    InputError
        A table cannot be read or lacks a column, or no image is there.
    """
    images: dict[str, list[dict[str, str]]] = {}
    for table in sorted(root.glob(TABLES)):
        for row in read_rows(table, _COLUMNS):
            row["part"] = "test" if "_test_" in table.name else "training"
            images.setdefault(_clean(row["image file path"]), []).append(row)
    cases: list[Case] = []
    missing: list[MissingCase] = []
    for name, rows in images.items():
        files = _files(root, name)
        if not files:
            missing.append(MissingCase(root / name, "the image is missing", _HINT))
            continue
        findings = tuple(found for row in rows if (found := _finding(root, row, missing)) is not None)
        cases.append(_case(files[0], rows, findings))
    return require_cases(LAYOUT, root, cases, missing)


def _case(path: Path, rows: Sequence[dict[str, str]], findings: tuple[CaseFinding, ...]) -> Case:
    first = rows[0]
    kinds = tuple(dict.fromkeys(row["abnormality type"] for row in rows))
    severities = {_SEVERITY.get(row["pathology"].upper(), "") for row in rows}
    severity = "malignant" if "malignant" in severities else "benign" if "benign" in severities else ""
    strata = {
        "density": density(first.get("breast_density") or first.get("breast density", "")),
        "view": first["image view"].upper(),
        "lesion type": " + ".join(kinds),
        "split": first["part"],
    }
    return Case(
        path=path,
        patient=first["patient_id"],
        breast=side(first["left or right breast"]),
        view=first["image view"].upper(),
        labels=tuple(text for text in (severity, *kinds) if text),
        findings=findings,
        strata={name: value for name, value in strata.items() if value},
        located=len(findings) == len(rows),
    )


def _finding(root: Path, row: dict[str, str], missing: list[MissingCase]) -> CaseFinding | None:
    name = _clean(row["roi mask file path"])
    box = _mask_box(_files(root, name))
    if box is None:
        missing.append(MissingCase(root / name, "there is no mask of this abnormality", _HINT))
        return None
    return CaseFinding(_SEVERITY.get(row["pathology"].upper(), ""), row["abnormality type"], box)


def _clean(text: str) -> str:
    """Return a path of the tables; some end with a line break and quotes."""
    return text.strip().strip('"').strip()


def _files(root: Path, name: str) -> list[Path]:
    """Return the DICOM files of a path of the tables, the named one first."""
    for base in (root, root / COLLECTION):
        named = inside(base, name)
        folder = inside(base, name.split("/", maxsplit=1)[0])
        if named is not None and named.is_file():
            return [named, *(other for other in sorted(named.parent.glob("*.dcm")) if other != named)]
        if folder is not None and folder.is_dir():
            return sorted(folder.rglob("*.dcm"))
    return []


def _mask_box(files: Sequence[Path]) -> Box | None:
    """Return the box of the largest picture among the files that has two values, black and white."""
    opened = sorted(open_paths(files).images, key=lambda image: -image.attributes.rows * image.attributes.columns)
    for image in opened:
        box = _white_box(image)
        image.close()
        if box is not None:
            return box
    return None


def _white_box(image: Image) -> Box | None:
    try:
        pixels = image.frame(0)
    except MammoViewerError:
        return None
    white = pixels > 0
    if not white.any() or len(np.unique(pixels)) > 2:
        return None
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    return rows[0] - 0.5, columns[0] - 0.5, rows[-1] + 0.5, columns[-1] + 0.5
