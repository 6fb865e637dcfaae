"""Which data set a folder holds, told by its tables, and its cases in one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mammoviewer.base.errors import ArgumentError, InputError
from mammoviewer.datasets import cbis_ddsm, duke_volumes, inbreast, own_library, phantom_exams, rsna, vindr
from mammoviewer.datasets.cases import Case, CaseFinding, CaseList, MissingCase, require_cases
from mammoviewer.datasets.infn import CLASSES as INFN_CLASSES
from mammoviewer.datasets.infn import PIXEL_SIZE_MM as INFN_PIXEL_SIZE_MM
from mammoviewer.datasets.infn import load_infn_table
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM, Film, load_mini_mias, missing_films

INFN, MINI_MIAS = "infn", "mini-mias"
_SEVERITY = {"B": "benign", "M": "malignant"}
_DENSITY = {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}


def detect_layout(root: Path) -> str:
    """Return the layout of a folder, one of ``LAYOUTS``.

    Raises
    ------
    InputError
        There is no such folder, or it has the tables of no known data set.
    """
    if not root.is_dir():
        raise InputError("there is no such folder", hint="name the folder that holds the tables", path=root)
    for layout, is_there in _SIGNS.items():
        if is_there(root):
            return layout
    tables = "patches.csv (INFN), Info.txt (mini-MIAS), breast-level_annotations.csv (VinDr-Mammo), train.csv (RSNA), "
    tables += "mass_case_description_*.csv (CBIS-DDSM), INbreast.csv, BCS-DBT-file-paths-*.csv (Duke), "
    tables += "truth.json (phantoms), findings as JSON"
    raise InputError("no known data set is in this folder", hint=f"it should hold {tables}", path=root)


def load_cases(root: Path, layout: str | None = None) -> CaseList:
    """Return the cases of a folder.

    Parameters
    ----------
    root
        The folder that holds the tables.
    layout
        One of ``LAYOUTS``; found out by :func:`detect_layout` by default.

    Raises
    ------
    InputError
        The folder has no known layout, a table cannot be read, or not one image is there.
    ArgumentError
        There is no such layout.
    """
    chosen = layout or detect_layout(root)
    if chosen not in _LOADERS:
        raise ArgumentError(f"there is no layout {chosen!r}", hint="layouts: " + ", ".join(LAYOUTS))
    return _LOADERS[chosen](root)


def film_case(lines: list[Film]) -> Case:
    """Return the case of one mini-MIAS film from all its lines; its side is that of its number (odd: left)."""
    first = lines[0]
    findings = []
    for line in lines:
        if line.centre is not None and line.radius_px is not None:
            severity = _SEVERITY.get(line.severity, "")
            findings.append(CaseFinding.of_circle(severity, line.abnormality, (*line.centre, line.radius_px)))
    abnormal = [line for line in lines if line.abnormality != "NORM"]
    severities = {_SEVERITY.get(line.severity, "") for line in abnormal}
    worst = next((name for name in ("malignant", "benign") if name in severities), "normal")
    kinds = tuple(dict.fromkeys(line.abnormality for line in abnormal))
    strata = {"density": _DENSITY[first.tissue], "lesion type": " + ".join(kinds)}
    return Case(
        path=first.path,
        patient=first.patient,
        breast="L" if first.number % 2 else "R",
        view="MLO",
        labels=(worst, *kinds),
        findings=tuple(findings),
        strata={name: value for name, value in strata.items() if value},
        pixel_size_mm=PIXEL_SIZE_MM,
        located=len(findings) == len(abnormal),
    )


def _load_mini_mias(root: Path) -> CaseList:
    lines: dict[Path, list[Film]] = {}
    for film in load_mini_mias(root):
        lines.setdefault(film.path, []).append(film)
    hint = "the films of the list lie beside it"
    missing = [MissingCase(path, "the film is missing", hint) for path in missing_films(root)]
    return require_cases(MINI_MIAS, root, [film_case(found) for found in lines.values()], missing)


def _load_infn(root: Path) -> CaseList:
    cases, missing = [], []
    for name, label, patient in load_infn_table(root):
        path = root / name
        if path.is_file():
            cases.append(Case(path, patient, labels=(INFN_CLASSES[label],), pixel_size_mm=INFN_PIXEL_SIZE_MM))
        else:
            missing.append(MissingCase(path, "the patch is missing", "copy it again or take its row out"))
    return require_cases(INFN, root, cases, missing)


_LOADERS: Mapping[str, Callable[[Path], CaseList]] = {
    INFN: _load_infn,
    MINI_MIAS: _load_mini_mias,
    vindr.LAYOUT: vindr.load_vindr,
    rsna.LAYOUT: rsna.load_rsna,
    cbis_ddsm.LAYOUT: cbis_ddsm.load_cbis_ddsm,
    inbreast.LAYOUT: inbreast.load_inbreast,
    duke_volumes.LAYOUT: duke_volumes.load_duke_volumes,
    phantom_exams.LAYOUT: phantom_exams.load_phantom_exams,
    own_library.LAYOUT: own_library.load_library,
}
LAYOUTS = tuple(_LOADERS)
_SIGNS: Mapping[str, Callable[[Path], bool]] = {
    INFN: lambda root: (root / "patches.csv").is_file(),
    MINI_MIAS: lambda root: (root / "Info.txt").is_file(),
    vindr.LAYOUT: lambda root: (root / vindr.IMAGES).is_file(),
    cbis_ddsm.LAYOUT: lambda root: any(root.glob(cbis_ddsm.TABLES)),
    inbreast.LAYOUT: lambda root: (root / inbreast.TABLE).is_file(),
    duke_volumes.LAYOUT: lambda root: any(root.glob(duke_volumes.PATHS)),
    phantom_exams.LAYOUT: lambda root: bool(phantom_exams.truth_files(root)),
    rsna.LAYOUT: lambda root: (root / rsna.TABLE).is_file(),
    own_library.LAYOUT: lambda root: bool(own_library.documents(root)),
}
