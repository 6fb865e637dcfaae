"""Frames of an image, decoded one by one when they are asked for, and the cache that bounds their memory.

Bytes are read at their place in the file for one frame at a time. Reads rather than a mapping: a file that shrinks or
a share that goes away then raises an error, where touching a mapping would end the process.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar, cast

import numpy as np

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.base.pages import on_own_pages
from mammoviewer.dicom.codestream import Codec, sniff
from mammoviewer.dicom.decoders import FrameForm, decode
from mammoviewer.dicom.fragments import FrameSegments
from mammoviewer.dicom.modality_lut import ModalityLut
from mammoviewer.dicom.remedies import ASK_AGAIN

DEFAULT_CACHE_BYTES = 1 << 30
NATIVE_DECODER = "numpy"
_PAUSE_S = 0.2
_GONE = "see whether its drive or share is still there, then open it again; findings are kept"


class _Shorter(OSError):
    """A read that ended before all its bytes were there."""


class FrameSource(Protocol):
    """Where an image gets its frames from."""

    def read(self, index: int) -> tuple[StoredArray, str]:
        """Return the pixels (rows, columns) of a frame and the name of the decoder that made them."""
        ...


class Sized(Protocol):
    """What a cache may hold: an array, or a record that knows the bytes of all its arrays."""

    @property
    def nbytes(self) -> int:
        """Return the bytes."""
        ...


Held = TypeVar("Held", bound=Sized)


class FrameCache:
    """Decoded frames and what is made of them; never more than ``byte_budget`` bytes.

    To make room the least recently used is dropped first. What is larger than the whole budget is held alone: it is on
    screen, and would be made again and again. Safe to use from several threads; what two of them ask for at once is
    made once. Arrays are read-only.
    """

    def __init__(self, byte_budget: int = DEFAULT_CACHE_BYTES) -> None:
        self.byte_budget = byte_budget
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, Sized] = OrderedDict()
        self._pending: dict[Hashable, Future[Sized]] = {}
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """Return the bytes of all that is held."""
        return self._bytes

    def __contains__(self, key: Hashable) -> bool:
        """Return whether something is held."""
        with self._lock:
            return key in self._held

    def peek(self, key: Hashable) -> StoredArray | None:
        """Return the array of ``key`` if it is held; never makes it."""
        return self.find(key, np.ndarray)

    def find(self, key: Hashable, kind: type[Held]) -> Held | None:
        """Return what is held for ``key`` if it is of this kind; never makes it."""
        with self._lock:
            found = self._held.get(key)
            if not isinstance(found, kind):
                return None
            self._held.move_to_end(key)
            return found

    def get(self, key: Hashable, make: Callable[[], Held]) -> Held:
        """Return what is held for ``key``, made by ``make`` when nothing is; what ``make`` raises is raised."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
                return cast(Held, found)
            pending = self._pending.get(key)
            mine = pending is None
            if pending is None:
                pending = self._pending[key] = Future()
        if not mine:
            return cast(Held, pending.result())
        try:
            made = make()
            if isinstance(made, np.ndarray):
                array = on_own_pages(made)
                array.flags.writeable = False
                made = cast(Held, array)
        except BaseException as error:
            with self._lock:
                del self._pending[key]
            pending.set_exception(error)
            raise
        with self._lock:
            del self._pending[key]
            self._keep(key, made)
        pending.set_result(made)
        return made

    def drop(self, owner: Hashable) -> None:
        """Forget everything whose key is a tuple that starts with ``owner``."""
        with self._lock:
            for key in [key for key in self._held if isinstance(key, tuple) and key[0] == owner]:
                self._bytes -= self._held.pop(key).nbytes

    def _keep(self, key: Hashable, made: Sized) -> None:
        while self._held and self._bytes + made.nbytes > self.byte_budget:
            _, dropped = self._held.popitem(last=False)
            self._bytes -= dropped.nbytes
        self._held[key] = made
        self._bytes += made.nbytes


@dataclass(frozen=True)
class PixelForm:
    """How pixels are laid out in the file (PS3.5 8.1, PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: bool
    photometric: str
    big_endian: bool
    codec: Codec | None

    @property
    def frame_bytes(self) -> int:
        """Return the bytes of one uncompressed frame."""
        if self.photometric == "YBR_FULL_422" and self.codec is None:
            return self.rows * self.columns * 2
        return self.rows * self.columns * self.samples * (self.bits_allocated // 8)


@dataclass(frozen=True)
class DicomFrames:
    """The frames of a DICOM file: where their bytes are and how they are made into stored values."""

    path: Path
    form: PixelForm
    segments: tuple[FrameSegments, ...]
    open_file: Callable[[], BinaryIO] | None = None
    modality: ModalityLut | None = None
    wrap: Callable[[bytes], bytes] | None = None

    def read(self, index: int) -> tuple[StoredArray, str]:
        """Return the stored values (rows, columns) of a frame, and the name of the decoder.

        Raises
        ------
        DecodeError
            The bytes cannot be read or decoded.
        """
        data = self.codestream(index)
        stored, decoder = self._decoded(data, index)
        return (stored if self.modality is None else self.modality.apply(stored)), decoder

    def codestream(self, index: int) -> bytes:
        """Return the bytes of a frame as a decoder takes them.

        Raises
        ------
        DecodeError
            They cannot be read.
        """
        if not 0 <= index < len(self.segments):
            raise DecodeError(f"there is no frame {index + 1}", hint="frames are counted from 1", path=self.path)
        data = self._bytes(self.segments[index])
        return data if self.wrap is None else self.wrap(data)

    def _decoded(self, data: bytes, index: int) -> tuple[StoredArray, str]:
        form = self.form
        if form.codec is None:
            return grey(_native(data, form), form), NATIVE_DECODER
        try:
            pixels, decoder = decode(
                data, form.codec, FrameForm(form.rows, form.columns, form.samples, form.bits_allocated)
            )
        except DecodeError as error:
            reason = f"frame {index + 1}: {error.reason}"
            raise DecodeError(reason, hint=error.hint or ASK_AGAIN, path=self.path) from error
        return grey(_with_sign(_significant(pixels, form, data), form), form), decoder

    def _bytes(self, segments: FrameSegments) -> bytes:
        """Return the bytes of a frame, read a second time when the first one fails: shares and drives come back."""
        try:
            return self._read_once(segments)
        except OSError:
            time.sleep(_PAUSE_S)
        try:
            return self._read_once(segments)
        except _Shorter as error:
            raise DecodeError("the file has become shorter since it was opened", hint=_GONE, path=self.path) from error
        except OSError as error:
            reason = f"the file cannot be read any more: {error.strerror}"
            raise DecodeError(reason, hint=_GONE, path=self.path) from error

    def _read_once(self, segments: FrameSegments) -> bytes:
        with self.open_file() if self.open_file is not None else self.path.open("rb", buffering=0) as handle:
            parts = []
            for offset, length in segments:
                handle.seek(offset)
                parts.append(handle.read(length))
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(data) != sum(length for _, length in segments):
            raise _Shorter("shorter than it was")
        return data


def _significant(pixels: StoredArray, form: PixelForm, data: bytes) -> StoredArray:
    """Return decoded words without the bits around the sample, which run length and wide codestreams carry along.

    Where coding changes values, those above the sample are its largest one that came out too high, not other bits.
    """
    seen = sniff(data)
    precision = seen.precision if seen is not None else form.bits_allocated
    if pixels.ndim != 2 or pixels.dtype.kind != "u" or precision <= form.bits_stored:
        return pixels
    shift = form.high_bit + 1 - form.bits_stored if form.high_bit < precision else 0
    if shift:
        pixels = pixels >> np.array(shift, pixels.dtype)
    if form.signed:
        return pixels
    top = np.array((1 << form.bits_stored) - 1, pixels.dtype)
    return np.asarray(pixels & top if seen is None or seen.exact else np.minimum(pixels, top))


def _native(data: bytes, form: PixelForm) -> StoredArray:
    if form.photometric == "YBR_FULL_422":
        return np.frombuffer(data, np.uint8).reshape(-1, 4)[:, :2].reshape(form.rows, form.columns)
    order = ">" if form.big_endian else "<"
    words = np.frombuffer(data, f"{order}u{form.bits_allocated // 8}")
    native: StoredArray = words.astype(words.dtype.newbyteorder("="), copy=form.big_endian)
    pixels: StoredArray
    if form.samples == 1:
        pixels = native.reshape(form.rows, form.columns)
    elif form.planar:
        pixels = np.moveaxis(native.reshape(form.samples, form.rows, form.columns), 0, -1)
    else:
        pixels = native.reshape(form.rows, form.columns, form.samples)
    shift = form.high_bit + 1 - form.bits_stored
    if shift:
        pixels = pixels >> np.array(shift, pixels.dtype)
    if form.signed:
        return _with_sign(pixels, form)
    if form.bits_stored < form.bits_allocated:  # overlays may live in the spare bits
        pixels = pixels & np.array((1 << form.bits_stored) - 1, pixels.dtype)
    return pixels


def _with_sign(pixels: StoredArray, form: PixelForm) -> StoredArray:
    """Return two's complement words of ``bits_stored`` bits as signed values; decoders return them unsigned."""
    if not form.signed or pixels.dtype.kind == "i":
        return pixels
    bits = pixels.dtype.itemsize * 8
    spare = np.array(max(0, bits - form.bits_stored), pixels.dtype)
    signed = (pixels << spare).view(f"i{pixels.dtype.itemsize}") >> spare.astype(f"i{pixels.dtype.itemsize}")
    return signed.astype(np.int16) if signed.dtype == np.int8 else np.asarray(signed)


def grey(pixels: StoredArray, form: PixelForm) -> StoredArray:
    """Return the one channel that is shown: the pixels themselves, luma, or the luminance of red, green and blue."""
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    uncoded = form.photometric.startswith("YBR_FULL") and form.codec in (None, Codec.RLE)
    if uncoded or pixels.shape[2] < 3:
        return np.ascontiguousarray(pixels[..., 0])
    return luminance(pixels)


def luminance(colour: StoredArray) -> StoredArray:
    """Return the luma (Rec. 601) of colour pixels (rows, columns, 3 or 4), rounded, in the same dtype."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    luma = colour[..., :3].astype(np.float32) @ weights
    return np.asarray(np.floor(luma + 0.5).astype(colour.dtype))
