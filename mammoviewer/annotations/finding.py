"""A finding: a region with what a reader or an algorithm says about it."""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mammoviewer.annotations.roi import MEASURES, Roi
from mammoviewer.base.errors import AnnotationError

READER = "reader"
ALGORITHM = "algorithm"
ORIGINS = (READER, ALGORITHM)

_TEXTS = ("id", "image_uid", "label", "note", "assessment", "origin", "reader", "created", "modified", "lesion")
_LARGEST_SCORE = sys.float_info.max


def is_storable(text: str) -> bool:
    """Return whether a text can be written to a file: JSON may hold halves of characters (lone surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Finding:
    """One labelled region of one frame.

    Parameters
    ----------
    id
        Unique among all findings.
    image_uid
        Identity of the image: its SOPInstanceUID, or ``sha256:...`` for a picture without one.
    frame
        0-based frame.
    roi
        Where it is, in stored pixels.
    label
        Its class; empty while none has been given.
    note
        Free text of the reader.
    assessment
        BI-RADS assessment ("0" to "6", "4A"...); empty when none was given.
    origin
        ``"reader"`` or ``"algorithm"``.
    score
        What the algorithm says; None for a reader.
    reader
        Name of the reader or of the model (``name.tag``).
    created, modified
        ISO 8601 times in UTC.
    descriptors
        (name, term) pairs of the term list, such as ``("margin", "spiculated")``, in its order.
    lesion
        The same text in all findings that show one lesion, in other views and slices; empty for one that stands alone.
    confidence
        How sure the reader is, 0 to 1; None when that was not said.

    Raises
    ------
    AnnotationError
        If a value is not of its kind; the text names the field.
    """

    id: str
    image_uid: str
    frame: int
    roi: Roi
    label: str
    note: str = ""
    assessment: str = ""
    origin: str = READER
    score: float | None = None
    reader: str = ""
    created: str = ""
    modified: str = ""
    descriptors: tuple[tuple[str, str], ...] = ()
    lesion: str = ""
    confidence: float | None = None

    def __post_init__(self) -> None:
        for name in _TEXTS:
            if not isinstance(getattr(self, name), str):
                raise AnnotationError(f"{name} of a finding must be text")
            if not is_storable(getattr(self, name)):
                raise AnnotationError(f"{name} of a finding has half a character in it", hint="write it anew")
        if not self.id or not self.image_uid:
            raise AnnotationError("a finding needs an id and an image_uid")
        if isinstance(self.frame, bool) or not isinstance(self.frame, int) or self.frame < 0:
            raise AnnotationError("frame of a finding must be a whole number from 0")
        if not isinstance(self.roi, Roi):
            raise AnnotationError("roi of a finding must be a region")
        if self.origin not in ORIGINS:
            raise AnnotationError(f"origin of a finding must be one of {', '.join(ORIGINS)}, not {self.origin!r}")
        self._check_score()
        self._check_description()

    def _check_description(self) -> None:
        try:
            pairs = tuple((name, term) for name, term in self.descriptors)
        except (TypeError, ValueError) as error:
            raise AnnotationError("descriptors of a finding must be pairs of name and term") from error
        if not all(isinstance(text, str) and text and is_storable(text) for pair in pairs for text in pair):
            raise AnnotationError("descriptors of a finding must be texts that are not empty")
        object.__setattr__(self, "descriptors", pairs)
        sure = self.confidence
        if sure is None:
            return
        if not isinstance(sure, int | float) or isinstance(sure, bool) or not 0.0 <= sure <= 1.0:
            raise AnnotationError("confidence of a finding must be from 0 to 1 or absent")
        object.__setattr__(self, "confidence", float(sure))

    def described(self, name: str) -> str:
        """Return the term of a descriptor, empty when none was given."""
        return dict(self.descriptors).get(name, "")

    def _check_score(self) -> None:
        if self.score is None:
            return
        # Compared, not asked whether finite: a JSON number may be too large for a float.
        numeric = isinstance(self.score, int | float) and not isinstance(self.score, bool)
        if not numeric or not -_LARGEST_SCORE <= self.score <= _LARGEST_SCORE:
            raise AnnotationError("score of a finding must be a finite number or absent")
        object.__setattr__(self, "score", float(self.score))

    @property
    def is_measure(self) -> bool:
        """Whether it measures or points at something and is no finding."""
        return self.roi.kind in MEASURES

    def edited(self, **changes: Any) -> Finding:
        """Return a copy with ``changes`` made and ``modified`` set to now."""
        return replace(self, **{"modified": utc_now(), **changes})


def utc_now() -> str:
    """Return the time in UTC as ISO 8601 text with microseconds, so that texts sort in time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_finding(
    image_uid: str,
    frame: int,
    roi: Roi,
    label: str,
    *,
    note: str = "",
    assessment: str = "",
    origin: str = READER,
    score: float | None = None,
    reader: str = "",
) -> Finding:
    """Return a finding made now with a new id; parameters as in :class:`Finding`."""
    now = utc_now()
    return Finding(
        uuid.uuid4().hex,
        image_uid,
        frame,
        roi,
        label,
        note,
        assessment,
        origin,
        score,
        reader,
        created=now,
        modified=now,
    )
