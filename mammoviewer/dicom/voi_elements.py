"""Windows and VOI LUTs of a data set or functional group item: every one of them, the malformed ones named."""

from __future__ import annotations

import dataclasses

import numpy as np

from mammoviewer.base.arrays import WordArray
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.remedies import PICK_WINDOW
from mammoviewer.imaging.voi import Voi, VoiFunction, VoiLut, Window

_MAX_ENTRIES = 1 << 16


def read_vois(dataset: Dataset, *, signed: bool | None, notices: list[Notice]) -> tuple[Voi, ...]:
    """Return the windows, then the LUTs, of one Macro (PS3.3 C.11.2), in the order of the file.

    ``signed`` is the sign of the values that enter the VOI, which the second value of LUTDescriptor follows; None where
    it is not known, as in an object without pixels. What cannot be used is left out and told in ``notices``.
    """
    luts = []
    for index, item in enumerate(elements.sequence(dataset, "VOILUTSequence")):
        name = elements.text(item, "LUTExplanation") or f"LUT {index + 1}"
        lut = read_lut(item, f"VOI LUT {name}", signed=signed, notices=notices)
        if lut is not None:
            luts.append(dataclasses.replace(lut, explanation=name))
    return (*_windows(dataset, notices), *luts)


def _windows(dataset: Dataset, notices: list[Notice]) -> tuple[Window, ...]:
    centers = elements.numbers(dataset, "WindowCenter")
    widths = elements.numbers(dataset, "WindowWidth")
    if not centers and not widths:
        return ()
    function = _function(dataset, notices)
    explanations = elements.texts(dataset, "WindowCenterWidthExplanation")
    if len(centers) != len(widths):
        _caution(notices, f"{len(centers)} window centres and {len(widths)} widths: the first of each are paired")
    found = []
    smallest = 1.0 if function is VoiFunction.LINEAR else np.finfo(float).tiny
    for index, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if center is None or width is None or width < smallest:
            _caution(notices, f"window {index + 1} of the file is not usable and is left out")
            continue
        name = explanations[index] if index < len(explanations) else ""
        found.append(Window(center, width, function, name or f"Window {index + 1}"))
    return tuple(found)


def _function(dataset: Dataset, notices: list[Notice]) -> VoiFunction:
    name = elements.text(dataset, "VOILUTFunction").upper()
    if not name:
        return VoiFunction.LINEAR
    try:
        return VoiFunction(name)
    except ValueError:
        _caution(notices, f"the VOI function {name!r} is unknown: shown as LINEAR")
        return VoiFunction.LINEAR


def read_lut(item: Dataset, title: str, *, signed: bool | None, notices: list[Notice]) -> VoiLut | None:
    """Return the table of one item with LUTDescriptor and LUTData; None, with a notice, when it is not usable."""
    descriptor = elements.numbers(item, "LUTDescriptor")
    if len(descriptor) != 3 or any(number is None for number in descriptor):
        _caution(notices, f"the {title} has no valid descriptor and is left out")
        return None
    entries, first, bits = (int(number or 0) for number in descriptor)
    entries = entries % _MAX_ENTRIES or _MAX_ENTRIES  # 0 stands for 65,536 (PS3.3 C.11.2.1.1)
    data = _lut_data(item, entries)
    if data is None:
        _caution(notices, f"the {title} is shorter than it says and is left out")
        return None
    name = elements.text(item, "LUTExplanation")
    if signed is None:
        # Written as SS it is below 0 itself; a table that would go on beyond the largest word starts below 0 too.
        signed = first < 0 or first + entries > _MAX_ENTRIES
    return VoiLut(data, _word(first, signed), _real_bits(data, bits, title, notices), name)


def _lut_data(item: Dataset, entries: int) -> WordArray | None:
    """Return ``entries`` words of LUTData, whichever of US and OW it is stored as; None when there are too few."""
    raw = elements.value(item, "LUTData")
    if isinstance(raw, bytes):
        if len(raw) in (entries, entries + 1) and entries > 1:  # 8-bit entries, two in a word
            return np.frombuffer(raw, np.uint8, entries).astype(np.uint16)
        big_endian = item.original_encoding[1] is False
        data = np.frombuffer(raw, ">u2" if big_endian else "<u2", len(raw) // 2)
    else:
        numbers = [number for number in elements.numbers(item, "LUTData") if number is not None]
        data = (np.asarray(numbers, dtype=np.int64) & 0xFFFF).astype(np.uint16)
    if data.size < entries or data.size == 0:
        return None
    return data[:entries].astype(np.uint16)


def _real_bits(data: WordArray, declared: int, name: str, notices: list[Notice]) -> int:
    """Return the width of the entries; some files give the allocated width, which would show the LUT nearly black."""
    real = max(1, int(data.max()).bit_length())
    if 8 <= declared <= 16 and real <= declared <= real + 1:
        return declared
    if 8 <= declared <= 16 and real <= declared and declared != 16:
        return declared
    _caution(notices, f"the {name} says {declared} bits but its entries have {real}: {real} are used")
    return real


def _word(first: int, signed: bool) -> int:
    """Return the second descriptor value with the sign of the pixels, whatever VR it was stored with."""
    word = first & 0xFFFF
    return word - _MAX_ENTRIES if signed and word >= _MAX_ENTRIES // 2 else word


def _caution(notices: list[Notice], text: str) -> None:
    notice = Notice(Severity.CAUTION, text, PICK_WINDOW)
    if notice not in notices:
        notices.append(notice)
