"""The RSNA screening mammography set of 2022: ``train.csv`` and ``train_images/<patient_id>/<image_id>.dcm``.

A breast with ``cancer`` 1 is malignant, one that was biopsied without (``biopsy`` 1) benign, the others normal. The set
marks no places.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mammoviewer.datasets.cases import Case, CaseList, MissingCase, require_cases
from mammoviewer.datasets.tables import density, inside, read_rows, side

LAYOUT = "rsna"
TABLE = "train.csv"
IMAGES = "train_images"
_COLUMNS = ("patient_id", "image_id", "laterality", "view", "cancer")


def load_rsna(root: Path) -> CaseList:
    """Return one case per image.

    Raises
    ------
    InputError
        The table cannot be read or lacks a column, or no image is there.
    """
    cases, missing = [], []
    for row in read_rows(root / TABLE, _COLUMNS):
        path = inside(root, IMAGES, row["patient_id"], f"{row['image_id']}.dcm")
        if path is None or not path.is_file():
            hint = f"it belongs into {IMAGES}/<patient_id>/<image_id>.dcm"
            missing.append(MissingCase(path or root, "the image is missing", hint))
        elif row["cancer"] not in ("0", "1"):
            missing.append(MissingCase(path, "the column cancer holds neither 0 nor 1", "correct its row"))
        else:
            cases.append(_case(path, row))
    return require_cases(LAYOUT, root, cases, missing)


def _case(path: Path, row: Mapping[str, str]) -> Case:
    cancer, biopsied = row["cancer"] == "1", row.get("biopsy") == "1"
    severity = "malignant" if cancer else "benign" if biopsied else "normal"
    grade = row.get("birads", "")
    strata = {
        "density": density(row.get("density", "")),
        "vendor": f"machine {row['machine_id']}" if row.get("machine_id") else "",
        "view": row["view"],
        "site": row.get("site_id", ""),
        "implant": row.get("implant", ""),
    }
    return Case(
        path=path,
        patient=row["patient_id"],
        breast=side(row["laterality"]),
        view=row["view"].upper(),
        labels=tuple(
            text for text in (severity, "cancer" if cancer else "no cancer", grade and f"BI-RADS {grade}") if text
        ),
        strata={name: value for name, value in strata.items() if value},
        located=not cancer,
    )
