"""What a person decides about a de-identified copy, and the pseudonyms that one run gives."""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from mammoviewer.base.errors import ArgumentError, ExportError, InputError
from mammoviewer.base.paths import atomic_path

SCHEMA_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_UID_BYTES = 15  # 2.25. and at most 37 digits: below the limit of 64 characters
_MAX_SHIFT_DAYS = 36525


class Dates(enum.StrEnum):
    """What becomes of dates and times; the values are those of LongitudinalTemporalInformationModified."""

    REMOVED = "REMOVED"
    KEPT = "UNMODIFIED"
    SHIFTED = "MODIFIED"


@dataclass(frozen=True)
class Options:
    """The decisions for one run.

    Parameters
    ----------
    dates
        What becomes of dates; those of the patient (birth) are removed in any case.
    shift_days
        Days to add to every date when they are shifted.
    name
        New PatientName and PatientID; empty for a random pseudonym for each patient.
    accept_burned_in
        A person has looked, and takes images that may have text in their pixels.

    Raises
    ------
    ArgumentError
        A value is out of range.
    """

    dates: Dates = Dates.REMOVED
    shift_days: int = 0
    name: str = ""
    accept_burned_in: bool = False

    def __post_init__(self) -> None:
        if self.name and not _NAME.fullmatch(self.name):
            hint = "use up to 64 letters, digits, hyphens, dots and underscores"
            raise ArgumentError("the new patient name is not valid", hint=hint)
        if (self.dates is Dates.SHIFTED) != bool(self.shift_days) or abs(self.shift_days) > _MAX_SHIFT_DAYS:
            raise ArgumentError("dates are shifted by 1 to 36525 days, forward or back")

    @property
    def keep_dates(self) -> bool:
        """Tell whether dates stay, shifted or not."""
        return self.dates is not Dates.REMOVED


@dataclass
class Pseudonyms:
    """New UIDs and patient names: the same for the same original throughout a run, and unguessable without its key.

    Attributes
    ----------
    key
        Random bytes of this run (or of an earlier one whose map was kept).
    uids
        New UID by original UID, of all that were asked for.
    patients
        New name by original patient key.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    uids: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)

    def uid(self, original: str) -> str:
        """Return the new UID (2.25. and a keyed hash, PS3.5 B.2) for an original one."""
        if original not in self.uids:
            digest = hashlib.blake2b(original.encode(), key=self.key, digest_size=_UID_BYTES, person=b"uid").digest()
            self.uids[original] = f"2.25.{int.from_bytes(digest, 'big')}"
        return self.uids[original]

    def patient(self, original: str, chosen: str = "") -> str:
        """Return the new name of a patient."""
        if original not in self.patients:
            digest = hashlib.blake2b(original.encode(), key=self.key, digest_size=10, person=b"patient").digest()
            self.patients[original] = chosen or f"ANON-{base64.b32encode(digest).decode()[:10]}"
        return self.patients[original]

    def write(self, path: Path) -> None:
        """Write the map, readable by its owner alone: with it every copy can be traced back.

        Raises
        ------
        ExportError
            If it cannot be written.
        """
        document = {
            "schema_version": SCHEMA_VERSION,
            "key": self.key.hex(),
            "uids": self.uids,
            "patients": self.patients,
        }
        try:
            with atomic_path(path) as temporary:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                    json.dump(document, handle, indent=1)
        except OSError as error:
            raise ExportError(f"the map cannot be written: {error.strerror}", path=path) from error


def read_pseudonyms(path: Path) -> Pseudonyms:
    """Return the pseudonyms of an earlier run, so that what was copied then and what is copied now fit together.

    Raises
    ------
    InputError
        The file is no such map.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            raise InputError("the map is of another version of the program", path=path)
        key = bytes.fromhex(document["key"])
        uids = {str(old): str(new) for old, new in document["uids"].items()}
        patients = {str(old): str(new) for old, new in document["patients"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("the map cannot be read", path=path) from error
    if len(key) != 32:
        raise InputError("the map cannot be read", path=path)
    return Pseudonyms(key, uids, patients)
