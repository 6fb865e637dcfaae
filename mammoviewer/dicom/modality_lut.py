"""The Modality LUT Sequence (PS3.3 C.11.1): a table before the VOI. Mammography has none, other files may."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import StoredArray, WordArray
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.remedies import CHECK_GREYS
from mammoviewer.dicom.voi_elements import read_lut
from mammoviewer.imaging.voi import Padding

_WORD_BITS = 16


@dataclass(frozen=True, eq=False)
class ModalityLut:
    """The table, applied to every frame as it is decoded.

    ``data`` is uint16 (entries,), ``first_mapped`` the stored value of entry 0, ``bits`` the width of the entries.
    ``padding`` is in stored values: it is found before the table is applied, and marked with ``mark`` after it.
    """

    data: WordArray
    first_mapped: int
    bits: int
    padding: Padding | None = None
    mark: int = 0

    @property
    def shown_bits(self) -> int:
        """Return the bits that the values take, the mark of padding included."""
        return self.bits if self.padding is None else _WORD_BITS

    @property
    def padded(self) -> Padding | None:
        """Return the mark of padding after the table, None when there is no padding."""
        return None if self.padding is None else Padding(self.mark, self.mark)

    def apply(self, stored: StoredArray) -> StoredArray:
        """Return the values after the table, uint16 of the same shape."""
        index = np.clip(stored.astype(np.int64) - self.first_mapped, 0, self.data.size - 1)
        values = self.data[index]
        if self.padding is not None:
            values[self.padding.contains(stored)] = self.mark
        return np.asarray(values)


def read_modality_lut(
    dataset: Dataset, *, signed: bool, padding: Padding | None, notices: list[Notice]
) -> ModalityLut | None:
    """Return the Modality LUT of a file, None when there is none or it is damaged; either is told in ``notices``."""
    items = elements.sequence(dataset, "ModalityLUTSequence")
    if not items:
        return None
    lut = read_lut(items[0], "Modality LUT", signed=signed, notices=notices)
    if lut is None:
        return None
    text = "the Modality LUT of the file is applied, which mammograms do not have"
    notices.append(Notice(Severity.CAUTION, text, CHECK_GREYS))
    mark = _unused(lut.data)
    if padding is not None and mark is None:
        padding = None
        text = "the Modality LUT uses every value: the padding cannot be told from the image"
        notices.append(Notice(Severity.CAUTION, text, "window by hand"))
    return ModalityLut(lut.data, lut.first_mapped, lut.bits, padding, mark or 0)


def _unused(data: WordArray) -> int | None:
    """Return the largest value of a word that a table does not lead to, None when it leads to all of them."""
    free = np.ones(1 << _WORD_BITS, np.bool_)
    free[data] = False
    found = np.flatnonzero(free)
    return int(found[-1]) if found.size else None
