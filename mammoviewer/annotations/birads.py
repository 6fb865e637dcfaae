"""The terms a reader chooses from: data (``resources/terms/birads.json``), versioned apart from the program."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.paths import resources_dir

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Term:
    """A value that is stored ("4A") and what is shown for it ("Low suspicion")."""

    value: str
    title: str


@dataclass(frozen=True)
class FindingType:
    """A class of finding with the choices for each of its descriptors, by descriptor.

    ``aliases`` are the names that models and data sets give to the class.
    """

    label: str
    group: str
    descriptors: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terms:
    """One version of the term list, in the order in which it is offered."""

    version: str
    title: str
    assessments: tuple[Term, ...]
    densities: tuple[Term, ...]
    finding_types: tuple[FindingType, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all classes of findings."""
        return tuple(kind.label for kind in self.finding_types)

    def label_for(self, name: str) -> str:
        """Return the class of findings that a model means by ``name``; ``name`` itself where none is known for it."""
        wanted = name.casefold().strip()
        for kind in self.finding_types:
            if wanted in (known.casefold() for known in (kind.label, *kind.aliases)):
                return kind.label
        return name


def read_terms(path: Path) -> Terms:
    """Read a term list.

    Raises
    ------
    AnnotationError
        If the file cannot be read, is of another schema version, or lacks a field; the text names it.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnnotationError(f"the term list cannot be read: {error.strerror}", path=path) from error
    except ValueError as error:
        raise AnnotationError(f"the term list is not JSON: {error}", path=path) from error
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise AnnotationError(f"the term list is not of schema_version {SCHEMA_VERSION}", path=path)
    try:
        terms = _terms(document)
    except KeyError as error:
        raise AnnotationError(f"the term list lacks {error.args[0]}", path=path) from error
    except (TypeError, AttributeError) as error:
        raise AnnotationError(f"the term list has a field of the wrong kind: {error}", path=path) from error
    names = [name.casefold() for kind in terms.finding_types for name in (kind.label, *kind.aliases)]
    for values in ([t.value for t in terms.assessments], [t.value for t in terms.densities], names):
        if len(set(values)) != len(values):
            raise AnnotationError("the term list has a term twice", path=path)
    return terms


@functools.cache
def birads() -> Terms:
    """Return the bundled BI-RADS terms.

    Raises
    ------
    AnnotationError
        If the installation is damaged.
    """
    return read_terms(resources_dir() / "terms" / "birads.json")


def _terms(document: dict[str, Any]) -> Terms:
    return Terms(
        version=str(document["version"]),
        title=str(document["title"]),
        assessments=tuple(Term(str(t["value"]), str(t["title"])) for t in document["assessments"]),
        densities=tuple(Term(str(t["value"]), str(t["title"])) for t in document["densities"]),
        finding_types=tuple(
            FindingType(
                str(kind["label"]),
                str(kind["group"]),
                {str(name): tuple(map(str, values)) for name, values in kind["descriptors"].items()},
                tuple(map(str, kind.get("aliases", ()))),
            )
            for kind in document["finding_types"]
        ),
    )
