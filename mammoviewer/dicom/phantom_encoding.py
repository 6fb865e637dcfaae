"""Encoding of frames in the transfer syntaxes that a phantom exam can be written in; all are lossless."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder

from mammoviewer.base.arrays import WordArray
from mammoviewer.base.errors import ArgumentError

_BITS = 12


def _jpeg_lossless(frame: WordArray) -> bytes:
    # Selection value 1 is what the transfer syntax ...4.70 stands for.
    return bytes(imagecodecs.jpeg8_encode(frame, lossless=True, predictor=1, bitspersample=_BITS))


def _jpeg_ls(frame: WordArray) -> bytes:
    return bytes(imagecodecs.jpegls_encode(frame, level=0))


def _jpeg_2000(frame: WordArray) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k", reversible=True, bitspersample=_BITS))


def _htj2k(frame: WordArray) -> bytes:
    return bytes(imagecodecs.htj2k_encode(frame, reversible=True))


def _rle(frame: WordArray) -> bytes:
    rows, columns = frame.shape
    return bytes(
        RLELosslessEncoder.encode(
            frame,
            rows=rows,
            columns=columns,
            samples_per_pixel=1,
            bits_allocated=16,
            bits_stored=_BITS,
            pixel_representation=0,
            photometric_interpretation="MONOCHROME2",
            number_of_frames=1,
        )
    )


_NATIVE = "1.2.840.10008.1.2.1"
SYNTAXES: dict[str, tuple[str, Callable[[WordArray], bytes] | None]] = {
    "native": (_NATIVE, None),
    "jpeg-lossless": ("1.2.840.10008.1.2.4.70", _jpeg_lossless),
    "jpeg-ls": ("1.2.840.10008.1.2.4.80", _jpeg_ls),
    "jpeg-2000": ("1.2.840.10008.1.2.4.90", _jpeg_2000),
    "htj2k": ("1.2.840.10008.1.2.4.201", _htj2k),
    "rle": ("1.2.840.10008.1.2.5", _rle),
}
"""Name on the command line: transfer syntax UID and encoder."""


def transfer_syntax_uid(name: str) -> str:
    """Return the UID of a transfer syntax by its short name.

    Raises
    ------
    ArgumentError
        When there is none of that name.
    """
    if name not in SYNTAXES:
        raise ArgumentError(f"transfer syntax {name!r} is unknown", hint="one of " + ", ".join(SYNTAXES))
    return SYNTAXES[name][0]


def set_pixel_data(dataset: Dataset, frames: Iterable[WordArray], name: str) -> None:
    """Encode 12-bit frames (rows, columns) into ``dataset``, with a basic offset table when encapsulated."""
    encode = SYNTAXES[name][1]
    arrays = [np.ascontiguousarray(frame, dtype="<u2") for frame in frames]
    data: Any
    if encode is None:
        data = b"".join(array.tobytes() for array in arrays)
    else:
        data = encapsulate([encode(array) for array in arrays], has_bot=True)
    dataset.add_new("PixelData", "OW" if encode is None else "OB", data)
    if encode is not None:
        dataset["PixelData"].is_undefined_length = True
