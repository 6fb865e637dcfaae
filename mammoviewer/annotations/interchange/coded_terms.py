"""Codes of classes of findings and of assessments: data (``resources/terms/finding_codes.json``) and private ones.

A class that the data does not know gets a private code made of its name, with the name as its meaning, so that it
comes back as it was.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from mammoviewer.annotations.birads import birads
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.paths import resources_dir

PRIVATE = "99MAMMOVIEWER"
UNLABELLED = "unlabelled"
_OLD_SCHEMES = {"SRT": "SCT", "SNM3": "SCT", "99SDM": "SCT"}
_OLD_CODES = {"F-01775": "129769006", "F-01710": "129793001", "F-01796": "129788004", "M-78060": "129792006"}
_OLD_DENSITIES = {"F-01711": "129716005", "F-01712": "129717001", "F-01713": "129718006", "F-01714": "129719003"}
_LONGEST_MEANING = 64
_ASSESSMENT = re.compile(r"(?:BI-RADS\s*)?([0-6][ABC]?)(?![0-9A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True)
class CodedTerm:
    """A coded term; two are equal when value and scheme are."""

    value: str
    scheme: str
    meaning: str = field(compare=False)
    version: str = field(default="", compare=False)


@functools.cache
def _table() -> dict[str, Any]:
    path = resources_dir() / "terms" / "finding_codes.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnnotationError(f"the table of codes cannot be read: {error}", path=path) from error
    return found


def label_code(label: str, *, cad: bool = False) -> CodedTerm:
    """Return the code of a class of findings; ``cad``: as Mammography CAD reports name it (CID 6014)."""
    known = birads().label_for(label) if label else ""
    if cad and known in _table()["cad_codes"]:
        return CodedTerm(*_table()["cad_codes"][known])
    if known in _table()["codes"]:
        return CodedTerm(*_table()["codes"][known])
    return private_code("F", label or UNLABELLED)


def private_code(kind: str, name: str) -> CodedTerm:
    """Return a private code of a name; ``kind`` is a letter that tells codes of different things apart."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:12].upper()
    return CodedTerm(f"{kind}{digest}", PRIVATE, name[:_LONGEST_MEANING])


def code_label(term: CodedTerm, name: str = "") -> str:
    """Return the class of findings that a code means.

    ``name`` is what else the object calls the finding: it goes before where it has the same code, as the code may stand
    for several names, and the meaning of a code is cut to 64 characters.
    """
    scheme = _OLD_SCHEMES.get(term.scheme, term.scheme)
    wanted = CodedTerm(_OLD_CODES.get(term.value, term.value), scheme, term.meaning)
    if name and wanted in (label_code(name), label_code(name, cad=True)):
        return "" if name == UNLABELLED else name
    for key in ("codes", "cad_codes"):
        for label, code in _table()[key].items():
            if CodedTerm(*code) == wanted:
                return str(label)
    meaning = "" if term.meaning == UNLABELLED else term.meaning
    return birads().label_for(meaning) if meaning else ""


def density_code(value: str) -> CodedTerm:
    """Return the code of a breast density (CID 6000)."""
    return CodedTerm(*_table()["densities"][value])


def density_value(term: CodedTerm) -> str:
    """Return the density that a code means, empty where it is none."""
    wanted = CodedTerm(_OLD_DENSITIES.get(term.value, term.value), _OLD_SCHEMES.get(term.scheme, term.scheme), "")
    return next((str(value) for value, code in _table()["densities"].items() if CodedTerm(*code) == wanted), "")


def assessment_code(value: str) -> CodedTerm | None:
    """Return the code of a BI-RADS assessment (CID 6027), None where there is none."""
    code = _table()["assessments"].get(value)
    return CodedTerm(*code) if code else None


def assessment_value(term: CodedTerm) -> str:
    """Return the assessment that a code means, by its code or by how its meaning begins; empty where it is none."""
    for value, code in _table()["assessments"].items():
        if CodedTerm(*code) == term:
            return str(value)
    found = _ASSESSMENT.match(term.meaning)
    return found[1].upper() if found else ""
