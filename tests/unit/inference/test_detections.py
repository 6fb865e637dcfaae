from dataclasses import replace

import numpy as np
import pytest
from helpers.heatmaps import make_heatmap
from helpers.images import make_image
from helpers.model_makers import brightest_bundle

from mammoviewer.imaging.voi import Window
from mammoviewer.inference.detections import (
    Detection,
    detections_of_boxes,
    find_peaks,
    find_regions,
    grouped_over_frames,
    merged,
)
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.tiling import run_patches


def grid_map(values, **options):
    return make_heatmap(
        values, shape=(100, 100), origin=(10.0, 10.0), step=(10.0, 10.0), patch_px=(20.0, 20.0), **options
    )


def test_the_highest_of_overlapping_windows_stays():
    values = np.zeros((9, 9))
    values[2, 2], values[2, 3], values[3, 3], values[7, 7] = 0.9, 0.8, 0.7, 0.6
    peaks = find_peaks(grid_map(values, frame=4), threshold=0.5)
    assert [(peak.row // 10, peak.column // 10, peak.frame) for peak in peaks] == [(3, 3, 4), (8, 8, 4)]
    assert [peak.score for peak in peaks] == pytest.approx([0.9, 0.6])
    row, column = peaks[0].row, peaks[0].column
    assert peaks[0].box == (row - 10, column - 10, row + 10, column + 10)


def test_a_place_lies_between_the_windows_that_agree():
    scores = np.zeros((9, 9))
    scores[3:5, 5] = 0.9
    (peak,) = find_peaks(grid_map(scores), threshold=0.5)
    assert (peak.row, peak.column) == pytest.approx((45.0, 60.0))
    assert peak.box == pytest.approx((35.0, 50.0, 55.0, 70.0))
    scores[4, 5] = 0.45
    (near,) = find_peaks(grid_map(scores), threshold=0.5)
    assert 40.0 < near.row < 41.0
    scores[4, 5], scores[3, 5] = np.nan, 0.9
    (alone,) = find_peaks(grid_map(np.nan_to_num(scores), scores=scores), threshold=0.5)
    assert (alone.row, alone.column) == (40.0, 60.0)


@pytest.mark.parametrize("stride", [4, 5, 6, 8])
def test_a_planted_cluster_is_found_within_half_a_stride(tmp_path, stride):
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    generator = np.random.default_rng(stride)
    for row, column in generator.integers(30, 70, (12, 2)).tolist():
        pixels = np.full((100, 100), 400, dtype=np.uint16)
        pixels[row : row + 4, column : column + 4] = 4000
        image = make_image(pixels=pixels, vois=(Window(2047.5, 4095.0),))
        prepared = prepare(pixels, image.attributes, model.manifest)
        heatmap = run_patches(prepared, model, stride=stride)
        peaks = find_peaks(heatmap, threshold=0.5)
        assert peaks == find_peaks(heatmap, threshold=0.5)
        assert abs(peaks[0].row - (row + 1.5)) <= stride / 2
        assert abs(peaks[0].column - (column + 1.5)) <= stride / 2
        assert (peaks[0].box[0] + peaks[0].box[2]) / 2 == pytest.approx(peaks[0].row)


def test_windows_that_only_touch_are_two_peaks():
    values = np.zeros((9, 9))
    values[2, 2], values[2, 4] = 0.9, 0.8
    assert len(find_peaks(grid_map(values), threshold=0.5)) == 2


def test_a_plateau_is_one_peak_per_window_and_the_order_is_fixed():
    peaks = find_peaks(grid_map(np.full((9, 9), 0.7)), threshold=0.5, limit=100)
    assert len(peaks) == 25
    assert (peaks[0].row, peaks[0].column) == (10, 10)


def test_threshold_is_inclusive_and_the_number_is_limited():
    values = np.full((9, 9), 0.5)
    assert len(find_peaks(grid_map(values), threshold=0.5, limit=3)) == 3
    assert find_peaks(grid_map(values), threshold=0.5001) == ()


def test_cells_without_an_own_window_are_no_peaks():
    values = np.full((9, 9), 0.2)
    values[0, 0] = 0.9
    scores = values.copy()
    scores[0, 0] = np.nan
    assert find_peaks(grid_map(values, scores=scores), threshold=0.5) == ()
    assert find_peaks(grid_map(np.full((9, 9), np.nan)), threshold=0.0) == ()


def test_places_and_boxes_stay_inside_the_image():
    values = np.zeros((2, 2))
    values[0, 0] = 1.0
    heatmap = make_heatmap(values, shape=(30, 30), origin=(-2.0, 5.0), step=(10.0, 10.0), patch_px=(20.0, 20.0))
    (peak,) = find_peaks(heatmap, threshold=0.5)
    assert (peak.row, peak.column) == (0.0, 5.0)
    assert peak.box == (-0.5, -0.5, 10.0, 15.0)


def detection(row, frame, score, name=""):
    return Detection(row, 50.0, frame, score, (row - 10, 40.0, row + 10, 60.0), name)


def test_a_place_of_a_volume_is_told_once_with_its_slices():
    marks = [detection(20, 3, 0.7), detection(25, 4, 0.9), detection(22, 6, 0.5), detection(70, 9, 0.8)]
    found = grouped_over_frames(marks)
    assert [(one.row, one.frame, one.slices) for one in found] == [(25, 4, (3, 6)), (70, 9, (9, 9))]
    many = grouped_over_frames([detection(30 * number, number, number / 100) for number in range(30)])
    assert [one.frame for one in many] == list(range(29, 9, -1))


def test_places_above_each_other_and_of_other_classes_stay_apart():
    above = grouped_over_frames([detection(20, 3, 0.7), detection(20, 6, 0.9), detection(20, 4, 0.6)])
    assert [(one.frame, one.slices) for one in above] == [(6, (3, 6))]
    gap = grouped_over_frames([detection(20, 3, 0.7), detection(20, 6, 0.9)])
    assert [one.slices for one in gap] == [(6, 6), (3, 3)]
    wide = grouped_over_frames([detection(20, 3, 0.7), detection(20, 6, 0.9)], missing=2)
    assert [one.slices for one in wide] == [(3, 6)]
    classes = grouped_over_frames([detection(20, 3, 0.7, "mass"), detection(20, 3, 0.9, "cluster")])
    assert [one.class_name for one in classes] == ["cluster", "mass"]
    assert grouped_over_frames([]) == ()


def test_groups_of_groups_reach_over_all_their_slices():
    first = Detection(20.0, 50.0, 4, 0.9, (10.0, 40.0, 30.0, 60.0), slices=(2, 5))
    second = Detection(20.0, 50.0, 8, 0.8, (10.0, 40.0, 30.0, 60.0), slices=(7, 9))
    (found,) = grouped_over_frames([second, first])
    assert (found.first_frame, found.frame, found.last_frame) == (2, 4, 9)


def test_touching_cells_are_one_region_with_the_box_of_its_cells():
    values = np.zeros((9, 9))
    values[2, 2], values[3, 3], values[3, 4], values[7, 7] = 0.6, 0.9, 0.6, 0.55
    first, second = find_regions(grid_map(values, frame=2), threshold=0.5)
    assert first.score == pytest.approx(0.9)
    assert first.box == (25.0, 25.0, 45.0, 55.0)
    assert first.row == pytest.approx((30 * 0.6 + 40 * 0.9 + 40 * 0.6) / 2.1, abs=1e-4)
    assert (first.frame, first.class_name) == (2, "finding")
    assert second.box == (75.0, 75.0, 85.0, 85.0)
    assert find_regions(grid_map(np.full((9, 9), np.nan)), threshold=0.5) == ()
    assert len(find_regions(grid_map(values), threshold=0.5, limit=1)) == 1


def boxes_found(boxes, probabilities, **options):
    return detections_of_boxes(
        np.array(boxes, dtype=np.float32),
        np.array(probabilities, dtype=np.float32),
        ("background", "benign", "malignant"),
        frame=1,
        shape=(100, 80),
        threshold=0.3,
        **options,
    )


def test_boxes_of_a_model_are_suppressed_within_their_class():
    boxes = [(10, 10, 30, 30), (12, 10, 32, 30), (10, 10, 30, 30), (60, 60, 120, 90)]
    found = boxes_found(boxes, [(0.1, 0.9, 0), (0.2, 0.8, 0), (0.4, 0, 0.6), (0.3, 0, 0.7)])
    assert [(one.class_name, round(one.score, 2)) for one in found] == [
        ("benign", 0.9),
        ("malignant", 0.7),
        ("malignant", 0.6),
    ]
    assert found[1].box == (60.0, 60.0, 99.5, 79.5)
    assert (found[0].row, found[0].column, found[0].frame) == (20.0, 20.0, 1)
    assert boxes_found(boxes, [(1, 0, 0)] * 4) == ()


def test_soft_suppression_lowers_the_score_of_what_overlaps():
    boxes = [(0, 0, 20, 20), (0, 10, 20, 30)]
    probabilities = [(0.1, 0.9, 0), (0.2, 0.8, 0)]
    assert len(boxes_found(boxes, probabilities, overlap=0.3)) == 1
    first, second = boxes_found(boxes, probabilities, soft=True)
    assert first.score == pytest.approx(0.9)
    assert second.score == pytest.approx(0.8 * np.exp(-((1 / 3) ** 2) / 0.5))


def test_marks_of_two_sources_are_told_once():
    peak = Detection(20.0, 20.0, 0, 0.8, (10.0, 10.0, 30.0, 30.0), "mass")
    box = Detection(21.0, 20.0, 0, 0.9, (11.0, 10.0, 31.0, 30.0), "mass")
    other = replace(peak, class_name="cluster")
    assert merged([[peak, other], [box]]) == (box, other)
    assert merged([[], []]) == ()
