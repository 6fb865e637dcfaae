"""A synthetic Hologic SCO file: a tomosynthesis volume in private elements of a Secondary Capture."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from helpers import dicom_makers as makers
from pydicom.dataset import Dataset

CREATOR = "HOLOGIC, Inc."
HEADER_BYTES = 64


def bare_scan(frame: np.ndarray, near: int) -> bytes:
    """Return what stands between the SOS header and EOI of a JPEG-LS codestream."""
    stream = bytes(imagecodecs.jpegls_encode(frame, level=near))
    start = stream.index(b"\xff\xda")
    (length,) = struct.unpack_from(">H", stream, start + 2)
    assert stream.endswith(b"\xff\xd9")
    return stream[start + 2 + length : -2]


def precision(frame: np.ndarray) -> int:
    stream = bytes(imagecodecs.jpegls_encode(frame))
    return stream[stream.index(b"\xff\xf7") + 4]


def joined(volume: np.ndarray, near: int = 0) -> bytes:
    frames, rows, columns = volume.shape
    scans = [bare_scan(frame, near) for frame in volume]
    offsets = HEADER_BYTES + np.cumsum([0, *map(len, scans)])
    header = bytearray(HEADER_BYTES)
    struct.pack_into("<H", header, 20, frames)
    struct.pack_into("<H", header, 24, columns)
    struct.pack_into("<H", header, 28, rows)
    header[32], header[36] = precision(volume[0]), near
    table = struct.pack(f"<{frames + 1}i", *offsets.tolist())
    return bytes(header) + b"".join(scans) + table + bytes(1024 - len(table))


def save_sco(path: Path, volume: np.ndarray, *, near: int = 0, pieces: int = 3, data: bytes | None = None,
             syntax: str = makers.NATIVE, **elements: Any) -> Path:  # fmt: skip
    """Write ``volume`` (frames, rows, columns) as the SCO of a left CC view, its bytes split over ``pieces`` items."""
    data = joined(volume, near) if data is None else data
    picture = np.zeros((8, 8), np.uint16)
    dataset = makers.secondary_capture(picture, bits=16)
    dataset.ImageLaterality, dataset.ViewPosition, dataset.PatientOrientation = "L", "CC", ["A", "R"]
    dataset.ImagerPixelSpacing, dataset.SpacingBetweenSlices = [0.1, 0.1], 1
    dataset.WindowCenter, dataset.WindowWidth = 500, 800
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.add_new((0x7E01, 0x0010), "LO", CREATOR)
    cuts = np.linspace(0, len(data), pieces + 1).astype(int) // 2 * 2
    items = []
    for start, end in zip(cuts, [*cuts[1:-1], len(data)], strict=False):
        item = Dataset()
        item.add_new((0x7E01, 0x0010), "LO", CREATOR)
        item.add_new((0x7E01, 0x1012), "OB", data[start:end] + b"\0" * ((end - start) % 2))
        items.append(item)
    dataset.add_new((0x7E01, 0x1010), "SQ", items)
    dataset.add_new((0x7E01, 0x1011), "SQ", [])
    return makers.save(path, dataset, picture, syntax=syntax)
