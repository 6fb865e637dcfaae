from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError, InputError
from mammoviewer.datasets.mini_mias import Film
from mammoviewer.datasets.mini_mias_patches import corners, film_patches, grid_patches, overlap, patch_labels, read_film


def _film(path: Path, severity: str = "", centre: tuple[float, float] | None = None, radius: float = 0.0) -> Film:
    kind = "CIRC" if severity else "NORM"
    return Film(path, "G", kind, severity, centre, radius if centre is not None else None)


def _written(path: Path, seed: int = 0) -> Path:
    film = np.random.default_rng(seed).integers(0, 256, (1024, 1024)).astype(np.uint8)
    cv2.imwrite(str(path), film)
    return path


def test_the_middle_four_columns_of_eight_are_the_patches() -> None:
    film = np.arange(1024 * 1024).reshape(1024, 1024)
    patches = grid_patches(film)
    assert patches.shape == (32, 128, 128)
    assert corners()[0] == (0, 256)
    assert corners()[5] == (128, 384)
    assert corners()[-1] == (896, 640)
    assert patches[5, 0, 0] == 128 * 1024 + 384
    assert grid_patches(np.zeros((3, 1024, 1024))).shape == (32, 3, 128, 128)
    with pytest.raises(ArgumentError, match="1024x1024"):
        grid_patches(np.zeros((512, 1024)))


def test_overlap_is_a_share_of_the_smaller_one() -> None:
    assert overlap((64, 320, 10), (0, 256)) == 1.0
    # A circle around the corner where four patches meet: a quarter each, but for the pixels on the axes.
    quarters = [overlap((127.5, 383.5, 20), corner) for corner in ((0, 256), (0, 384), (128, 256), (128, 384))]
    assert quarters == pytest.approx([0.25] * 4, abs=0.01)
    # A lesion larger than the patch covers it wholly.
    assert overlap((64, 320, 197), (0, 256)) == 1.0
    assert overlap((600, 320, 50), (0, 256)) == 0.0
    # Half of a large circle's edge: rows 64 and below of the patch lie in a half plane.
    assert overlap((64 + 1000, 320, 1000), (0, 256)) == pytest.approx(0.5, abs=0.02)


def test_a_patch_has_the_severity_of_what_it_shows() -> None:
    film = _film(Path("mdb001.png"), "B", (64, 320), 20)
    worse = _film(Path("mdb001.png"), "M", (64, 383.5), 20)
    labels = patch_labels([film, worse])
    assert labels[:2] == (2, 2)
    assert set(labels[2:]) == {0}
    assert patch_labels([film])[:2] == (1, 0)
    assert set(patch_labels([_film(Path("mdb003.png"))])) == {0}


def test_patches_of_a_patient_are_one_group_and_unplaced_films_are_left_out(tmp_path: Path) -> None:
    first, second, third = (_written(tmp_path / f"mdb00{i}.png", i) for i in (1, 2, 3))
    films = [_film(first, "M", (300, 300), 30), _film(second), _film(third, "B")]
    patches = film_patches(films)
    assert len(patches) == 64
    assert set(patches.groups) == {"patient 1"}
    assert patches.names[:2] == ("mdb001 r0 c2", "mdb001 r0 c3")
    assert patches.labels.count(2) == 1
    assert np.array_equal(patches.images[:32], grid_patches(read_film(first)))
    whole = film_patches(films, whole_film=True)
    assert [whole.labels[i] for i in (0, 32, 64)] == [2, 0, 1]
    scaled = film_patches(films[1:2], prepare=lambda film: film / np.float32(255))
    assert float(scaled.images.max()) == 1.0


def test_what_is_no_film_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_film(tmp_path / "mdb001.png")
    cv2.imwrite(str(tmp_path / "mdb001.png"), np.zeros((100, 100), np.uint8))
    with pytest.raises(InputError, match="not a mini-MIAS film"):
        read_film(tmp_path / "mdb001.png")
    with pytest.raises(ArgumentError, match="no films"):
        film_patches([])
