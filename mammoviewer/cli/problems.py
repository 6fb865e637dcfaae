"""What is wrong with opened files and what can be done about it, one problem a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.companions.records import Companion
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.companions import belongs

NOT_OPENED = "not opened"


@dataclass(frozen=True)
class Problem:
    """One problem of one file, and its remedy."""

    path: Path
    text: str
    hint: str = ""

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.path}: {self.text}" + (f" -> {self.hint}" if self.hint else "")


def problems_of(result: OpenResult) -> tuple[Problem, ...]:
    """Return the problems of images, then of companions, then of files that did not open.

    What merely tells how an image is shown, such as a window that is made from its pixels, is none.
    """
    found = [problem for image in result.images for problem in _told(image.attributes.path, image.attributes.warnings)]
    for companion in result.companions:
        found += _told(companion.path, companion.warnings)
        if companion.targets and not any(belongs(companion, image) for image in result.images):
            found.append(Problem(companion.path, f"it speaks of {is_of(companion, ())}", "open it together with them"))
    for item in result.rejected:
        found.append(Problem(item.path, f"{NOT_OPENED}: {item.reason}", item.hint))
    return tuple(found)


def is_of(companion: Companion, images: Sequence[Image]) -> str:
    """Return of which of the opened images a companion speaks, or of how many that are not among them."""
    shown = [image.attributes for image in images if belongs(companion, image)]
    if shown:
        return ", ".join(" ".join(part for part in (a.view.label, a.path.name) if part) for a in shown)
    count = len(companion.targets)
    return "1 image that is not among these files" if count == 1 else f"{count} images that are not among these files"


def _told(path: Path, notices: Sequence[Notice]) -> list[Problem]:
    return [Problem(path, notice.text, notice.hint) for notice in notices if notice.severity is not Severity.INFO]
