"""A notice: one quiet line for the user, with a remedy where there is one."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mammoviewer.base.errors import MammoViewerError


class Severity(enum.StrEnum):
    """How much a notice matters."""

    INFO = "info"
    CAUTION = "caution"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """One message to the user. ``text`` and ``hint`` never hold patient data."""

    severity: Severity
    text: str
    hint: str = ""

    @classmethod
    def from_error(cls, error: MammoViewerError) -> Notice:
        """Return the notice that tells of an expected failure; the file is named without its folders."""
        text = f"{error.path.name}: {error.reason}" if error.path is not None else error.reason
        return cls(Severity.ERROR, text, error.hint)
