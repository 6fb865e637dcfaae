from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.phantom.exam import VIEWS, PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.presentation import MAXIMUM
from mammoviewer.imaging.phantom.tissue import GLAND_VOLUME, TissueSlices, make_tissue
from mammoviewer.imaging.phantom.truth import exam_truth


@pytest.mark.parametrize(
    "wrong", [{"density": "E"}, {"seed": -1}, {"frames": 39}, {"frames": 81}, {"scale": 0.3}, {"scale": 2.0}]
)
def test_requests_out_of_range_are_refused_with_a_hint(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError) as caught:
        PhantomRequest(**wrong)  # type: ignore[arg-type]
    assert caught.value.hint


def test_mammograms_repeat_and_differ_by_seed_and_side() -> None:
    first = PhantomExam(PhantomRequest(seed=7, scale=0.125)).mammogram("LCC")
    again = PhantomExam(PhantomRequest(seed=7, scale=0.125)).mammogram("LCC")
    other = PhantomExam(PhantomRequest(seed=8, scale=0.125)).mammogram("LCC")
    right = PhantomExam(PhantomRequest(seed=7, scale=0.125)).mammogram("RCC")
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, right)


def test_mammogram_is_twelve_bits_with_black_air_and_the_breast_at_the_chest_wall() -> None:
    exam = PhantomExam(PhantomRequest(seed=7, scale=0.125))
    for view in VIEWS:
        image = exam.mammogram(view)
        assert image.shape == exam.grid(view).shape == (288, 224)
        assert image.dtype == np.uint16
        assert image.max() <= MAXIMUM
        assert not image[:, -20:].any()
        assert (image[60:220, :20] > 500).all()


def test_oblique_view_shows_bright_muscle_above_and_the_other_does_not() -> None:
    exam = PhantomExam(PhantomRequest(seed=7, scale=0.125))
    oblique, straight = exam.mammogram("RMLO"), exam.mammogram("RCC")
    assert np.median(oblique[5:30, :12]) > 1.5 * np.median(oblique[230:260, :12])
    assert np.median(straight[60:90, :12]) < 1.4 * np.median(straight[190:220, :12])


def test_denser_breasts_hold_more_gland() -> None:
    means = []
    for density in GLAND_VOLUME:
        exam = PhantomExam(PhantomRequest(seed=2, density=density, scale=0.125))
        image = exam.mammogram("LCC")
        means.append(float(image[image > 0].mean()))
    assert means == sorted(means)
    assert means[-1] > 1.15 * means[0]


def test_slices_are_fat_to_gland_inside_and_nothing_outside() -> None:
    exam = PhantomExam(PhantomRequest(seed=2, scale=0.125))
    geometry, grid = exam.geometries["LCC"], exam.grid("LCC").coarser(2)
    slices = TissueSlices(make_tissue(2, 1, "B", detail=0.125), geometry, grid, 1, 2)
    middle = slices.excess(len(slices.heights) // 2)
    fraction = slices.gland_fraction(len(slices.heights) // 2)
    assert fraction.min() >= 0
    assert fraction.max() <= 1.15
    outside = ~grid.inside(geometry, 2.0)
    assert outside.any()
    assert not middle[outside].any()
    assert 0 < middle[grid.inside(geometry, -3.0)].mean() < 0.03


def test_truth_counts_columns_from_the_left_of_the_stored_picture() -> None:
    exam = PhantomExam(PhantomRequest(seed=7, scale=0.125))
    document = exam_truth(exam, {view: f"{view}.dcm" for view in VIEWS}, "tomo.dcm", "synthetic.dcm")
    lesions = document["lesions"]
    assert isinstance(lesions, list)
    assert {lesion["type"] for lesion in lesions} == {"mass", "cluster"}
    for lesion in lesions:
        for view, place in lesion["views"].items():
            near_chest_wall = place["column"] < 112 if view[0] == "L" else place["column"] > 112
            assert near_chest_wall
        assert ("tomo" in lesion) is (lesion["laterality"] == "L")
        if "tomo" in lesion:
            tomo = lesion["tomo"]
            assert 0 <= tomo["first_frame"] <= tomo["frame"] <= tomo["last_frame"] < 48
