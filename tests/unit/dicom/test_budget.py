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

    def _keep(self, key: object, frame: np.ndarray) -> None:
        super()._keep(key, frame)  # type: ignore[arg-type]
        self.most = max(self.most, self.held_bytes)


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
