"""The Modality LUT Sequence (PS3.3 C.11.1): a table before the VOI. Mammography has none, other files may."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import StoredArray, WordArray
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.voi_elements import read_lut
from mammoviewer.imaging.voi import Padding

_WORD_BITS = 16
PADDED = (1 << _WORD_BITS) - 1
"""The value that padding gets where the table's own values leave it free."""


@dataclass(frozen=True, eq=False)
class ModalityLut:
    """The table, applied to every frame as it is decoded.

    ``data`` is uint16 (entries,), ``first_mapped`` the stored value of entry 0, ``bits`` the width of the entries.
    ``padding`` is in stored values: it is found before the table is applied, and marked with ``padded`` after it.
    """

    data: WordArray
    first_mapped: int
    bits: int
    padding: Padding | None = None

    @property
    def shown_bits(self) -> int:
        """Return the bits that the values take, the mark of padding included."""
        return self.bits if self.padding is None else _WORD_BITS

    @property
    def padded(self) -> Padding | None:
        """Return the mark of padding after the table, None when there is no padding."""
        return None if self.padding is None else Padding(self._mark, self._mark)

    @property
    def _mark(self) -> int:
        return PADDED if self.bits < _WORD_BITS else 0

    def apply(self, stored: StoredArray) -> StoredArray:
        """Return the values after the table, uint16 of the same shape."""
        index = np.clip(stored.astype(np.int64) - self.first_mapped, 0, self.data.size - 1)
        values = self.data[index]
        if self.padding is not None:
            values[self.padding.contains(stored)] = self._mark
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
    notices.append(Notice(Severity.CAUTION, "the Modality LUT of the file is applied, which mammograms do not have"))
    return ModalityLut(lut.data, lut.first_mapped, lut.bits, padding)
