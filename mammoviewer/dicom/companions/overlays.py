"""Overlay planes, groups 6000 to 601E (PS3.3 C.9.2, C.9.3), in elements of their own or in spare bits of the pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mammoviewer.base.arrays import FloatArray, StoredArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.records import MaskPlane, Target, from_pixel
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.library import parse_errors
from mammoviewer.dicom.remedies import ASK_AGAIN

RawFrame = Callable[[int], StoredArray]
"""Returns the words of a frame with all their bits."""

_GROUPS = range(0x6000, 0x6020, 2)
_LARGEST = 1 << 28


@dataclass(frozen=True)
class _Overlay:
    """The elements of one overlay group."""

    rows: int
    columns: int
    frames: int
    first_frame: int
    origin: tuple[float, float]
    position: int
    allocated: int
    data: bytes | None
    label: str
    graphic: bool


def read_overlays(
    dataset: Dataset, targets: tuple[Target, ...], notices: list[Notice], *, raw_frame: RawFrame | None = None
) -> tuple[MaskPlane, ...]:
    """Return the overlays of a header.

    Parameters
    ----------
    targets
        The images they lie on; for an overlay with frames of its own they are narrowed to one frame each.
    notices
        Gets what cannot be shown.
    raw_frame
        Where overlays in spare bits of the pixels come from; without it they are left out.
    """
    planes: list[MaskPlane] = []
    for group in _GROUPS:
        if _value(dataset, group, 0x0010) is None:
            continue
        overlay = _read(dataset, group)
        if overlay is None:
            text = f"the overlay in group {group:04X} is not usable"
            notices.append(Notice(Severity.CAUTION, text, ASK_AGAIN))
        elif overlay.data is not None:
            planes += _own_planes(overlay, targets)
        elif raw_frame is not None and overlay.position > 0:
            planes += _embedded_planes(overlay, targets, raw_frame, elements.integer(dataset, "NumberOfFrames") or 1)
    return tuple(planes)


def _value(dataset: Dataset, group: int, element: int) -> Any:
    try:
        found = dataset.get((group, element))
        return None if found is None else found.value
    except parse_errors():
        return None  # told as an overlay that is not usable where it is needed


def _integer(dataset: Dataset, group: int, element: int, default: int = 0) -> int:
    value = _value(dataset, group, element)
    try:
        return default if value in (None, "") else int(value)
    except (ValueError, TypeError):
        return default


def _read(dataset: Dataset, group: int) -> _Overlay | None:
    rows, columns = _integer(dataset, group, 0x0010), _integer(dataset, group, 0x0011)
    frames = max(1, _integer(dataset, group, 0x0015, 1))
    if rows < 1 or columns < 1 or rows * columns * frames > _LARGEST:
        return None
    origin = _value(dataset, group, 0x0050)
    try:
        row, column = (1.0, 1.0) if origin in (None, "") else (float(origin[0]), float(origin[1]))
    except (ValueError, TypeError, IndexError):
        return None
    data = _data(dataset, group)
    if data is not None and len(data) * 8 < rows * columns * frames:
        return None
    words = (_value(dataset, group, element) for element in (0x1500, 0x0022))
    return _Overlay(
        rows=rows,
        columns=columns,
        frames=frames,
        first_frame=_integer(dataset, group, 0x0051, 1) - 1 if frames > 1 else -1,
        origin=from_pixel(column, row),
        position=_integer(dataset, group, 0x0102),
        allocated=_integer(dataset, group, 0x0100, 1),
        data=data,
        label=next((str(word).strip() for word in words if word), "Overlay"),
        graphic=str(_value(dataset, group, 0x0040) or "G").strip().upper() != "R",
    )


def _data(dataset: Dataset, group: int) -> bytes | None:
    """Return OverlayData; its bits fill words from the lowest on, and a big-endian file turns the bytes of words."""
    data: bytes | None = _value(dataset, group, 0x3000)
    if data is None or dataset.original_encoding[1] is not False or dataset[group, 0x3000].VR != "OW":
        return data
    return np.frombuffer(data[: len(data) // 2 * 2], np.uint16).byteswap().tobytes()


def _own_planes(overlay: _Overlay, targets: tuple[Target, ...]) -> list[MaskPlane]:
    """Return one plane for each frame of an overlay; one without frames lies on every frame of the image."""
    planes = []
    for index in range(overlay.frames):
        places = targets
        if overlay.frames > 1:
            places = tuple(Target(target.SOPInstanceUID, (overlay.first_frame + index,)) for target in targets)
        read = functools.partial(_unpacked, overlay, index)
        planes.append(MaskPlane(places, overlay.label, overlay.origin, read, solid=overlay.graphic))
    return planes


def _unpacked(overlay: _Overlay, index: int) -> FloatArray:
    """Return a frame of OverlayData: bits from the lowest of each byte, frames without a gap (PS3.5 8.1.2)."""
    size = overlay.rows * overlay.columns
    first = index * size
    data = np.frombuffer(overlay.data or b"", np.uint8)[first // 8 : -(-(first + size) // 8)]
    bits = np.unpackbits(data, bitorder="little")[first % 8 : first % 8 + size]
    return bits.reshape(overlay.rows, overlay.columns).astype(np.float32)


def _embedded_planes(
    overlay: _Overlay, targets: tuple[Target, ...], raw_frame: RawFrame, frames: int
) -> list[MaskPlane]:
    """Return the planes of an overlay in a bit of the pixel words, as files before 2004 have it."""
    return [
        MaskPlane(
            tuple(Target(target.SOPInstanceUID, (index,)) for target in targets),
            overlay.label,
            overlay.origin,
            functools.partial(_bit, overlay, raw_frame, index),
            solid=overlay.graphic,
        )
        for index in range(frames)
    ]


def _bit(overlay: _Overlay, raw_frame: RawFrame, index: int) -> FloatArray:
    words = raw_frame(index)
    if overlay.position >= words.dtype.itemsize * 8:
        raise DecodeError(f"the pixels have no bit {overlay.position} for an overlay", hint=ASK_AGAIN)
    plane: StoredArray = (words >> np.array(overlay.position, words.dtype)) & np.array(1, words.dtype)
    found: FloatArray = plane[: overlay.rows, : overlay.columns].astype(np.float32)
    return found
