"""The breast against drawn truth, and against films and mammograms where they are at hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.breast_mask import breast_mask
from mammoviewer.imaging.voi import Padding


def _drawn(
    shape: tuple[int, int] = (800, 600), air: float = 20.0, tissue: float = 900.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return a half ellipse of textured tissue at the left edge, on noisy air, and its truth."""
    generator = np.random.default_rng(2)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    depth = 1.0 - ((rows - shape[0] / 2) / (0.42 * shape[0])) ** 2 - (columns / (0.6 * shape[1])) ** 2
    truth = depth > 0
    texture = ndimage.gaussian_filter(generator.standard_normal(shape), 6) * 6
    image = np.where(truth, tissue * (0.35 + 0.65 * np.sqrt(np.clip(depth, 0, 1))) * np.exp(0.2 * texture), air)
    return image + generator.normal(0, 4, shape), truth


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2.0 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_a_drawn_breast_is_found(dtype: type):
    image, truth = _drawn()
    mask = breast_mask(np.clip(image, 0, None).astype(dtype))
    assert mask.dtype == bool
    assert mask.shape == truth.shape
    assert _dice(mask, truth) > 0.98


def test_labels_markers_and_tape_are_no_breast():
    image, truth = _drawn()
    marked = image.copy()
    letters = np.zeros(image.shape, np.uint8)
    cv2.putText(letters, "RMLO", (470, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 6)
    marked[letters > 0] = 1500
    marked[700:790, 480:560] = 1500
    marked[:, 594:] = 1500
    mask = breast_mask(marked.astype(np.uint16))
    assert not mask[:, 450:].any()
    assert _dice(mask, truth) > 0.98


def test_bright_air_is_the_same_picture_upside_down():
    image, _ = _drawn()
    stored = np.clip(image, 0, 4095).astype(np.uint16)
    assert _dice(breast_mask(4095 - stored, bright_air=True), breast_mask(stored)) > 0.999


def test_padding_is_never_breast_and_may_be_all_the_air_there_is():
    image, truth = _drawn(air=0.0)
    stored = np.where(truth, np.clip(image, 200, None), 0).astype(np.uint16)
    mask = breast_mask(stored, padding=Padding(0, 30))
    assert _dice(mask, truth) > 0.99
    bright = np.where(truth, 3000 - np.clip(image, 200, 2900), 65535).astype(np.uint16)
    assert _dice(breast_mask(bright, padding=Padding(65535, 65535)), truth) > 0.99


def test_an_image_of_padding_has_no_breast():
    assert not breast_mask(np.zeros((50, 40), np.uint16), padding=Padding(0, 0)).any()


def test_not_finite_values_count_as_air():
    image, truth = _drawn()
    holed = image.astype(np.float32)
    holed[~truth] = np.nan
    assert _dice(breast_mask(holed), truth) > 0.98
    assert not breast_mask(np.full((9, 9), np.inf)).any()


def test_a_hole_in_the_tissue_belongs_to_the_breast():
    image, truth = _drawn()
    image[380:430, 100:150] = 0
    assert breast_mask(np.clip(image, 0, None).astype(np.uint16))[405, 125]
    assert truth[405, 125]


@pytest.mark.parametrize("size", [1, 2, 9, 60, 256])
def test_a_patch_from_inside_the_breast_is_all_breast(size: int):
    image, _ = _drawn()
    crop = image[300 : 300 + size, 20 : 20 + size].astype(np.uint16)
    assert breast_mask(crop).all()


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_image_is_all_breast(value: int):
    assert breast_mask(np.full((30, 20), value, np.uint16)).all()


def test_the_same_image_gives_the_same_mask_and_is_not_changed():
    image, _ = _drawn()
    before = image.copy()
    np.testing.assert_array_equal(breast_mask(image), breast_mask(image))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(0, 5), (4, 4, 3), (7,)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ArgumentError):
        breast_mask(np.zeros(shape))


def test_films_agree_with_the_outlines_of_their_authors(shared_data: Path):
    folder = shared_data / "ddsm_tissue" / "train_valid"
    scores = []
    for film in sorted((folder / "fgt_seg").glob("*.png")):
        (label,) = (folder / "fgt_seg_labels").glob(f"{film.stem}*")
        truth = cv2.imread(str(label), cv2.IMREAD_GRAYSCALE) >= 100
        scores.append(_dice(breast_mask(cv2.imread(str(film), cv2.IMREAD_GRAYSCALE)), truth))
    assert np.mean(scores) > 0.97
    assert min(scores) > 0.92


def test_every_patch_of_microcalcifications_is_all_breast(shared_data: Path):
    patches = sorted((shared_data / "infn_microcalcifications").glob("[01]/*.png"))
    partial = [path.name for path in patches if not breast_mask(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).all()]
    assert len(patches) > 600
    assert partial == []


def test_burned_in_view_markers_are_left_out(shared_data: Path):
    for path in sorted((shared_data / "nyu_four_view").glob("*.png")):
        mask = breast_mask(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        _, count = ndimage.label(mask)
        assert count == 1
        assert 0.2 < mask.mean() < 0.7
        assert not mask[:300, -500:].any()
