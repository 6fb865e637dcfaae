from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.codestream import Codec
from mammoviewer.dicom.frames import FrameCache, PixelForm, grey, luminance
from mammoviewer.dicom.reader import open_paths


def frame(value: int = 0) -> np.ndarray:
    return np.full((10, 10), value, np.uint16)


def form(photometric: str, codec: Codec | None = None) -> PixelForm:
    return PixelForm(2, 2, 3, 8, 8, 7, False, False, photometric, False, codec)


def test_the_least_recently_used_frame_is_dropped_first() -> None:
    cache = FrameCache(3 * frame().nbytes)
    for key in "abc":
        cache.get(key, frame)
    cache.get("a", frame)
    cache.get("d", frame)
    assert [key in cache for key in "abcd"] == [True, False, True, True]
    assert cache.held_bytes == 3 * frame().nbytes


def test_a_frame_larger_than_the_budget_is_held_alone() -> None:
    cache = FrameCache(10)
    cache.get("a", frame)
    cache.get("b", frame)
    assert ("a" in cache, "b" in cache) == (False, True)


def test_a_held_frame_is_not_made_again_and_cannot_be_written() -> None:
    cache = FrameCache()
    made = cache.get("a", frame)
    assert cache.get("a", lambda: pytest.fail("made again")) is made
    with pytest.raises(ValueError, match="read-only"):
        made[0, 0] = 1


def test_dropping_an_owner_gives_its_memory_back() -> None:
    cache = FrameCache()
    for key in ((1, 0), (1, 1), (2, 0)):
        cache.get(key, frame)
    cache.drop(1)
    assert (2, 0) in cache
    assert cache.held_bytes == frame().nbytes


def test_what_two_threads_ask_for_at_once_is_made_once() -> None:
    cache = FrameCache()
    calls = []
    started, go = threading.Event(), threading.Event()

    def slow() -> np.ndarray:
        calls.append(1)
        started.set()
        assert go.wait(10)
        return frame(7)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", slow)
        assert started.wait(10)
        second = pool.submit(cache.get, "a", slow)
        go.set()
        assert first.result(10) is second.result(10)
    assert len(calls) == 1


def test_a_failure_reaches_every_waiter_and_is_not_held() -> None:
    cache = FrameCache()
    started, go = threading.Event(), threading.Event()

    def fail() -> np.ndarray:
        started.set()
        assert go.wait(10)
        raise DecodeError("damaged")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", fail)
        assert started.wait(10)
        second = pool.submit(cache.get, "a", fail)
        go.set()
        for pending in (first, second):
            with pytest.raises(DecodeError, match="damaged"):
                pending.result(10)
    np.testing.assert_array_equal(cache.get("a", frame), frame())


def test_many_threads_read_one_volume(tmp_path: Path) -> None:
    volume = np.stack([makers.texture(seed=seed) for seed in range(12)])
    path = makers.save(tmp_path / "a.dcm", makers.tomo(volume), volume, syntax=makers.JPEG_LS)
    (image,) = open_paths([path], cache=FrameCache(4 * volume[0].nbytes)).images
    order = np.random.default_rng(0).integers(0, 12, 120)
    with ThreadPoolExecutor(4) as pool:
        for index, pixels in zip(order, pool.map(image.frame, order.tolist()), strict=True):
            np.testing.assert_array_equal(pixels, volume[index])


def test_opening_reads_headers_and_not_the_pixels(tmp_path: Path) -> None:
    """The bytes of all frames but the first may be anything: they are looked at when they are asked for."""
    volume = np.stack([makers.texture(seed=seed) for seed in range(6)])
    path = makers.save(
        tmp_path / "a.dcm",
        makers.tomo(volume),
        volume,
        syntax=makers.JPEG_LS,
        edit=lambda streams: [streams[0], *(bytes(len(stream)) for stream in streams[1:])],
    )
    (image,) = open_paths([path]).images
    np.testing.assert_array_equal(image.frame(0), volume[0])
    with pytest.raises(DecodeError, match="frame 2"):
        image.frame(1)


def test_a_frame_that_is_not_there_is_told() -> None:
    from helpers.images import make_image

    with pytest.raises(DecodeError, match="no frame 2 of 1"):
        make_image().frame(1)
    with pytest.raises(DecodeError):
        make_image().frame(-1)


@pytest.mark.parametrize(
    ("photometric", "codec", "expected"),
    [
        ("RGB", None, 76),
        ("YBR_FULL", None, 255),
        ("YBR_FULL", Codec.RLE, 255),
        ("YBR_FULL", Codec.JPEG, 76),
        ("YBR_RCT", Codec.JPEG_2000, 76),
    ],
)
def test_colour_becomes_luminance_once(photometric: str, codec: Codec | None, expected: int) -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[..., 0] = 255
    assert (grey(pixels, form(photometric, codec)) == expected).all()


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_white_stays_white(dtype: type, top: int) -> None:
    assert (luminance(np.full((3, 4, 4), top, dtype)) == top).all()
