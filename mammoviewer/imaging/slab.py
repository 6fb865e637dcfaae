"""Thick slices: several neighbouring frames of a volume as one picture."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, StoredArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.voi import Padding


class SlabMode(enum.StrEnum):
    """How the frames of a slab are put together."""

    MEAN = "mean"
    MIP = "MIP"


@dataclass(frozen=True)
class SlabSpan:
    """Frames ``first`` to ``last``, both included, put together by ``mode``."""

    first: int
    last: int
    mode: SlabMode

    @property
    def frames(self) -> range:
        """Return the frames."""
        return range(self.first, self.last + 1)


def centred_span(frame: int, count: int, frames: int, mode: SlabMode) -> SlabSpan | None:
    """Return the span of ``count`` frames about ``frame``, cut at the ends of a volume; None for a single frame."""
    first = max(0, frame - (count - 1) // 2)
    last = min(frames - 1, frame + count // 2)
    return SlabSpan(first, last, mode) if last > first else None


def slab(
    stack: Iterable[StoredArray], mode: SlabMode, *, dark_is_bright: bool = False, padding: Padding | None = None
) -> StoredArray:
    """Return the mean, rounded, or the brightest value of each pixel.

    Parameters
    ----------
    stack
        Integer arrays (rows, columns) of one shape and type, the frames in any order.
    dark_is_bright
        Whether low values are shown bright (MONOCHROME1), so that the brightest is the lowest.
    padding
        Stored values without meaning: they do not take part where any other frame has a value.

    Raises
    ------
    ArgumentError
        If there is no frame.
    """
    frames = list(stack)
    if not frames:
        raise ArgumentError("a slab needs at least one frame")
    seen = None if padding is None else [(frame < padding.low) | (frame > padding.high) for frame in frames]
    if mode is SlabMode.MIP:
        return _brightest(frames, seen, np.minimum if dark_is_bright else np.maximum)
    return _mean(frames, seen)


def _mean(frames: Sequence[StoredArray], seen: Sequence[BoolArray] | None) -> StoredArray:
    total = np.zeros(frames[0].shape, np.float32)
    if seen is None:
        for frame in frames:
            cv2.add(total, frame, dst=total, dtype=cv2.CV_32F)
        total *= np.float32(1 / len(frames))
        return np.rint(total, out=total).astype(frames[0].dtype)
    count = np.zeros(total.shape, np.uint16)
    for frame, there in zip(frames, seen, strict=True):
        np.add(total, frame, out=total, where=there)
        count += there
    mean = np.rint(total / np.maximum(count, 1)).astype(frames[0].dtype)
    return np.where(count > 0, mean, frames[0])


def _brightest(frames: Sequence[StoredArray], seen: Sequence[BoolArray] | None, better: np.ufunc) -> StoredArray:
    best = frames[0].copy()
    if seen is None:
        for frame in frames[1:]:
            better(best, frame, out=best)
        return best
    found = seen[0].copy()
    for frame, there in zip(frames[1:], seen[1:], strict=True):
        better(best, frame, out=best, where=there & found)
        np.copyto(best, frame, where=there & ~found)
        found |= there
    return best
