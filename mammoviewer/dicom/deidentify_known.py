"""The values that tell who a patient is, collected from the originals, and the search for them in what is written.

A table says which elements to replace; it cannot know that somebody wrote a name into a software version. So every
text that the table keeps is searched for the names, numbers, places, dates and UIDs of the whole batch.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID_dictionary

from mammoviewer.dicom.deidentify_profile import basic_profile
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.library import parse_errors

_NUMBERS = frozenset({
    "PatientID", "OtherPatientIDs", "IssuerOfPatientID", "AccessionNumber", "StudyID", "AdmissionID",
    "RequestedProcedureID", "ScheduledProcedureStepID", "PerformedProcedureStepID", "MedicalRecordLocator",
    "PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest", "ServiceEpisodeID",
    "DeviceSerialNumber", "ClinicalTrialSubjectID", "PatientTelephoneNumbers", "ReferringPhysicianTelephoneNumbers",
    "InsurancePlanIdentification", "ImagingServiceRequestComments",
})  # fmt: skip
_PLACES = frozenset({
    "InstitutionName", "InstitutionAddress", "StationName", "PatientAddress", "ReferringPhysicianAddress",
    "PerformedStationName", "ScheduledStationName", "RequestingService", "PatientTelecomInformation",
})  # fmt: skip
_PLACEHOLDERS = frozenset({
    "", "none", "unknown", "null", "anonymous", "anonymized", "anonymised", "removed", "deidentified", "not given",
    "anon", "mrs", "miss", "prof", "19000101",
})  # fmt: skip
_SHORTEST = 3
_LONG = 5
_SEPARATORS = re.compile(r"[\^=\s,;]+")
_UID_TEXT = re.compile(r"[0-9]+(?:\.[0-9]+){2,}")
_DATE = re.compile(r"(?:18|19|20)[0-9]{6}")


def texts_of(value: Any) -> Iterator[str]:
    """Yield the texts of an element's value; bytes are read as UTF-8 and as Latin-1."""
    if value is None:
        return
    if isinstance(value, bytes):
        yield value.decode("utf-8", "ignore")
        yield value.decode("latin-1")
    elif isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        for part in value:
            yield from texts_of(part)
    else:
        yield str(value)


def fold(text: str) -> str:
    """Return a text without case and accents, as two people may have typed the same name."""
    parts = unicodedata.normalize("NFKD", text.strip("\0 ").casefold())
    return "".join(character for character in parts if not unicodedata.combining(character))


def registered(uid: str) -> bool:
    """Tell whether a UID is one that the standard registers, such as a SOP class."""
    return uid in UID_dictionary


class KnownValues:
    """What was found in the originals, and where it shows up again.

    Values shorter than three characters are too common to search for and are left to the table.
    """

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._spelled: set[str] = set()
        self._words: set[str] = set()
        self._dates: set[str] = set()
        self._birth_dates: set[str] = set()
        self._uids: set[str] = set()
        self._allowed: set[str] = set()

    def collect(self, dataset: Dataset) -> None:
        """Take note of the identifying values of a data set, at any depth."""
        for tag in list(dataset.keys()):
            try:
                element = dataset[tag]
            except parse_errors():
                continue  # what cannot be read is removed as a whole later
            if element.VR == "SQ":
                for item in element.value if isinstance(element.value, DicomSequence) else ():
                    self.collect(item)
            elif not element.is_private:
                self._take(element)
        self.__dict__.pop("_pattern", None)
        self.__dict__.pop("_number_pattern", None)
        self.__dict__.pop("_date_pattern", None)

    def _take(self, element: Any) -> None:
        for text in texts_of(element.value):
            folded = fold(text)
            if element.VR == "UI":
                if folded and not registered(folded) and element.keyword not in basic_profile().uids_kept:
                    self._uids.add(folded)
            elif element.VR in ("DA", "DT"):
                dates = self._birth_dates if element.keyword == "PatientBirthDate" else self._dates
                dates.update(date for date in _DATE.findall(folded)[:1] if date not in _PLACEHOLDERS)
            elif element.VR == "PN":
                self._add(self._exact, folded)
                self._spelled.add(text.strip("\0 "))
                for word in _SEPARATORS.split(folded):
                    self._add(self._words, word)
            elif element.keyword in _NUMBERS or element.VR == "AE":
                self._add(self._exact if any(c.isdigit() for c in folded) else self._words, folded)
                self._spelled.add(text.strip("\0 "))
            elif element.keyword in _PLACES:
                self._add(self._words, folded)

    @staticmethod
    def _add(values: set[str], value: str) -> None:
        if len(value) >= _SHORTEST and value not in _PLACEHOLDERS:
            values.add(value)

    def allow(self, value: str) -> None:
        """Accept a whole text where it is found: it is what is written on purpose."""
        self._allowed.add(fold(value))

    def allowed(self, text: str) -> bool:
        """Tell whether a text was written on purpose."""
        return fold(text) in self._allowed

    def __len__(self) -> int:
        return sum(map(len, (self._exact, self._words, self._dates, self._birth_dates, self._uids)))

    def __contains__(self, value: str) -> bool:
        return fold(value) in self._exact | self._words

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return _alternatives(self._exact | self._words)

    @functools.cached_property
    def _number_pattern(self) -> re.Pattern[str] | None:
        return _alternatives(self._exact)

    @functools.cached_property
    def _date_pattern(self) -> re.Pattern[str] | None:
        return _alternatives({form for date in self._dates | self._birth_dates for form in _date_forms(date)})

    def in_text(self, text: str) -> bool:
        """Tell whether a known name, number, place, date or UID is in prose."""
        folded = fold(text)
        patterns = (self._pattern, self._date_pattern)
        return any(pattern is not None and pattern.search(folded) for pattern in patterns) or self.in_uid(folded)

    def in_code(self, text: str) -> bool:
        """Tell the same of a code string, where an ordinary word that is also a name means nothing."""
        pattern = self._number_pattern
        return bool(pattern is not None and pattern.search(fold(text))) or self.in_uid(text)

    def in_uid(self, text: str) -> bool:
        """Tell whether one of the original UIDs is part of a text."""
        return any(found in self._uids for found in _UID_TEXT.findall(text))

    def is_date(self, text: str, *, birth_only: bool) -> bool:
        """Tell whether a date or a date with time falls on a known day."""
        known = self._birth_dates if birth_only else self._dates | self._birth_dates
        return text[:8] in known

    @property
    def byte_strings(self) -> tuple[bytes, ...]:
        """Return the values that no binary data hold by chance, as they may be written, for a search through bytes."""
        distinct = {
            v for v in self._spelled if fold(v) in self._exact - self._allowed and len(v) > _LONG and not v.isdigit()
        }
        encoded = {form.encode(charset, "ignore") for v in distinct for form in (v, v.upper(), v.lower(), v.title())
                   for charset in ("utf-8", "latin-1")}  # fmt: skip
        return tuple(sorted(form for form in encoded if len(form) > _LONG))


def _alternatives(values: set[str]) -> re.Pattern[str] | None:
    """Return a pattern for any of the values; short ones and numbers count only as whole words."""
    if not values:
        return None
    whole = [re.escape(v) for v in sorted(values) if len(v) < _LONG or not any(c.isalpha() for c in v)]
    part = [re.escape(v) for v in sorted(values) if len(v) >= _LONG and any(c.isalpha() for c in v)]
    forms = part + ([rf"(?<![^\W_])(?:{'|'.join(whole)})(?![^\W_])"] if whole else [])
    return re.compile("|".join(forms))


def _date_forms(date: str) -> Iterator[str]:
    year, month, day = date[:4], date[4:6], date[6:]
    for mark in ("", "-", ".", "/", " "):
        yield mark.join((year, month, day))
        yield mark.join((day, month, year))
        yield mark.join((month, day, year))
