"""What the Basic Application Level Confidentiality Profile asks of each element (PS3.15 Table E.1-1).

The table is data (``resources/deidentify/basic_profile.json``), versioned apart from the program. Where it leaves a
choice (X/Z/D) the action is taken that no object definition forbids. What the table does not list is kept only when
its VR cannot hold free text, a name, an address or a date; see :meth:`Profile.action`.
"""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.errors import InputError
from mammoviewer.base.paths import resources_dir

SCHEMA_VERSION = 1
DATE_VRS = frozenset({"DA", "TM", "DT"})
_CURVES, _OVERLAYS, _REPEATING = 0x5000, 0x6000, 0xFF00
_LONG_TEXT_VRS = frozenset({"ST", "LT", "UT", "UC"})
_REMOVED_VRS = frozenset({"AE", "UR", "UN"})


class Action(enum.StrEnum):
    """What becomes of an element; the letters are those of the standard, S is ours."""

    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    KEEP = "K"
    UID = "U"
    CLEAN = "C"
    """A sequence whose items are cleaned one by one."""
    DATE = "S"
    """A date that is kept or shifted, as the user asked."""


_CHOSEN = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.DUMMY,
    "U": Action.UID,
    "Z/D": Action.DUMMY,
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.CLEAN,
}
_CHOSEN_FOR_SEQUENCES = _CHOSEN | {"X/D": Action.REMOVE, "X/Z/D": Action.EMPTY}
# A reference to the procedure step: its UIDs are replaced and the reference stays consistent.
_REFERENCES = frozenset({"ReferencedPerformedProcedureStepSequence", "ReferencedStudySequence"})


@dataclass(frozen=True)
class Profile:
    """One version of the table.

    Attributes
    ----------
    source
        The edition of the standard it is taken from.
    listed
        Table entry (``"X/Z/D"``) by tag.
    cleaned_sequences
        Keywords of sequences whose items are cleaned, where the table would replace them as a whole: the options
        Clean Structured Content and Clean Graphics.
    dropped_graphics
        Sequences of written text inside graphic annotations.
    long_text_kept
        Keywords of long texts that hold terms, not prose.
    uids_kept
        Keywords of UIDs of classes, encodings and vocabularies, which are no one's.
    patient_dates, vocabulary_dates
        Keywords of dates that the option of keeping dates does not cover, and of dates that are no event at all.
    """

    source: str
    listed: Mapping[int, str]
    cleaned_sequences: frozenset[str]
    dropped_graphics: frozenset[str]
    long_text_kept: frozenset[str]
    uids_kept: frozenset[str]
    patient_dates: frozenset[str]
    vocabulary_dates: frozenset[str]

    def action(self, tag: int, keyword: str, vr: str, *, keep_dates: bool) -> Action:
        """Return what to do with an element.

        Parameters
        ----------
        tag, keyword, vr
            The element; ``keyword`` is empty when the dictionary does not know it.
        keep_dates
            Whether dates and times stay, shifted or not (option Retain Longitudinal Temporal Information).
        """
        group = tag >> 16
        if group % 2 or not keyword or not tag & 0xFFFF or group & _REPEATING in (_CURVES, _OVERLAYS):
            return Action.REMOVE
        if vr in DATE_VRS and keep_dates and keyword not in self.patient_dates:
            return Action.KEEP if keyword in self.vocabulary_dates else Action.DATE
        if keyword in self.cleaned_sequences or keyword in _REFERENCES:
            return Action.CLEAN
        if keyword in self.dropped_graphics:
            return Action.REMOVE
        entry = self.listed.get(tag)
        if entry is not None:
            return (_CHOSEN_FOR_SEQUENCES if vr == "SQ" else _CHOSEN)[entry]
        return self._unlisted(keyword, vr)

    def _unlisted(self, keyword: str, vr: str) -> Action:
        if vr == "SQ":
            return Action.CLEAN
        if vr == "UI":
            return Action.KEEP if keyword in self.uids_kept else Action.UID
        if vr in DATE_VRS or vr == "PN":
            return Action.DUMMY
        if vr in _LONG_TEXT_VRS or vr in _REMOVED_VRS:
            kept = keyword in self.long_text_kept
            return Action.KEEP if kept else Action.REMOVE if vr in _REMOVED_VRS else Action.DUMMY
        return Action.KEEP


@functools.cache
def basic_profile() -> Profile:
    """Return the profile that comes with the program."""
    return read_profile(resources_dir() / "deidentify" / "basic_profile.json")


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises
    ------
    InputError
        If the file cannot be read or is of another schema version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            raise InputError(f"schema version {document['schema_version']} is not supported", path=path)
        listed = {
            int(tag, 16): entry
            for part in (document["elements"], document["additions"])
            for entry, tags in part.items()
            for tag in tags
        }
        unknown = set(listed.values()) - set(_CHOSEN)
        if unknown:
            raise InputError(f"unknown action {sorted(unknown)[0]}", path=path)
        return Profile(
            source=document["source"],
            listed=listed,
            cleaned_sequences=frozenset(document["cleaned_sequences"]),
            dropped_graphics=frozenset(document["dropped_graphics"]),
            long_text_kept=frozenset(document["long_text_kept"]),
            uids_kept=frozenset(document["uids_kept"]),
            patient_dates=frozenset(document["dates_of_the_patient"]),
            vocabulary_dates=frozenset(document["dates_of_vocabularies"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("the de-identification profile cannot be read", path=path) from error
