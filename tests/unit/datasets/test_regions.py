from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.regions import LabelledRegion, dihedral, patches_from_regions, pixel_size_for_regions


def region(box: tuple[float, float, float, float], label: str = "mass", side: int = 200) -> LabelledRegion:
    values = np.add.outer(np.arange(side) * 1000.0, np.arange(side)).astype(np.float32)
    return LabelledRegion(values, box, label, "finding 1", "region")


def test_first_patch_is_centred() -> None:
    patches = patches_from_regions(
        [region((90.0, 80.0, 109.0, 99.0))], ("normal", "mass"), patch=(60, 60), crops=1, seed=0
    )
    # centre (99.5, 89.5), so 30 pixels on either side
    assert patches.images[0, 0, 0] == 70 * 1000 + 60
    assert patches.images[0, -1, -1] == 129 * 1000 + 119
    assert patches.labels == (1,)
    assert patches.groups == ("finding 1",)


@pytest.mark.parametrize("half", [3.0, 15.0, 28.0, 60.0])
def test_jittered_patches_show_the_region(half: float) -> None:
    box = (100 - half, 100 - half, 100 + half, 100 + half)
    patches = patches_from_regions([region(box)], ("normal", "mass"), patch=(60, 60), crops=50, seed=1)
    first_rows = patches.images[:, 0, 0] // 1000
    centres = first_rows + 29.5
    assert np.ptp(centres) > 2
    assert np.all(np.abs(centres - 100) <= max(half, 8) + 1)
    overlap = np.minimum(first_rows + 60, 100 + half) - np.maximum(first_rows, 100 - half)
    assert overlap.min() >= min(2 * half, 60) * 0.45


def test_edges_are_repeated_beyond_the_image() -> None:
    patches = patches_from_regions([region((0.0, 0.0, 4.0, 4.0))], ("normal", "mass"), patch=(60, 60), crops=1, seed=0)
    assert patches.images.shape == (1, 60, 60)
    assert np.all(patches.images[0, :20, :20] == 0)


def test_same_seed_same_patches() -> None:
    first, again = (
        patches_from_regions([region((50, 50, 80, 80))], ("normal", "mass"), patch=(60, 60), crops=4, seed=5)
        for _ in range(2)
    )
    assert np.array_equal(first.images, again.images)


def test_refuses_unknown_labels_and_no_regions() -> None:
    with pytest.raises(ArgumentError):
        patches_from_regions([region((0, 0, 9, 9))], ("normal", "cluster"), patch=(60, 60), crops=1, seed=0)
    with pytest.raises(ArgumentError):
        patches_from_regions([], ("normal", "mass"), patch=(60, 60), crops=1, seed=0)


def test_pixel_size_fits_the_median_region_within_limits() -> None:
    assert pixel_size_for_regions([], patch_px=60, finest_mm=0.085) == 0.085
    assert pixel_size_for_regions([2.0], patch_px=60, finest_mm=0.085) == 0.085
    assert pixel_size_for_regions([4.0, 10.0, 12.0], patch_px=60, finest_mm=0.085) == pytest.approx(0.2)
    assert pixel_size_for_regions([90.0], patch_px=60, finest_mm=0.085) == pytest.approx(0.34)


def test_dihedral_gives_the_eight_symmetries() -> None:
    images = np.random.default_rng(0).random((2, 5, 5), dtype=np.float32)
    versions = dihedral(images)
    assert versions.shape == (8, 2, 5, 5)
    assert len({version[0].tobytes() for version in versions}) == 8
    assert np.array_equal(versions[0], images)
