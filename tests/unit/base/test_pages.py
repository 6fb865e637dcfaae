from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.pages import on_own_pages


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32])
def test_the_copy_is_equal_and_can_be_written(dtype):
    array = np.random.default_rng(0).integers(0, 100, (1100, 1000)).astype(dtype)
    copy = on_own_pages(array)
    np.testing.assert_array_equal(copy, array)
    assert copy.dtype == array.dtype
    copy[0, 0] = 101
    assert copy[0, 0] == 101


def test_views_of_all_kinds_are_copied():
    array = np.arange(4_000_000, dtype=np.uint16).reshape(2000, 2000)
    for view in (array[::-1], array[:, 1:], array.T):
        np.testing.assert_array_equal(on_own_pages(view), view)


def test_small_arrays_stay_where_they_are():
    array = np.zeros((100, 100), np.uint16)
    assert on_own_pages(array) is array


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_memory_goes_back_at_once():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

    array = np.ones(1 << 20, np.uint8)
    before = resident()
    held = [on_own_pages(array) for _ in range(64)]
    assert resident() - before > 60 << 20
    held.clear()
    gc.collect()
    assert resident() - before < 8 << 20
