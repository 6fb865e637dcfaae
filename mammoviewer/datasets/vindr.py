"""VinDr-Mammo (Nguyen 2023; PhysioNet, restricted).

``breast-level_annotations.csv``, ``finding_annotations.csv`` and ``metadata.csv`` (the make of the device, not needed)
lie in the folder, the images in ``images/<study_id>/<image_id>.dicom``.

The set has no pathology: BI-RADS 1 counts as normal, 2 and 3 as benign, 4 and 5 as malignant. An examination is a
patient. Findings without a place (``No Finding``) are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from mammoviewer.datasets.cases import Case, CaseFinding, CaseList, MissingCase, require_cases
from mammoviewer.datasets.tables import density, inside, read_rows, side

LAYOUT = "vindr"
IMAGES = "breast-level_annotations.csv"
FINDINGS = "finding_annotations.csv"
METADATA = "metadata.csv"
_IMAGE_COLUMNS = ("study_id", "image_id", "laterality", "view_position", "breast_birads", "breast_density")
_FINDING_COLUMNS = ("image_id", "finding_categories", "finding_birads", "xmin", "ymin", "xmax", "ymax")
_SEVERITY = {"1": "normal", "2": "benign", "3": "benign", "4": "malignant", "5": "malignant"}
_NONE = "No Finding"


def load_vindr(root: Path) -> CaseList:
    """Return one case per image.

    Labels are the severity of the breast's BI-RADS, ``BI-RADS n``, and the categories of the image's findings; the
    set's own part (training, test) is one of the strata.

    Raises
    ------
    InputError
        A table cannot be read or lacks a column, or no image is there.
    """
    findings, missing = _findings(root / FINDINGS)
    makes = _makes(root / METADATA)
    cases = []
    for row in read_rows(root / IMAGES, _IMAGE_COLUMNS):
        path = inside(root, "images", row["study_id"], f"{row['image_id']}.dicom")
        if path is None or not path.is_file():
            hint = "download the images of this examination, or leave its rows out"
            missing.append(MissingCase(path or root, "the image is missing", hint))
            continue
        cases.append(_case(path, row, findings.get(row["image_id"], ()), makes.get(row["image_id"], "")))
    return require_cases(LAYOUT, root, cases, missing)


def _case(path: Path, row: Mapping[str, str], findings: tuple[CaseFinding, ...] | list[CaseFinding], make: str) -> Case:
    grade = row["breast_birads"][-1:]
    kinds = tuple(dict.fromkeys(finding.kind for finding in findings))
    strata = {
        "density": density(row["breast_density"]),
        "vendor": make,
        "view": row["view_position"],
        "lesion type": " + ".join(kinds),
        "split": row.get("split", ""),
    }
    severity = _SEVERITY.get(grade, "")
    return Case(
        path=path,
        patient=row["study_id"],
        breast=side(row["laterality"]),
        view=row["view_position"].upper(),
        labels=tuple(text for text in (severity, f"BI-RADS {grade}", *kinds) if text),
        findings=tuple(findings),
        strata={name: value for name, value in strata.items() if value},
        located=bool(findings) or severity != "malignant",
    )


def _findings(table: Path) -> tuple[dict[str, list[CaseFinding]], list[MissingCase]]:
    found: dict[str, list[CaseFinding]] = {}
    wrong: list[MissingCase] = []
    for row in read_rows(table, _FINDING_COLUMNS):
        if not row["xmin"]:
            continue
        try:
            categories = ast.literal_eval(row["finding_categories"])
            # The table counts from the corner of the image, where our first pixel's centre is 0.
            first_column, first_row, last_column, last_row = (
                float(row[name]) - 0.5 for name in ("xmin", "ymin", "xmax", "ymax")
            )
            kinds = [str(category) for category in categories if category != _NONE]
        except (ValueError, SyntaxError, TypeError):
            wrong.append(MissingCase(table, f"a finding of image {row['image_id'][:40]} has no box", "correct its row"))
            continue
        box = (first_row, first_column, last_row, last_column)
        severity = _SEVERITY.get(row["finding_birads"][-1:], "")
        found.setdefault(row["image_id"], []).extend(CaseFinding(severity, kind, box) for kind in kinds)
    return found, wrong


def _makes(table: Path) -> dict[str, str]:
    """Return the maker of the device of each image; empty without the table, which is not needed."""
    if not table.is_file():
        return {}
    rows = read_rows(table, ("sop instance uid", "manufacturer"))
    return {row["sop instance uid"]: row["manufacturer"] for row in rows}
