"""De-identifying one data set: every element at every depth gets the action of the profile (PS3.15 E.1.1)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydicom.datadict import dictionary_has_tag, dictionary_VM
from pydicom.dataset import Dataset as PydicomDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import Tag

from mammoviewer.dicom.deidentify_known import KnownValues, registered, texts_of
from mammoviewer.dicom.deidentify_options import Dates, Options, Pseudonyms
from mammoviewer.dicom.deidentify_profile import Action, basic_profile
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.library import parse_errors

METHOD: Final = "MammoViewer: PS3.15 Basic Profile, content and graphics cleaned"
REMOVED_TEXT: Final = "REMOVED"
_DUMMIES: Final = {
    "DA": "19000101",
    "TM": "000000",
    "DT": "19000101000000",
    "AS": "000Y",
    "CS": REMOVED_TEXT,
    "PN": "ANONYMIZED",
    "DS": "0",
    "IS": "0",
    "UR": "urn:removed",
}
_CODES: Final = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113102": "Clean Recognizable Visual Features Option",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
}
# Claims about pixels that an earlier de-identification made stay true; those about the header are made anew.
_PIXEL_CLAIMS: Final = frozenset({"113101", "113102"})
_OURS: Final = frozenset({METHOD, *_DUMMIES.values(), *_CODES.values()})
_TEXT_VRS: Final = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE", "UR", "AS"})
_NUMBER_VRS: Final = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "AT", "SV", "UV"})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_BYTE_VRS: Final = frozenset({"OB", "OW", "OD", "OF", "OL", "OV", "UN"})
# The pixels mean something else when one of these changes, and none of them is typed in by hand.
_LONGEST_CODE: Final = 64
_FIXED: Final = frozenset({
    "SpecificCharacterSet", "SOPClassUID", "Modality", "PhotometricInterpretation", "PresentationIntentType",
    "ImageLaterality", "FrameLaterality", "ValueType", "RelationshipType", "ContinuityOfContent",
})  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One element that changes: where it is, and its value before and after. Holds patient data; only to be shown."""

    tag: str
    keyword: str
    before: str
    after: str


@dataclass
class DatasetPass:
    """One pass over one data set.

    Parameters
    ----------
    options, pseudonyms, known
        The decisions, the new names, and what to search for.
    changes
        Filled with what changed, in the order of the elements.
    """

    options: Options
    pseudonyms: Pseudonyms
    known: KnownValues
    changes: list[Change] = field(default_factory=list)

    def run(self, dataset: Dataset) -> None:
        """De-identify a data set in place: all but the names, the statement and the file meta information."""
        self._clean(dataset, "", blank=False)

    def name(self, dataset: Dataset, patient: str) -> None:
        """Give the patient the new name and state what was done."""
        self._set(dataset, "PatientName", patient)
        self._set(dataset, "PatientID", patient)
        self._set(dataset, "PatientIdentityRemoved", "YES")
        self._set(dataset, "DeidentificationMethod", METHOD)
        self._set(dataset, "LongitudinalTemporalInformationModified", str(self.options.dates))
        earlier = [
            code
            for item in dataset.get("DeidentificationMethodCodeSequence") or []
            if (code := str(item.get("CodeValue", ""))) in _PIXEL_CLAIMS
        ]
        dataset.DeidentificationMethodCodeSequence = DicomSequence(_statement(self.options, earlier))

    def _set(self, dataset: Dataset, keyword: str, value: str) -> None:
        before = _shown(dataset.get(keyword))
        setattr(dataset, keyword, value)
        if before != value:
            tag = dataset[keyword].tag
            # the passing dummy of the profile is of no interest: what counts is the last value
            first = next((c for c in self.changes if c.keyword == keyword), None)
            if first is not None:
                self.changes.remove(first)
            self.changes.append(Change(str(tag), keyword, first.before if first else before, value))

    def _clean(self, dataset: Dataset, place: str, *, blank: bool) -> None:
        """Clean a data set; ``blank`` means that every text in it is replaced."""
        for tag in sorted(dataset.keys()):
            try:
                element = dataset[tag]
                _require_items(element)
            except parse_errors():
                # what cannot be read cannot be searched
                del dataset[tag]
                self._note(str(Tag(tag)), f"{place}(not readable)", "", "")
                continue
            self._apply(dataset, element, place, blank=blank)

    def _apply(self, dataset: Dataset, element: Any, place: str, *, blank: bool) -> None:
        action = basic_profile().action(
            int(element.tag), element.keyword, element.VR, keep_dates=self.options.keep_dates
        )
        where = f"{place}{element.keyword or 'private or unknown'}"
        if place and element.tag == 0x7FE00010:
            action = Action.REMOVE  # a picture inside a sequence: nobody has looked at it
        if action is Action.CLEAN and element.VR != "SQ":
            action = Action.REMOVE  # the file gives a sequence another form: there are no items to clean
        if action is Action.CLEAN or (action is Action.DUMMY and element.VR == "SQ"):
            self._clean_items(dataset, element, where, blank=blank or action is Action.DUMMY)
            return
        if blank and action is Action.KEEP and element.VR in _TEXT_VRS | {"CS"}:
            action = Action.DUMMY
        if action is Action.KEEP and hit(element, self.known):
            action = Action.REMOVE if element.VR in _BYTE_VRS | _NUMBER_VRS else Action.DUMMY
        before = _shown(element.value)
        self._act(dataset, element, action)
        after = _shown(element.value) if element.tag in dataset else ""
        if before != after or element.tag not in dataset:
            self._note(str(element.tag), where, before, after if element.tag in dataset else "(removed)")

    def _clean_items(self, dataset: Dataset, element: Any, where: str, *, blank: bool) -> None:
        for number, item in enumerate(element.value, 1):
            self._clean(item, f"{where}[{number}].", blank=blank)
        if element.keyword == "GraphicAnnotationSequence":
            # an annotation of text alone has nothing left, and the standard does not allow it empty
            kept = [item for item in element.value if item.get("GraphicObjectSequence")]
            if kept:
                element.value = DicomSequence(kept)
            else:
                del dataset[element.tag]

    def _act(self, dataset: Dataset, element: Any, action: Action) -> None:
        if action is Action.REMOVE:
            del dataset[element.tag]
        elif action is Action.EMPTY:
            element.value = DicomSequence() if element.VR == "SQ" else b"" if element.VR in _BYTE_VRS else None
        elif action is Action.DUMMY:
            _replace(dataset, element)
        elif action is Action.UID:
            _map_values(element, self._new_uid)
        elif action is Action.DATE and self.options.dates is Dates.SHIFTED:
            try:
                _map_values(element, lambda text: shifted(text, element.VR, self.options.shift_days))
            except (ValueError, OverflowError):
                _replace(dataset, element)  # not a date as the standard writes it

    def _new_uid(self, original: str) -> str:
        text = original.strip("\0 ")
        return text if not text or registered(text) else self.pseudonyms.uid(text)

    def _note(self, tag: str, where: str, before: str, after: str) -> None:
        self.changes.append(Change(tag, where, before, after))


def hit(element: Any, known: KnownValues) -> bool:
    """Tell whether an element holds a known value."""
    if element.VR in _NUMBER_VRS:
        return _too_many(element)
    if element.keyword in _FIXED and len(str(element.value)) <= _LONGEST_CODE:
        return False
    if element.VR in _TEXT_VRS | {"CS", "UI", "DS", "IS"}:
        # with control characters a text is the rest of other elements, swallowed by a wrong length
        return any(
            _known_in(text, element, known) or _CONTROL.search(text.rstrip("\0")) for text in texts_of(element.value)
        )
    if element.VR in _BYTE_VRS and isinstance(element.value, bytes):
        data = element.value
        return any(value in data for value in known.byte_strings)
    return False


def _known_in(text: str, element: Any, known: KnownValues) -> bool:
    if text in _OURS or known.allowed(text) or element.VR in ("DS", "IS"):
        return False  # any number may happen to be somebody's
    if element.VR == "UI" and registered(text):
        return False
    if element.keyword == "CodeValue" and text.isdigit():
        return False  # a concept, whoever has the same number
    return known.in_text(text) if element.VR in _TEXT_VRS else known.in_code(text)


def _require_items(element: Any) -> None:
    """Raise ValueError when the value of a sequence is none: its bytes were something else."""
    if element.VR == "SQ" and not isinstance(element.value, DicomSequence):
        raise ValueError("not a sequence")


def _too_many(element: Any) -> bool:
    """Tell whether there are more numbers than the dictionary has room for: they are the bytes of other elements."""
    room = dictionary_VM(element.tag) if dictionary_has_tag(element.tag) else "1-n"
    return bool(room.isdigit() and int(room) < element.VM)


def shifted(text: str, vr: str, days: int) -> str:
    """Return a date (``vr`` DA) or a date with time (DT) some days later; times (TM) stay.

    Raises
    ------
    ValueError
        The text is not a whole date of the standard, or an old form of one (PS3.5 6.2).
    """
    if vr == "TM" or not text:
        return text
    compact = text.replace(".", "") if vr == "DA" else text
    day = datetime.datetime.strptime(compact[:8], "%Y%m%d").date() + datetime.timedelta(days=days)
    if len(compact) > 8 and vr == "DA":
        raise ValueError("more than a date")
    return f"{day.year:04d}{day:%m%d}{compact[8:]}"


def _map_values(element: Any, function: Callable[[str], str]) -> None:
    value = element.value
    if value is None or value == "":
        return
    several = not isinstance(value, str) and hasattr(value, "__iter__")
    element.value = [function(str(part)) for part in value] if several else function(str(value))


def _replace(dataset: Dataset, element: Any) -> None:
    """Put a value in the place of another that says nothing, as the VR allows it."""
    if element.VR in _TEXT_VRS | set(_DUMMIES):
        element.value = _DUMMIES.get(element.VR, REMOVED_TEXT)
    elif element.VR in _BYTE_VRS:
        element.value = b"\0\0"
    elif element.VR == "UI":
        del dataset[element.tag]
    else:
        element.value = 0


def _statement(options: Options, earlier: list[str]) -> list[Dataset]:
    codes = {"113100", "113103", "113104", *earlier}
    codes |= {Dates.KEPT: {"113106"}, Dates.SHIFTED: {"113107"}, Dates.REMOVED: set[str]()}[options.dates]
    items = []
    for code in sorted(codes):
        item = PydicomDataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", _CODES[code]
        items.append(item)
    return items


def _shown(value: Any, limit: int = 80) -> str:
    """Return a value in one short line."""
    if isinstance(value, DicomSequence):
        return f"{len(value)} items"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = "" if value is None else "\\".join(texts_of(value))
    return text if len(text) <= limit else f"{text[:limit]}..."


def residue(dataset: Dataset, known: KnownValues, pseudonyms: Pseudonyms, options: Options) -> str:
    """Return the keyword of the first element that still holds a known value, empty when there is none.

    Made to be run on what was written and read again: it trusts nothing that was done before.
    """
    made = set(pseudonyms.uids.values())
    return next(_residues(dataset, known, made, options), "")


def _residues(dataset: Dataset, known: KnownValues, made: set[str], options: Options) -> Iterator[str]:
    for tag in sorted(dataset.keys()):
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                yield from _residues(item, known, made, options)
        elif _left(element, known, made, options):
            yield element.keyword or str(element.tag)


def _left(element: Any, known: KnownValues, made: set[str], options: Options) -> bool:
    if element.is_private:
        return True
    texts = [text for text in texts_of(element.value) if text]
    if element.VR == "UI" and element.keyword not in basic_profile().uids_kept:
        return any(text not in made and not registered(text) for text in texts)
    if element.VR in ("DA", "DT"):
        birth_only = options.keep_dates and element.keyword not in basic_profile().patient_dates
        return not birth_only and any(known.is_date(text, birth_only=False) for text in texts)
    return hit(element, known)
