import cv2
import numpy as np
import pytest
from helpers.images import breast_like
from helpers.model_makers import brightest_bundle

from mammoviewer.datasets.cases import Case, CaseFinding, CaseList
from mammoviewer.inference.cam_checks import Skipped
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.localisation import data_localisation, lesion_mask


@pytest.fixture
def films(tmp_path):
    """Seven films with a bright spot off the middle, marked as a finding, and one without."""
    cases = []
    for number in range(8):
        pixels = (breast_like(200, 160, seed=number) * 0.02).astype(np.uint8)
        row, column = 40 + 14 * number, 110
        pixels[row : row + 4, column : column + 4] = 250
        path = tmp_path / f"film{number}.png"
        assert cv2.imwrite(str(path), pixels)
        places = (CaseFinding.of_circle("malignant", "lesion", (row + 1.5, column + 1.5, 8.0)),)
        cases.append(Case(path, f"p{number}", findings=places if number else (), pixel_size_mm=0.1))
    return CaseList("test", tmp_path, tuple(cases))


def test_explanations_of_a_data_set_point_at_its_marked_places(films, tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m", method="occlusion"))
    text = data_localisation(model, films, sample=7)
    assert text.startswith("pointing game 1.00 (middle of the breast 0.")
    assert text.endswith("7 lesions")
    with pytest.raises(Skipped, match="only 3 lesions"):
        data_localisation(model, films, sample=3)


def test_a_data_set_without_what_the_model_looks_for_is_passed_over(films, tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m", classes=("normal", "asymmetry")))
    with pytest.raises(Skipped, match="asymmetry"):
        data_localisation(model, films)


def test_masks_are_circles_where_the_set_has_them_and_boxes_elsewhere():
    circle = CaseFinding.of_circle("", "", (49.5, 49.5, 20.0))
    mask = lesion_mask(circle, (100, 100), (50, 50))
    assert mask.sum() == pytest.approx(np.pi * 10**2, rel=0.03)
    assert mask[24, 24]
    box = CaseFinding("", "", (19.5, 9.5, 39.5, 29.5))
    np.testing.assert_array_equal(np.argwhere(lesion_mask(box, (100, 100), (50, 50)))[[0, -1]], [[10, 5], [19, 14]])
    tiny = CaseFinding.of_circle("", "", (49.5, 49.5, 0.1))
    assert lesion_mask(tiny, (100, 100), (10, 10)).any()
