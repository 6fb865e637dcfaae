"""Run lengths as COCO writes masks: column by column, beginning with what is outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoviewer.base.arrays import BoolArray
from mammoviewer.base.errors import AnnotationError

_MOST_PIXELS = 1 << 28


def run_lengths(mask: BoolArray) -> list[int]:
    """Return the lengths of the runs of a mask (rows, columns), outside and inside in turn."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges).tolist()
    return [0, *counts] if flat.size and flat[0] else list(counts)


def mask_of(size: Sequence[int], counts: Sequence[int] | str) -> BoolArray:
    """Return the mask (rows, columns) of ``size`` that run lengths describe, given as numbers or as COCO's text.

    Raises
    ------
    AnnotationError
        If the runs do not fill the image.
    """
    rows, columns = (int(value) for value in size)
    numbers = _decoded(counts) if isinstance(counts, str) else [int(value) for value in counts]
    if rows < 1 or columns < 1 or rows * columns > _MOST_PIXELS:
        raise AnnotationError("the size of a mask is not sensible")
    if min(numbers, default=-1) < 0 or sum(numbers) != rows * columns:
        raise AnnotationError("the runs of a mask do not fill its image")
    flat = np.repeat(np.arange(len(numbers)) % 2 == 1, numbers)
    mask: BoolArray = flat.reshape((rows, columns), order="F")
    return mask


def _decoded(text: str) -> list[int]:
    """Return the numbers of COCO's compressed form: 5 bits a character, differences to the last but one from the third.

    The form is described in COCO's mask API (maskApi.c, rleToString).
    """
    numbers: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise AnnotationError("the text of a mask is no run lengths")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
        value = shift = 0
    if shift:
        raise AnnotationError("the text of a mask is cut short")
    return numbers
