"""INbreast (Moreira 2012; on request): ``INbreast.csv`` (semicolons), ``AllDICOMs`` and ``AllXML`` (property lists).

A file is called ``<File Name>_<patient>_MG_<R|L>_<CC|ML>_ANON.dcm``; its regions are in ``AllXML/<File Name>.xml``. The
set has no pathology for every image: BI-RADS 1 counts as normal, 2 and 3 as benign, 4 to 6 as malignant.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from mammoviewer.datasets.cases import Box, Case, CaseFinding, CaseList, MissingCase, require_cases
from mammoviewer.datasets.tables import density, read_rows, side

LAYOUT = "inbreast"
TABLE = "INbreast.csv"
IMAGES, REGIONS = "AllDICOMs", "AllXML"
PIXEL_SIZE_MM = 0.07
_COLUMNS = ("laterality", "view", "file name", "acr", "bi-rads")
_SEVERITY = {"1": "normal", "2": "benign", "3": "benign", "4": "malignant", "5": "malignant", "6": "malignant"}
_MUSCLE = "pectoral"
_VIEWS = {"ML": "MLO", "FB": "FB"}


def load_inbreast(root: Path) -> CaseList:
    """Return one case per image. Outlines of the pectoral muscle are no findings.

    Raises
    ------
    InputError
        The table cannot be read or lacks a column, or no image is there.
    """
    cases: list[Case] = []
    missing: list[MissingCase] = []
    for row in read_rows(root / TABLE, _COLUMNS, delimiter=";"):
        number = row["file name"]
        if not number.isalnum():
            continue
        paths = sorted((root / IMAGES).glob(f"{number}_*.dcm"))
        if not paths:
            hint = f"it is called {number}_<patient>_MG_..._ANON.dcm"
            missing.append(MissingCase(root / IMAGES / number, "the image is missing", hint))
            continue
        findings: tuple[CaseFinding, ...] = ()
        outlines = root / REGIONS / f"{number}.xml"
        if outlines.is_file():
            try:
                findings = _findings(outlines, _SEVERITY.get(row["bi-rads"][:1], ""))
            except (ValueError, KeyError, IndexError, TypeError, AttributeError, OSError, ExpatError):
                missing.append(MissingCase(outlines, "the regions cannot be read", "copy the file again"))
        cases.append(_case(paths[0], row, findings))
    return require_cases(LAYOUT, root, cases, missing)


def _case(path: Path, row: Mapping[str, str], findings: tuple[CaseFinding, ...]) -> Case:
    parts = path.stem.split("_")
    grade = row["bi-rads"]
    severity = _SEVERITY.get(grade[:1], "")
    kinds = tuple(dict.fromkeys(finding.kind for finding in findings))
    view = row["view"].upper()
    strata = {"density": density(row["acr"]), "vendor": "Siemens", "view": view, "lesion type": " + ".join(kinds)}
    return Case(
        path=path,
        patient=parts[1] if len(parts) > 1 else path.stem,
        breast=side(row["laterality"]),
        view=_VIEWS.get(view, view),
        labels=tuple(text for text in (severity, f"BI-RADS {grade}" if grade else "", *kinds) if text),
        findings=findings,
        strata={name: value for name, value in strata.items() if value},
        pixel_size_mm=PIXEL_SIZE_MM,
        located=bool(findings) or severity != "malignant",
    )


def _findings(path: Path, severity: str) -> tuple[CaseFinding, ...]:
    with path.open("rb") as handle:
        document: Any = plistlib.load(handle, fmt=plistlib.FMT_XML)
    regions = [region for image in document["Images"] for region in image["ROIs"]]
    return tuple(
        CaseFinding(severity, str(region["Name"]).strip(), _box(region["Point_px"]))
        for region in regions
        if _MUSCLE not in str(region["Name"]).lower() and region["Point_px"]
    )


def _box(points: list[str]) -> Box:
    """Return the box around points written like ``(x, y)``; at least the pixel of a single point."""
    places = [tuple(float(part) for part in point.strip("() ").split(",")) for point in points]
    columns, rows = [place[0] for place in places], [place[1] for place in places]
    return min(rows) - 0.5, min(columns) - 0.5, max(rows) + 0.5, max(columns) + 0.5
