"""From frames to pictures that a viewport can draw: decoding, filtering and look-ahead, never on the caller's thread.

A picture is an array of integers with the facts needed to turn them into greys. Unfiltered, it is the decoded frame
itself. Filtered, it first comes at about screen resolution and then again at full resolution.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from psygnal import Signal

from mammoviewer.base.arrays import ByteArray, StoredArray, WordArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.base.notices import Notice
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.imaging import resample
from mammoviewer.imaging.filter_chain import FilterChain, filter_stored
from mammoviewer.imaging.resample import shrink
from mammoviewer.imaging.slab import SlabSpan, slab
from mammoviewer.imaging.voi import AUTO, Padding, Rescale, Voi, Window, auto_window, display_lut, whole_window
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.look_ahead import LookAhead
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.viewer_state import ViewerState

PREVIEW_PIXELS = 1_000_000
"""A filtered picture is first made with about this many pixels."""
HALVED_FROM = 2_000_000
"""Frames of so many pixels come with a copy of half the size, so that a fitted view is averaged in a few ms."""


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels ready for the grey look-up.

    Attributes
    ----------
    pixels
        Integers, shape (rows, columns) in stored orientation.
    scale
        Picture pixels per stored pixel; 1 at full resolution.
    first, count
        The range of values that ``pixels`` may hold: ``first`` .. ``first + count - 1``.
    rescale
        From picture values to the input of the VOI.
    padding
        Picture values that stay black.
    window
        The window that suits the pixels when the filters moved the grey scale (wavelet detail), else None.
    reference
        The window of the unfiltered image that ``window`` stands for: what the reader makes of the one is done to the
        other, so that dragging works on filtered pictures too.
    half
        The same picture averaged to half the size, for views that shrink it by two and more; None if there is none.
    """

    pixels: StoredArray
    scale: float
    first: int
    count: int
    rescale: Rescale
    padding: Padding | None
    window: Window | None = None
    reference: Window | None = None
    half: StoredArray | None = None

    @property
    def nbytes(self) -> int:
        """Return the bytes of all pixels."""
        return self.pixels.nbytes + (0 if self.half is None else self.half.nbytes)

    def lookup(self, voi: Voi, *, inverse: bool, bits: int = 8) -> ByteArray | WordArray:
        """Return the grey look-up table for this picture, as :func:`imaging.voi.display_lut` makes it; read-only."""
        voi, rescale = self._moved(voi)
        return _kept_lut((self.first, self.count), voi, rescale, self.padding, inverse=inverse, bits=bits)

    def _moved(self, voi: Voi) -> tuple[Voi, Rescale]:
        """Return the reader's transform, and the way of the pixels to its input: ``window`` comes to ``reference``.

        One that was made from the grey values is made from those of this picture instead.
        """
        if self.window is None or self.reference is None:
            return voi, self.rescale
        if isinstance(voi, Window) and voi.explanation == AUTO:
            return self.window, self.rescale
        ratio = self.reference.width / self.window.width
        intercept = (self.rescale.intercept - self.window.center) * ratio + self.reference.center
        return voi, Rescale(self.rescale.slope * ratio, intercept)


@functools.lru_cache(maxsize=16)
def _kept_lut(
    values: tuple[int, int], voi: Voi, rescale: Rescale, padding: Padding | None, *, inverse: bool, bits: int
) -> ByteArray | WordArray:
    """Return a look-up table; linked views are shown through the same one."""
    table = display_lut(*values, voi=voi, rescale=rescale, inverse=inverse, padding=padding, bits=bits)
    table.setflags(write=False)
    return table


def plain_picture(
    attributes: ImageAttributes, stored: StoredArray, half: StoredArray | None = None, *, frame: int = 0
) -> Picture:
    """Return a decoded frame as a picture; which one it is tells how its values are rescaled."""
    first, count = attributes.value_range
    return Picture(stored, 1.0, first, count, attributes.rescale_for_frame(frame), attributes.padding, half=half)


def halved(pixels: StoredArray, padding: Padding | None) -> StoredArray | None:
    """Return ``pixels`` averaged to half the size; None where that would save nothing."""
    return averaged(pixels, padding) if pixels.size >= HALVED_FROM else None


def averaged(pixels: StoredArray, padding: Padding | None) -> StoredArray:
    """Return ``pixels`` averaged to half the size, rounded up; padding stays apart."""
    return resample.halved(pixels, padding_range(padding))


def padding_range(padding: Padding | None) -> tuple[int, int] | None:
    """Return the first and last stored value of padding."""
    return None if padding is None else (padding.low, padding.high)


def filtered_picture(
    attributes: ImageAttributes, stored: StoredArray, chain: FilterChain, *, frame: int = 0, scale: float = 1.0
) -> Picture:
    """Return the frame after ``chain``, requantised to 16 bits; 0 is kept for padding.

    Parameters
    ----------
    stored
        Shape (rows, columns), as decoded.
    frame
        Which frame it is: frames may have a window and a rescale of their own.
    scale
        Picture pixels per stored pixel, at most 1; the frame is area-averaged to this size before filtering.
    """
    rows, columns = stored.shape
    source = stored
    if scale < 1.0:
        size = (max(1, round(rows * scale)), max(1, round(columns * scale)))
        source = shrink(stored, size, padding_range(attributes.padding))
    padded = np.zeros(source.shape, bool)
    if attributes.padding is not None:
        padded = (source >= attributes.padding.low) & (source <= attributes.padding.high)
    seen = source[~padded] if not padded.all() else source
    low, high = float(seen.min()), float(seen.max())
    values = filter_stored(source, chain, low=low, high=high, scale=scale)
    bottom, top = float(values.min()), float(values.max())
    step = max(top - bottom, 1e-6) / 65534.0
    pixels = (np.rint((values - bottom) / step) + 1).astype(np.uint16)
    pixels[padded] = 0
    own = attributes.rescale_for_frame(frame)
    rescale = Rescale(own.slope * step, own.slope * (bottom - step) + own.intercept)
    padding = Padding(0, 0)
    window = auto_window(pixels, padding=padding, rescale=rescale) if _moves_greys(chain) else None
    half = halved(pixels, padding)
    return Picture(pixels, scale, 0, 65536, rescale, padding, window, _reference(attributes, frame), half)


def _reference(attributes: ImageAttributes, frame: int) -> Window:
    """Return the window that a reader starts from, or one over all values where the file brings none."""
    first, count = attributes.value_range
    offered = attributes.vois_for_frame(frame)
    windows = [voi for voi in offered[:1] if isinstance(voi, Window)]
    return windows[0] if windows else whole_window(first, count, attributes.rescale_for_frame(frame))


def _moves_greys(chain: FilterChain) -> bool:
    """Return whether the filters leave greys that a window made for the original does not fit."""
    return any(
        step.name == "clahe" or (step.name == "wavelet" and not step.parameters.get("keep_approximation", False))
        for step in chain
    )


def slab_of(image: Image, span: SlabSpan, progress: Progress = no_progress, *, like: int) -> StoredArray:
    """Return the frames of a span put together; decodes those that are not at hand, leaves out those that are damaged.

    Where frames are rescaled differently the values are those that frame ``like`` would have.

    Raises
    ------
    DecodeError
        If none of them can be decoded.
    """
    frames = []
    problem: DecodeError | None = None
    attributes = image.attributes
    wanted = attributes.rescale_for_frame(like)
    for place, frame in enumerate(span.frames):
        progress(0.3 * place / len(span.frames), "slab")
        try:
            own = attributes.rescale_for_frame(frame)
            frames.append(own.in_units_of(wanted, image.frame(frame), attributes.padding))
        except DecodeError as error:  # told where the frame itself is shown
            problem = error
    if problem is not None and not frames:
        raise problem
    return slab(frames, span.mode, dark_is_bright=attributes.inverse, padding=attributes.padding)


@dataclass(frozen=True)
class _Request:
    """Background work as it was asked for; equal requests are the same work."""

    name: str
    image: Image
    frame: int
    chain: FilterChain
    key: tuple[object, ...]
    priority: int
    span: SlabSpan | None = None


@dataclass(frozen=True)
class _Wanted:
    """A picture that has to be made of frames: filtered, thick, or both; ``full`` for full resolution."""

    image: Image
    frame: int
    chain: FilterChain
    span: SlabSpan | None
    full: bool


_Key = tuple[int, int, FilterChain, SlabSpan | None, bool]


def _half_key(image: Image, frame: int) -> tuple[int, int, str]:
    return image.serial, frame, "half"


def _with_half(nbytes: int) -> int:
    return nbytes + nbytes // 4


def _bytes_of_frame(image: Image) -> int:
    attributes = image.attributes
    pixels = attributes.rows * attributes.columns
    nbytes = pixels * (1 if attributes.BitsStored <= 8 else 2)
    return _with_half(nbytes) if pixels >= HALVED_FROM else nbytes


class PictureSource:
    """Pictures by image, frame and filters; what is missing is made in the background, newest request first.

    While nothing is requested the rest of the volumes on screen is decoded. All that is kept lies in ``cache``, which
    is also that of the images' frames: its budget covers everything.

    Signals: ``ready(identity, frame)`` when a better picture can be had; ``failed(identity, frame, notice)``.
    Both are emitted on a worker's thread.
    """

    ready = Signal(str, int)
    failed = Signal(str, int, Notice)

    def __init__(self, runner: ThreadRunner, cache: FrameCache | None = None) -> None:
        self._runner = runner
        self._cache = FrameCache() if cache is None else cache
        self._bad: set[tuple[str, int, FilterChain]] = set()
        self._in_flight: dict[tuple[object, ...], _Request] = {}
        self._lock = threading.Lock()
        self._ahead = LookAhead(self._cache.byte_budget, _bytes_of_frame)
        runner.when_idle(self._work_ahead)

    def picture(self, state: ViewerState) -> Picture | None:
        """Return the best picture there is now for a view and ask for a better one; never blocks."""
        image, frame, chain, span = state.image, state.frame, state.active_filters, state.slab
        if self.is_bad(state):
            return None
        if not chain and span is None:
            plain = self.plain(image, frame)
            if plain is not None:
                return plain
            self._submit(image, frame)
            return None
        full = self._lookup((image.serial, frame, chain, span, True))
        if full is not None:
            return full
        preview = self._lookup((image.serial, frame, chain, span, False))
        # A slab without filters costs its frames, whatever the size: there is no preview of it.
        request = _Wanted(image, frame, chain, span, full=preview is not None or not chain)
        self._submit_made(request)
        return preview

    def plain(self, image: Image, frame: int) -> Picture | None:
        """Return the unfiltered picture of a frame if it is at hand; asks for nothing."""
        stored = image.cached_frame(frame)
        if stored is None:
            return None
        half = self._cache.peek(_half_key(image, frame))
        if half is None and self._comes_with_half(stored):
            return None
        return plain_picture(image.attributes, stored, half, frame=frame)

    def look_ahead(self, image: Image, frame: int, direction: int = 0) -> None:
        """Decode the rest of a volume while nothing else is to be done, the frames nearest to ``frame`` first.

        ``direction`` is that of travel: 1, -1, or 0 for both. Takes the place of what was asked for this volume before.
        """
        self._ahead.plan(image, frame, direction)
        self._runner.wake()

    def look_only_at(self, identities: Collection[str]) -> None:
        """Stop looking ahead in all other images: they are not on screen any more."""
        self._ahead.keep_only(identities)

    def stored(self, state: ViewerState, frame: int) -> StoredArray | None:
        """Return what is shown of a view in stored units, the slab or a frame, if it is at hand."""
        span = state.slab
        if span is None:
            return state.image.cached_frame(frame)
        thick = self._lookup((state.image.serial, state.frame, (), span, True))
        return thick.pixels if thick is not None else None

    def forget_failures(self, identities: Collection[str]) -> None:
        """Try what could not be shown of these images again when it is next asked for: a disk may be back."""
        with self._lock:
            forgotten = [key for key in self._bad if key[0] in identities]
            self._bad.difference_update(forgotten)
        self._ahead.try_again(identities)
        for identity, frame, _ in forgotten:
            self.ready.emit(identity, frame)

    def forget(self, identity: str) -> None:
        """Drop the pictures of an image whose file has changed."""
        with self._lock:
            self._bad = {key for key in self._bad if key[0] != identity}
        self._ahead.forget(identity)

    def is_bad(self, state: ViewerState) -> bool:
        """Return whether the frame of a view could not be decoded or filtered."""
        place = state.image.attributes.identity, state.frame
        return (*place, ()) in self._bad or (*place, state.active_filters) in self._bad

    def _lookup(self, key: _Key) -> Picture | None:
        return self._cache.find(key, Picture)

    def _comes_with_half(self, stored: StoredArray) -> bool:
        """Return whether a copy of half the size is worth while, and can be held together with the frame."""
        return stored.size >= HALVED_FROM and _with_half(stored.nbytes) <= self._cache.byte_budget

    def _decode(self, image: Image, frame: int) -> None:
        # What is used last is dropped last: so the planned frames go after all others, and the far before the near.
        for planned, other in self._ahead.planned():
            planned.cached_frame(other)
            self._cache.peek(_half_key(planned, other))
        stored = image.frame(frame)
        if self._comes_with_half(stored):
            self._cache.get(_half_key(image, frame), lambda: averaged(stored, image.attributes.padding))

    def _work_ahead(self) -> Callable[[Progress], None] | None:
        """Return what a thread without work is to do."""
        found = self._ahead.take(self._is_held)
        if found is None:
            return None
        image, frame = found
        identity = image.attributes.identity

        def decode(progress: Progress) -> None:
            try:
                self._decode(image, frame)
            except DecodeError:
                self._ahead.leave_out(identity, frame)  # told when the reader comes to it
            else:
                self.ready.emit(identity, frame)

        return decode

    def _is_held(self, image: Image, frame: int) -> bool:
        half_needed = image.attributes.rows * image.attributes.columns >= HALVED_FROM
        return image.is_cached(frame) and (not half_needed or _half_key(image, frame) in self._cache)

    def _submit(self, image: Image, frame: int) -> None:
        def decode(progress: Progress) -> None:
            self._decode(image, frame)

        self._run(decode, _Request("Decode", image, frame, (), ("frame", image.attributes.identity), 2))

    def _submit_made(self, wanted: _Wanted) -> None:
        image, frame, chain, span = wanted.image, wanted.frame, wanted.chain, wanted.span
        attributes = image.attributes

        def make(progress: Progress) -> None:
            stored = image.frame(frame) if span is None else slab_of(image, span, progress, like=frame)
            progress(0.3, "filter")
            scale = 1.0 if wanted.full else min(1.0, math.sqrt(PREVIEW_PIXELS / stored.size))
            if chain:
                picture = filtered_picture(attributes, stored, chain, frame=frame, scale=scale)
            else:
                half = halved(stored, attributes.padding)
                picture = plain_picture(attributes, stored, half, frame=frame)
            self._cache.get((image.serial, frame, chain, span, wanted.full or scale == 1.0), lambda: picture)

        key = ("filter", attributes.identity)
        priority = 1 if wanted.full and chain else 2
        self._run(make, _Request("Filter" if chain else "Slab", image, frame, chain, key, priority, span))

    def _run(self, work: Callable[[Progress], None], request: _Request) -> None:
        """Start the work unless the very same is under way: a repaint asks again and must not start anew."""
        identity, frame = request.image.attributes.identity, request.frame
        with self._lock:
            if self._in_flight.get(request.key) == request:
                return
            self._in_flight[request.key] = request

        def done(job: Job) -> None:
            with self._lock:
                if self._in_flight.get(request.key) == request:
                    del self._in_flight[request.key]
            if job.state is JobState.DONE:
                self.ready.emit(identity, frame)
            notice = notice_of(job)
            if notice is not None:
                # A frame that cannot be decoded is bad without filters too.
                with self._lock:
                    self._bad.add((identity, frame, () if isinstance(job.error, DecodeError) else request.chain))
                self.failed.emit(identity, frame, notice)

        self._runner.submit(request.name, work, key=request.key, priority=request.priority, on_done=done)
