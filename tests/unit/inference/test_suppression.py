import numpy as np
import pytest

from mammoviewer.inference.suppression import kept_boxes, overlaps

BOXES = np.array([(0, 0, 10, 10), (0, 5, 10, 15), (20, 20, 22, 22), (2, 2, 4, 4)], dtype=np.float64)


def test_overlap_is_the_intersection_over_the_union_or_the_smaller():
    np.testing.assert_allclose(overlaps(BOXES, BOXES[0]), [1.0, 50 / 150, 0.0, 4 / 100])
    np.testing.assert_allclose(overlaps(BOXES, BOXES[0], of_smaller=True), [1.0, 0.5, 0.0, 1.0])
    empty = np.array([(1.0, 1.0, 1.0, 1.0)])
    np.testing.assert_array_equal(overlaps(empty, empty[0]), [0.0])


def test_the_higher_of_two_that_overlap_stays_and_of_equal_ones_the_first():
    kept, scores = kept_boxes(BOXES, np.array([0.5, 0.9, 0.1, 0.4]), overlap=0.3)
    assert kept.tolist() == [1, 3, 2]
    assert scores.tolist() == [0.9, 0.4, 0.1]
    assert kept_boxes(BOXES[:2], np.array([0.5, 0.5]), overlap=0.3)[0].tolist() == [0]
    assert kept_boxes(BOXES[:2], np.array([0.5, 0.5]), overlap=0.34)[0].tolist() == [0, 1]
    assert kept_boxes(BOXES, np.array([0.5, 0.9, 0.1, 0.4]), threshold=0.45)[0].tolist() == [1]
    assert len(kept_boxes(BOXES[:0], np.zeros(0))[0]) == 0


def test_soft_suppression_never_raises_a_score_and_drops_below_the_threshold():
    kept, scores = kept_boxes(BOXES[:2], np.array([0.9, 0.8]), soft=True, threshold=0.3)
    assert kept.tolist() == [0, 1]
    assert scores[1] == pytest.approx(0.8 * np.exp(-(1 / 9) / 0.5))
    same = np.repeat(BOXES[:1], 2, axis=0)
    assert kept_boxes(same, np.array([0.9, 0.8]), soft=True, threshold=0.3)[0].tolist() == [0]


def test_of_two_with_close_centres_the_higher_stays_however_little_they_overlap():
    nested = np.array([(0, 0, 40, 40), (19, 19, 21, 21), (0, 25, 40, 65)], dtype=np.float64)
    scores = np.array([0.5, 0.9, 0.4])
    assert kept_boxes(nested, scores, overlap=0.3)[0].tolist() == [1, 0, 2]
    assert kept_boxes(nested, scores, overlap=0.3, apart=20.0)[0].tolist() == [1, 2]
    assert kept_boxes(nested, scores, overlap=0.3, apart=26.0)[0].tolist() == [1]
