from __future__ import annotations

import queue
import threading
import time

import numpy as np
import pytest
from helpers.images import breast_like, make_image

from mammoviewer.base.notices import Notice
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.imaging.filter_chain import parse_filter
from mammoviewer.imaging.slab import SlabMode, SlabSpan
from mammoviewer.imaging.voi import Padding, Rescale, VoiLut, Window, apply_lut, auto_window, display_lut
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.pictures import (
    PREVIEW_PIXELS,
    PictureSource,
    averaged,
    filtered_picture,
    plain_picture,
    slab_of,
)
from mammoviewer.session.viewer_state import ViewerState


@pytest.fixture
def source():
    with ThreadRunner(1, "test") as runner:
        yield PictureSource(runner)


def view(image, **changes):
    return ViewerState(image=image, voi=Window(2000.0, 3000.0), **changes)


def wait_for(source, ask, until):
    """Ask again after every ``ready`` until the picture satisfies ``until``."""
    event = threading.Event()
    source.ready.connect(lambda *_: event.set(), check_nargs=False)
    for _ in range(20):
        event.clear()
        picture = ask()
        if picture is not None and until(picture):
            return picture
        assert event.wait(20), "no picture became ready"
    raise AssertionError("the wanted picture never came")


def test_asking_never_decodes_on_the_callers_thread(source):
    image = make_image()
    assert source.picture(view(image)) is None
    picture = wait_for(source, lambda: source.picture(view(image)), lambda _: True)
    np.testing.assert_array_equal(picture.pixels, image.frame(0))
    assert picture.scale == 1.0


def test_a_filtered_picture_comes_small_first_and_then_whole(source):
    image = make_image(pixels=breast_like(1500, 1100))
    state = view(image, filters=(parse_filter("clahe:tiles=8,clip=0.02"),))
    preview = wait_for(source, lambda: source.picture(state), lambda _: True)
    assert preview.scale < 1.0
    assert preview.pixels.size == pytest.approx(PREVIEW_PIXELS, rel=0.01)
    whole = wait_for(source, lambda: source.picture(state), lambda picture: picture.scale == 1.0)
    assert whole.pixels.shape == image.attributes.shape


def test_the_original_is_one_flag_away(source):
    image = make_image()
    state = view(image, filters=(parse_filter("median:size=5"),), bypass_filters=True)
    picture = wait_for(source, lambda: source.picture(state), lambda _: True)
    np.testing.assert_array_equal(picture.pixels, image.frame(0))


def test_a_bad_frame_is_told_once_and_not_asked_for_again(source):
    image = make_image(pixels=breast_like(frames=3), bad=(1,))
    told = []
    done = threading.Event()
    source.failed.connect(lambda identity, frame, notice: (told.append((frame, notice.text)), done.set()))
    source.picture(view(image, frame=1))
    assert done.wait(20)
    assert source.picture(view(image, frame=1)) is None
    assert told == [(1, "frame is damaged")]
    assert wait_for(source, lambda: source.picture(view(image, frame=2)), lambda _: True).pixels.any()


def test_a_failed_frame_is_tried_again_when_that_is_asked_for(source):
    image = make_image(pixels=breast_like(frames=3), bad=(1,))
    state = view(image, frame=1)
    events = queue.Queue()
    source.failed.connect(lambda *_: events.put("failed"), check_nargs=False)
    source.ready.connect(lambda identity, frame: events.put(frame))
    source.picture(state)
    assert events.get(timeout=20) == "failed"
    source.forget_failures(["another image"])
    assert source.is_bad(state)
    image._source.bad = ()
    source.forget_failures([image.attributes.identity])
    assert events.get(timeout=20) == 1, "who shows the frame paints it again"
    assert wait_for(source, lambda: source.picture(state), lambda _: True).pixels.any()


def test_the_rest_of_a_volume_is_decoded_while_nothing_else_is_to_be_done(source):
    image = make_image(pixels=breast_like(frames=9), bad=(5,))
    frames, told = queue.Queue(), []
    source.ready.connect(lambda identity, frame: frames.put(frame))
    source.failed.connect(lambda *_: told.append(1), check_nargs=False)
    source.look_ahead(image, 4, 1)
    assert [frames.get(timeout=20) for _ in range(8)] == [4, 6, 3, 7, 8, 2, 1, 0]
    assert told == [], "a bad frame is told when the reader comes to it"


def test_only_what_is_near_the_last_place_is_decoded_after_jumps(source):
    image = make_image(pixels=breast_like(frames=60))
    gate, entered = threading.Event(), threading.Event()
    frames = queue.Queue()
    source.ready.connect(lambda identity, frame: frames.put(frame))
    source._runner.submit("busy", lambda progress: (entered.set(), gate.wait(20)))
    assert entered.wait(20)
    for frame in (5, 20, 35, 50):
        source.look_ahead(image, frame, 1)
    assert len(source._runner.jobs) == 1, "nothing waits that would have to be cancelled"
    gate.set()
    decoded = [frames.get(timeout=20) for _ in range(4)]
    source.look_only_at([])
    assert decoded == [50, 51, 52, 49]


def test_what_is_asked_for_comes_before_what_is_ahead(source):
    image = make_image(pixels=breast_like(frames=60))
    asked, reads = threading.Event(), image._source.reads
    read = image._source.read

    def slow_read(index):
        if len(reads) == 2:
            assert asked.wait(20)
        return read(index)

    image._source.read = slow_read
    frames = queue.Queue()
    source.ready.connect(lambda identity, frame: frames.put(frame))
    source.look_ahead(image, 0, 1)
    assert [frames.get(timeout=20) for _ in range(2)] == [0, 1]
    source.picture(view(image, frame=40))
    asked.set()
    assert [frames.get(timeout=20) for _ in range(3)] == [2, 40, 3]


def test_nothing_is_decoded_ahead_in_what_is_not_on_screen(source):
    image = make_image(pixels=breast_like(frames=4))
    source.look_only_at(["another"])
    gate, entered = threading.Event(), threading.Event()
    source._runner.submit("busy", lambda progress: (entered.set(), gate.wait(20)))
    assert entered.wait(20)
    source.look_ahead(image, 0)
    source.look_only_at(["another"])
    gate.set()
    assert source._runner.submit("last", lambda progress: None, priority=-99).wait(20)
    assert not any(image.is_cached(frame) for frame in range(4))


class WatchedCache(FrameCache):
    """Remembers the most that it held."""

    most = 0

    def _keep(self, key, made):
        super()._keep(key, made)
        self.most = max(self.most, self.held_bytes)


def test_frames_halves_and_filtered_pictures_stay_within_one_budget():
    frame_bytes = 1701 * 1301 * 2
    cache = WatchedCache(7 * frame_bytes)
    image = make_image(pixels=breast_like(1701, 1301, frames=8), cache=cache)
    with ThreadRunner(2, "test") as runner:
        source = PictureSource(runner, cache)
        chain = (parse_filter("unsharp:amount=1"),)
        for frame in range(8):
            source.look_ahead(image, frame, 1)
            wait_for(source, lambda frame=frame: source.picture(view(image, frame=frame)), lambda _: True)
            state = view(image, frame=frame, filters=chain)
            wait_for(source, lambda state=state: source.picture(state), lambda picture: picture.scale == 1.0)
    assert 5 * frame_bytes < cache.most <= 7 * frame_bytes


def test_no_copy_of_half_the_size_is_made_where_it_would_drive_its_frame_out():
    cache = FrameCache(1701 * 1301 * 2 + 1000)
    image = make_image(pixels=breast_like(1701, 1301), cache=cache)
    with ThreadRunner(1, "test") as runner:
        source = PictureSource(runner, cache)
        assert wait_for(source, lambda: source.picture(view(image)), lambda _: True).half is None


def test_what_is_near_stays_when_memory_is_scarce():
    cache = WatchedCache(12 * 160 * 120 * 2)
    image = make_image(pixels=breast_like(frames=60), cache=cache)
    with ThreadRunner(2, "test") as runner:
        source = PictureSource(runner, cache)
        for place in (10, 30, 31, 32, 33, 34, 35, 36):
            source.picture(view(image, frame=place))
            source.look_ahead(image, place, 1)
            near = range(place, place + 6)
            deadline = time.monotonic() + 20
            while not all(image.is_cached(frame) for frame in near):
                assert time.monotonic() < deadline
                time.sleep(0.001)
    assert cache.most <= cache.byte_budget


def test_an_empty_chain_of_greys_equals_the_plain_picture():
    image = make_image()
    stored = image.frame(0)
    plain = plain_picture(image.attributes, stored)
    filtered = filtered_picture(image.attributes, stored, (parse_filter("unsharp:amount=0"),))
    voi = Window(2000.0, 3000.0)
    expected = apply_lut(plain.pixels, plain.lookup(voi, inverse=False), plain.first)
    got = apply_lut(filtered.pixels, filtered.lookup(voi, inverse=False), filtered.first)
    assert np.abs(expected.astype(int) - got.astype(int)).max() <= 1


def test_padding_stays_black_through_filters_and_inversion():
    pixels = breast_like()
    image = make_image(pixels=pixels, padding=Padding(0, 30))
    picture = filtered_picture(image.attributes, image.frame(0), (parse_filter("clahe"),))
    greys = apply_lut(picture.pixels, picture.lookup(Window(2000.0, 3000.0), inverse=True), picture.first)
    assert (greys[pixels <= 30] == 0).all()
    assert greys[pixels > 30].any()


def test_wavelet_detail_gets_a_window_of_its_own():
    image = make_image(pixels=breast_like(256, 256))
    detail = filtered_picture(image.attributes, image.frame(0), (parse_filter("wavelet:sym3,levels=3,q=1.5"),))
    assert detail.window is not None
    greys = apply_lut(detail.pixels, detail.lookup(Window(2000.0, 3000.0), inverse=False), detail.first)
    assert greys.std() > 5, "the detail must be visible"
    narrower = apply_lut(detail.pixels, detail.lookup(Window(2000.0, 1500.0), inverse=False), detail.first)
    assert narrower.std() > 1.2 * greys.std(), "a window drag must work on filtered pictures"
    kept = filtered_picture(image.attributes, image.frame(0), (parse_filter("wavelet:sym3,keep_approximation=true"),))
    assert kept.window is None


def test_an_image_that_is_all_padding_is_black_and_finite():
    image = make_image(pixels=np.zeros((64, 64), np.uint16), padding=Padding(0, 0))
    picture = filtered_picture(image.attributes, image.frame(0), (parse_filter("clahe"),))
    greys = apply_lut(picture.pixels, picture.lookup(Window(2000.0, 3000.0), inverse=False), picture.first)
    assert not greys.any()
    assert np.isfinite(auto_window(image.frame(0), padding=Padding(0, 0)).width)


def test_large_frames_come_with_a_copy_of_half_the_size(source):
    image = make_image(pixels=breast_like(1701, 1301))
    picture = wait_for(source, lambda: source.picture(view(image)), lambda _: True)
    assert picture.half.shape == (851, 651)
    whole = picture.pixels.astype(np.float64).mean()
    assert picture.half.astype(np.float64).mean() == pytest.approx(whole, rel=1e-3)
    small = make_image("LCC")
    assert wait_for(source, lambda: source.picture(view(small)), lambda _: True).half is None


def test_a_frame_decoded_elsewhere_is_halved_before_it_is_painted(source):
    image = make_image(pixels=breast_like(1701, 1301))
    image.frame(0)
    assert source.plain(image, 0) is None
    assert wait_for(source, lambda: source.picture(view(image)), lambda _: True).half is not None


CLAHE = (parse_filter("clahe:tiles=4,clip=0.02"),)


def test_every_frame_is_filtered_with_its_own_window():
    first, second = (Window(2000.0, 3000.0, explanation="NORMAL"), Window(500.0, 800.0, explanation="NORMAL"))
    image = make_image("LMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=2), frame_vois=((first,), (second,)))
    own = filtered_picture(image.attributes, image.frame(1), CLAHE, frame=1)
    greys = apply_lut(own.pixels, own.lookup(second, inverse=False), own.first)
    alone = make_image("LMLO", pixels=image.frame(1), vois=(second,))
    expected = filtered_picture(alone.attributes, alone.frame(0), CLAHE)
    np.testing.assert_array_equal(greys, apply_lut(expected.pixels, expected.lookup(second, inverse=False), 0))


@pytest.mark.parametrize("chain", [(), CLAHE])
def test_every_frame_is_rescaled_by_its_own(source, chain):
    window, own = Window(1000.0, 1200.0), (Rescale(1.0, 0.0), Rescale(0.5, -100.0))
    pixels = breast_like(64, 64, frames=2)
    image = make_image("LMLO", kind=ImageKind.TOMO, pixels=pixels, vois=(window,), frame_rescales=own, rescale=own[0])
    state = view(image, frame=1, filters=chain)
    found = wait_for(source, lambda: source.picture(state), lambda picture: picture is not None)
    alone = make_image("RMLO", pixels=pixels[1], vois=(window,), rescale=own[1])
    expected = (
        filtered_picture(alone.attributes, pixels[1], chain) if chain else plain_picture(alone.attributes, pixels[1])
    )
    greys, others = (
        apply_lut(picture.pixels, picture.lookup(window, inverse=False), picture.first) for picture in (found, expected)
    )
    np.testing.assert_array_equal(greys, others)


def test_a_slab_of_frames_that_are_rescaled_differently_is_one_of_what_they_mean():
    pixels = np.stack([np.full((8, 8), 1000, np.uint16), np.full((8, 8), 400, np.uint16)])
    own = (Rescale(1.0, 0.0), Rescale(5.0, 200.0))  # 1000 and 2200 in the same units
    image = make_image("LMLO", kind=ImageKind.TOMO, pixels=pixels, frame_rescales=own, rescale=own[0])
    assert set(slab_of(image, SlabSpan(0, 1, SlabMode.MEAN), like=0).flat) == {1600}
    assert set(slab_of(image, SlabSpan(0, 1, SlabMode.MIP), like=1).flat) == {400}


def test_look_up_tables_differ_on_filtered_pictures_too():
    image = make_image(pixels=breast_like(256, 256))
    picture = filtered_picture(image.attributes, image.frame(0), CLAHE)
    steps = np.arange(4096)
    tables = [VoiLut((4095 * (steps / 4095.0) ** power).astype(np.uint16), 0, 12) for power in (1.0, 2.0)]
    greys = [apply_lut(picture.pixels, picture.lookup(table, inverse=False), 0) for table in tables]
    assert greys[0].mean() > greys[1].mean() + 10


def test_an_automatic_window_is_made_from_the_filtered_greys():
    image = make_image(pixels=breast_like(256, 256))
    picture = filtered_picture(image.attributes, image.frame(0), CLAHE)
    auto = auto_window(image.frame(0), padding=None, rescale=image.attributes.rescale)
    greys = apply_lut(picture.pixels, picture.lookup(auto, inverse=False), 0)
    expected = auto_window(picture.pixels, padding=picture.padding, rescale=picture.rescale)
    np.testing.assert_array_equal(
        picture.lookup(auto, inverse=False),
        display_lut(0, 65536, voi=expected, rescale=picture.rescale, padding=picture.padding),
    )
    assert greys[image.frame(0) > 0].std() > 40


def test_a_filter_that_fails_is_told_and_leaves_the_frame_alone(source, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mammoviewer.session.pictures.filtered_picture", broken)
    told: queue.Queue[Notice] = queue.Queue()
    source.failed.connect(lambda identity, frame, notice: told.put(notice))
    image = make_image()
    filtered = view(image, filters=CLAHE)
    assert source.picture(filtered) is None
    assert "stopped" in told.get(timeout=20).text
    assert source.is_bad(filtered)
    assert source.picture(filtered) is None
    filtered.filters = ()
    assert not source.is_bad(filtered)


def test_padding_leaves_no_rim_in_a_halved_frame():
    pixels = np.full((1700, 1300), 1000, np.uint16)
    pixels[:, :651] = 65535
    image = make_image(pixels=pixels, BitsStored=16, padding=Padding(65535, 65535))
    picture = plain_picture(image.attributes, pixels, averaged(pixels, image.attributes.padding))
    for inverse in (False, True):
        greys = apply_lut(picture.half, picture.lookup(Window(1000.0, 2000.0), inverse=inverse), picture.first)
        assert set(np.unique(greys)) == {0, greys[0, -1]}


def test_a_slab_is_the_mean_or_the_brightest_of_its_frames(source):
    image = make_image(kind=ImageKind.TOMO, pixels=breast_like(frames=9), slice_spacing_mm=1.0)
    stack = np.stack([image.frame(frame) for frame in range(9)])
    state = view(image, frame=4, slab_mm=3.0)
    thick = wait_for(source, lambda: source.picture(state), lambda _: True)
    np.testing.assert_array_equal(thick.pixels, np.rint(stack[3:6].astype(np.float64).mean(axis=0)))
    np.testing.assert_array_equal(source.stored(state, 4), thick.pixels)
    state.slab_mode = SlabMode.MIP
    brightest = wait_for(source, lambda: source.picture(state), lambda _: True)
    np.testing.assert_array_equal(brightest.pixels, stack[3:6].max(axis=0))
    state.slab_mm = 0.0
    np.testing.assert_array_equal(source.picture(state).pixels, stack[4])
    np.testing.assert_array_equal(source.stored(state, 5), stack[5])


def test_slabs_are_filtered_too(source):
    image = make_image(kind=ImageKind.TOMO, pixels=breast_like(frames=5), slice_spacing_mm=1.0)
    chain = (parse_filter("unsharp:amount=0"),)
    state = view(image, frame=2, slab_mm=5.0, slab_mode=SlabMode.MIP, filters=chain)
    filtered = wait_for(source, lambda: source.picture(state), lambda found: found.scale == 1.0)
    stored = np.stack([image.frame(frame) for frame in range(5)]).max(axis=0)
    np.testing.assert_array_equal(filtered.pixels, filtered_picture(image.attributes, stored, chain, frame=2).pixels)


def test_a_damaged_slice_leaves_the_slab_of_the_others(source):
    image = make_image(kind=ImageKind.TOMO, pixels=breast_like(frames=5), slice_spacing_mm=1.0, bad=(3,))
    state = view(image, frame=2, slab_mm=3.0)
    thick = wait_for(source, lambda: source.picture(state), lambda _: True)
    expected = np.rint((image.frame(1).astype(np.float64) + image.frame(2)) / 2)
    np.testing.assert_array_equal(thick.pixels, expected)
