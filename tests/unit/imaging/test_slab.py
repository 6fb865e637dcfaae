from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.slab import SlabMode, SlabSpan, centred_span, slab
from mammoviewer.imaging.voi import Padding

GENERATOR = np.random.default_rng(4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_mean_and_brightest_agree_with_numpy(dtype, count):
    stack = GENERATOR.integers(0, 200, (count, 31, 17)).astype(dtype) - (np.iinfo(dtype).min < 0) * 90
    stack = stack.astype(dtype)
    mean = slab(stack, SlabMode.MEAN)
    assert mean.dtype == dtype
    np.testing.assert_array_equal(mean, np.rint(stack.astype(np.float64).mean(axis=0)))
    np.testing.assert_array_equal(slab(stack, SlabMode.MIP), stack.max(axis=0))
    np.testing.assert_array_equal(slab(stack, SlabMode.MIP, dark_is_bright=True), stack.min(axis=0))


@pytest.mark.parametrize("mode", list(SlabMode))
@pytest.mark.parametrize("dark_is_bright", [False, True])
def test_padding_takes_no_part_where_there_is_a_value(mode, dark_is_bright):
    stack = GENERATOR.integers(0, 6, (5, 40, 40)).astype(np.uint16)
    stack[:, :4] = 0
    result = slab(stack, mode, dark_is_bright=dark_is_bright, padding=Padding(0, 0))
    masked = np.ma.masked_equal(stack, 0)
    if mode is SlabMode.MEAN:
        expected = np.rint(masked.mean(axis=0).filled(0))
    else:
        expected = (masked.min(axis=0) if dark_is_bright else masked.max(axis=0)).filled(0)
    np.testing.assert_array_equal(result, expected)


def test_the_frames_are_left_alone():
    stack = [np.full((3, 3), value, np.uint16) for value in (1, 5)]
    slab(stack, SlabMode.MIP)
    assert [int(frame[0, 0]) for frame in stack] == [1, 5]


def test_nothing_is_no_slab():
    with pytest.raises(ArgumentError, match="at least one"):
        slab([], SlabMode.MEAN)


@pytest.mark.parametrize(
    ("frame", "count", "span"),
    [(5, 1, None), (5, 2, (5, 6)), (5, 3, (4, 6)), (5, 4, (4, 7)), (0, 5, (0, 2)), (9, 5, (7, 9)), (3, 99, (0, 9))],
)
def test_a_span_lies_about_its_frame_and_ends_with_the_volume(frame, count, span):
    found = centred_span(frame, count, 10, SlabMode.MEAN)
    assert found == (None if span is None else SlabSpan(*span, SlabMode.MEAN))
