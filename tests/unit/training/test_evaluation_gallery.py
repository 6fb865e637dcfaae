from pathlib import Path

import numpy as np
import pytest
from helpers.model_makers import brightest_bundle, linear_bundle

from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.evaluation_gallery import PER_OUTCOME, Gallery, overlaid

VALUES = np.random.default_rng(0).random((1, 16, 16)).astype(np.float32)


def test_the_surest_of_each_outcome_are_kept(tmp_path: Path) -> None:
    gallery = Gallery(OnnxModel(linear_bundle(tmp_path / "m")))
    for number in range(10):
        score = number / 10
        gallery.offer(f"ill {number}", (0, 1), (1 - score, score), VALUES)
        gallery.offer(f"well {number}", (1, 0), (1 - score, score), VALUES)
    names = {outcome: [one.name for one in examples] for outcome, examples in gallery.kept.items()}
    assert names == {
        "true positive": ["ill 9", "ill 8", "ill 7"],
        "false positive": ["well 9", "well 8", "well 7"],
        "false negative": ["ill 0", "ill 1", "ill 2"],
        "true negative": ["well 0", "well 1", "well 2"],
    }
    pictures = gallery.pictures()
    assert len(pictures) == 4 * PER_OUTCOME
    assert pictures[0]["caption"] == "true positive, ill 9: 0.900 (hirescam)"


def test_of_several_classes_the_most_probable_decides(tmp_path: Path) -> None:
    gallery = Gallery(OnnxModel(linear_bundle(tmp_path / "m", classes=3)))
    gallery.offer("a", (0, 0, 1), (0.35, 0.25, 0.4), VALUES)
    gallery.offer("b", (0, 0, 1), (0.55, 0.0, 0.45), VALUES)
    assert [len(gallery.kept[outcome]) for outcome in gallery.kept] == [1, 0, 1, 0]


def test_models_without_a_gradient_are_explained_all_the_same(tmp_path: Path) -> None:
    gallery = Gallery(OnnxModel(brightest_bundle(tmp_path / "m")))
    gallery.offer("a", (0, 1), (0.1, 0.9), VALUES)
    assert "eigencam" in gallery.pictures()[0]["caption"]


@pytest.mark.parametrize("shape", [(16, 16), (40, 10)])
def test_a_picture_stands_beside_itself_with_the_map(shape: tuple[int, int]) -> None:
    values = np.zeros(shape, np.float32)
    cam = np.zeros((4, 4), np.float32)
    cam[0, 0] = 2.0
    picture = overlaid(values, cam)
    half = picture.shape[1] // 2
    assert picture.shape[0] == 220
    assert picture[:, :half].max() == 0
    assert picture[:20, half : half + half // 4].max() > 50
    assert picture[-20:, half:].max() == 0
    assert overlaid(values, np.zeros((4, 4), np.float32)).max() == 0
