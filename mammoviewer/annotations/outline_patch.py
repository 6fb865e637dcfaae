"""What differs between two outlines, in a few bytes: a stroke on a large region changes a small part of its outline."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import AnnotationError

_HEAD: Final = struct.Struct("<III")
"""Checksum of the points that it changes, how many runs it has, how many points of its own."""
_QUICK: Final = 1
"""The level of zlib: outlines shrink as well with the quickest."""


def packed_points(points: DoubleArray) -> bytes:
    """Return (N, 2) points as compressed bytes; :func:`unpacked_points` gives them back to the bit."""
    return zlib.compress(np.ascontiguousarray(points, "<f8").tobytes(), _QUICK)


def unpacked_points(packed: bytes) -> DoubleArray:
    """Return the points of :func:`packed_points`.

    Raises
    ------
    AnnotationError
        If the bytes are none.
    """
    try:
        return np.frombuffer(zlib.decompress(packed), "<f8").reshape(-1, 2)
    except (zlib.error, ValueError) as error:
        raise AnnotationError(f"a stored outline cannot be read: {error}") from error


def outline_patch(source: DoubleArray, target: DoubleArray) -> bytes:
    """Return what makes ``target`` of ``source``, both (N, 2): runs of points of the source, and points of its own."""
    place = _places(source, target)
    own = place < 0
    # A run ends where the next point is not the one that follows it in the source, or both are points of its own.
    goes_on = np.where(own[1:], own[:-1], (place[1:] == place[:-1] + 1) & ~own[:-1])
    firsts = np.concatenate([[0], np.flatnonzero(~goes_on) + 1]) if len(target) else np.zeros(0, np.intp)
    lengths = np.diff(np.append(firsts, len(target)))
    runs = np.stack([place[firsts], lengths], axis=1).astype("<i4")
    head = _HEAD.pack(_checksum(source), len(runs), int(own.sum()))
    points = np.ascontiguousarray(target[own], "<f8")
    return zlib.compress(head + runs.tobytes() + points.tobytes(), _QUICK)


def patched(source: DoubleArray, patch: bytes) -> DoubleArray:
    """Return the outline that :func:`outline_patch` was made for.

    Raises
    ------
    AnnotationError
        If the patch is of another outline than ``source``, or is none.
    """
    try:
        raw = zlib.decompress(patch)
        checksum, run_count, own_count = _HEAD.unpack_from(raw)
        runs = np.frombuffer(raw, "<i4", 2 * run_count, _HEAD.size).reshape(-1, 2).astype(np.intp)
        own = np.frombuffer(raw, "<f8", 2 * own_count, _HEAD.size + 8 * run_count).reshape(-1, 2)
    except (zlib.error, struct.error, ValueError) as error:
        raise AnnotationError(f"a stored change of an outline cannot be read: {error}") from error
    if checksum != _checksum(source):
        raise AnnotationError("the outline was changed elsewhere since", hint="what was changed there stays as it is")
    firsts, lengths = runs.T
    starts = np.repeat(firsts, lengths)
    within = np.arange(len(starts)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    made = np.empty((len(starts), 2))
    of_source = starts >= 0
    made[of_source] = source[(starts + within)[of_source]]
    made[~of_source] = own
    return made


def _places(source: DoubleArray, target: DoubleArray) -> NDArray[np.intp]:
    """Return where each point of the target is in the source, -1 where it is not."""
    known, wanted = (np.ascontiguousarray(points, np.float64).view(np.complex128)[:, 0] for points in (source, target))
    if not len(known):
        return np.full(len(wanted), -1, np.intp)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    place = order[at]
    return np.where(known[place] == wanted, place, -1)


def _checksum(points: DoubleArray) -> int:
    # Places are compared by value, where -0.0 is 0.0; so they are here.
    return zlib.crc32(np.ascontiguousarray(points + 0.0, "<f8").tobytes())
