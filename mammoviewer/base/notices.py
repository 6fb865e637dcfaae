"""A notice: one quiet line for the user, with a remedy where there is one."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.errors import MammoViewerError


class Severity(enum.StrEnum):
    """How much a notice matters."""

    INFO = "info"
    CAUTION = "caution"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """One message to the user. ``text`` and ``hint`` never hold patient data.

    ``header_of`` is a file that does not open but whose header can be looked at. ``refused_image`` is the identity of
    an image that a model does not fit but could run on all the same.
    """

    severity: Severity
    text: str
    hint: str = ""
    header_of: Path | None = None
    refused_image: str = ""

    @classmethod
    def from_error(cls, error: MammoViewerError) -> Notice:
        """Return the notice that tells of an expected failure; the file is named without its folders."""
        text = f"{error.path.name}: {error.reason}" if error.path is not None else error.reason
        return cls(Severity.ERROR, text, error.hint)
