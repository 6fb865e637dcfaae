"""The character set of the texts of a header: that which the file names, one that fits the bytes, or one chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mammoviewer.base.errors import ArgumentError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.library import pydicom

CHARSETS: tuple[tuple[str, str], ...] = (
    ("Unicode (UTF-8)", "ISO_IR 192"),
    ("Western European", "ISO_IR 100"),
    ("Western European (Windows)", "windows-1252"),
    ("Central European", "ISO_IR 101"),
    ("Central European (Windows)", "windows-1250"),
    ("South European", "ISO_IR 109"),
    ("North European", "ISO_IR 110"),
    ("Cyrillic", "ISO_IR 144"),
    ("Cyrillic (Windows)", "windows-1251"),
    ("Cyrillic (KOI8-R)", "koi8-r"),
    ("Greek", "ISO_IR 126"),
    ("Turkish", "ISO_IR 148"),
    ("Hebrew", "ISO_IR 138"),
    ("Arabic", "ISO_IR 127"),
    ("Thai", "ISO_IR 166"),
    ("Japanese (Kanji)", "\\ISO 2022 IR 87"),
    ("Japanese (Shift JIS)", "shift_jis"),
    ("Korean", "\\ISO 2022 IR 149"),
    ("Korean (EUC-KR)", "euc_kr"),
    ("Chinese (GB18030)", "GB18030"),
    ("Chinese (Big5)", "big5"),
)
"""(title, value) of the character sets to choose from: defined terms (PS3.3 C.12.1.1.2) and what files have instead."""

UNKNOWN = "the character set of the texts is not known"
_UTF8, _LATIN = "ISO_IR 192", "ISO_IR 100"
_CHARSET_TAG = 0x00080005
_ASCII = ("", "ISO_IR 6", "ISO 2022 IR 6")
_TEXT_VRS = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")
_HINT = "choose another character set in the Details panel, or by --charset"


def require_charset(charset: str) -> None:
    """Refuse a character set that the program does not have.

    Raises
    ------
    ArgumentError
        It is neither a defined term nor a name that Python knows.
    """
    if None in _encodings(charset.split("\\")):
        names = ", ".join(value for _, value in CHARSETS[:4])
        raise ArgumentError(f"the character set {charset[:32]!r} is not known", hint=f"use one such as {names}")


def decode_texts(dataset: Dataset, charset: str | None) -> tuple[str | None, tuple[Notice, ...]]:
    """Choose the character set that the texts of a header just read are decoded by.

    Parameters
    ----------
    dataset
        The header, none of its texts converted yet; gets the SpecificCharacterSet that is used.
    charset
        The one to use whatever the file says. With None the one that the file names is used if its texts can be
        in it; otherwise UTF-8 if they can be in that, and else what comes nearest to the name.

    Returns
    -------
    The character set that the file names if another one is used, else None; and what there is to be told.

    Raises
    ------
    ArgumentError
        As :func:`require_charset`.
    """
    declared = elements.texts(dataset, "SpecificCharacterSet")
    named = "\\".join(declared)
    if charset is not None:
        require_charset(charset)
        _use(dataset, charset)
        return (None if charset == named else named), ()
    found = _foreign_texts(dataset)
    if not found or (_is_defined(declared) and _can_be(declared, found)):
        return None, ()
    chosen = next(name for name in (_UTF8, *_near(declared), _LATIN) if _can_be([name], found))
    _use(dataset, chosen)
    told = f"the file says {named[:32]}" if named else "the file names none"
    title = next((title for title, value in CHARSETS if value == chosen), chosen)
    notice = Notice(Severity.CAUTION, f"{UNKNOWN} ({told}): {title} is assumed", _HINT)
    return (None if chosen == named else named), (notice,)


def _foreign_texts(dataset: Dataset) -> list[bytes]:
    """Return the values with other characters than ASCII's of the text elements, those of sequences left out."""
    found = []
    for element in dataset.values():
        value = element.value if isinstance(element, pydicom.dataelem.RawDataElement) else None
        if isinstance(value, bytes) and not value.isascii() and _vr(element) in _TEXT_VRS:
            found.append(value)
    return found


def _vr(element: Any) -> str:
    try:
        return str(element.VR or pydicom.datadict.dictionary_VR(element.tag))
    except KeyError:
        return ""  # a private element of a file with implicit VRs


def _is_defined(names: Sequence[str]) -> bool:
    return all(name in pydicom.charset.python_encoding for name in names)


def _encodings(names: Sequence[str]) -> list[str | None]:
    """Return Python's name of each character set, None where it has none."""
    return [pydicom.charset.python_encoding.get(name) or _codec(name) for name in names]


def _codec(name: str) -> str | None:
    try:
        b"a".decode(name)
    except (LookupError, ValueError):
        return None
    return name


def _can_be(names: Sequence[str], texts: Sequence[bytes]) -> bool:
    """Return whether texts can be in a character set; of several the first one counts where no escape leads on."""
    first = names[0] if names else ""
    encoding = "ascii" if first in _ASCII else _encodings([first])[0]
    if encoding is None:
        return False
    for text in texts:
        try:
            if pydicom.charset.ESC not in text:
                text.decode(encoding)
        except (LookupError, ValueError):
            return False
    return True


def _near(names: Sequence[str]) -> list[str]:
    """Return what a name that is not a defined term may stand for: ``ISO IR 100``, ``iso_ir_100``, ``cp1251``."""
    name = names[0] if names else ""
    spelled = re.sub(r"^ISO[\W_]*IR[\W_]*", "ISO_IR ", name.upper())
    return [spelled, name] if name and not _is_defined([name]) else []


def _use(dataset: Dataset, charset: str) -> None:
    names = charset.split("\\")
    encodings = [encoding or pydicom.charset.default_encoding for encoding in _encodings(names)]
    dataset.SpecificCharacterSet = names if len(names) > 1 else charset
    _decode_by(dataset, encodings)


def _decode_by(dataset: Dataset, encodings: list[str]) -> None:
    """Set the encodings of a data set and of the items that it has; those with a character set of their own keep it."""
    implicit, little = dataset.original_encoding
    dataset.set_original_encoding(implicit, little, encodings)
    for element in dataset.values():
        if isinstance(element, pydicom.dataelem.DataElement) and element.VR == "SQ":
            for item in element.value:
                if _CHARSET_TAG not in item:
                    _decode_by(item, encodings)
