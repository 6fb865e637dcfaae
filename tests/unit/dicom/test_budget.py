"""The memory of decoded frames: never more than the budget, however much is open and looked at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from helpers import dicom_makers as makers

from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.reader import open_paths

FRAMES = 60


class WatchedCache(FrameCache):
    """Remembers the most that it held."""

    most = 0

    @property
    def _bytes(self) -> int:
        return self._now

    @_bytes.setter
    def _bytes(self, value: int) -> None:
        self._now = value
        self.most = max(self.most, value)


def test_four_volumes_of_sixty_frames_stay_within_the_budget(tmp_path: Path) -> None:
    for number in range(4):
        volume = np.stack([makers.texture(24, 32, seed=number * FRAMES + index) for index in range(FRAMES)])
        makers.save(tmp_path / f"{number}.dcm", makers.tomo(volume), volume, syntax=makers.JPEG_LS)
    size = 24 * 32 * 2
    cache = WatchedCache(50 * size + 7)
    images = open_paths([tmp_path], cache=cache).images
    assert len(images) == 4
    assert cache.held_bytes == 0  # opening decodes nothing
    places = [(image, index) for index in range(FRAMES) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for frame in pool.map(lambda place: place[0].frame(place[1]), places):
            assert frame.nbytes == size
    assert cache.most == cache.held_bytes == 50 * size
    for image in images:
        image.close()
    assert cache.held_bytes == 0


def test_room_is_made_before_a_frame_is_kept() -> None:
    cache = WatchedCache(10 << 20)
    for key in range(5):
        cache.get(key, lambda: np.zeros(4 << 20, np.uint8))
        assert cache.held_bytes == min(key + 1, 2) * (4 << 20)
    assert cache.most == 8 << 20


def test_a_frame_larger_than_the_budget_is_held_alone() -> None:
    cache = FrameCache(1000)
    cache.get("small", lambda: np.zeros(600, np.uint8))
    cache.get("large", lambda: np.zeros(5000, np.uint8))
    assert "small" not in cache
    assert cache.held_bytes == 5000
    cache.get("small", lambda: np.zeros(600, np.uint8))
    assert cache.held_bytes == 600


class Record:
    """Something with bytes that is no array."""

    nbytes = 700


def test_records_are_held_beside_arrays_and_found_by_their_kind() -> None:
    cache = FrameCache(1000)
    record = cache.get(("image", "record"), Record)
    assert cache.find(("image", "record"), Record) is record
    assert cache.peek(("image", "record")) is None
    cache.get("array", lambda: np.zeros(400, np.uint8))
    assert cache.find(("image", "record"), Record) is None
    cache.get(("image", "record"), Record)
    cache.drop("image")
    assert cache.held_bytes == 0
