import numpy as np
import pytest
from helpers.heatmaps import make_heatmap


def test_values_at_cell_centres_and_between_are_linear():
    heatmap = make_heatmap([[0.0, 0.4], [1.0, 0.8]])
    assert heatmap.at(5, 10) == pytest.approx(0.0)
    assert heatmap.at(15, 30) == pytest.approx(0.8)
    assert heatmap.at(10, 20) == pytest.approx((0.0 + 0.4 + 1.0 + 0.8) / 4)
    assert heatmap.at(0, 0) == pytest.approx(0.0)
    assert heatmap.maximum == pytest.approx(1.0)


def test_the_picture_and_the_point_agree():
    generator = np.random.default_rng(2)
    values = generator.random((4, 3))
    values[1, 1] = np.nan
    mask = generator.random((40, 60)) > 0.3
    heatmap = make_heatmap(values, mask=mask)
    picture = heatmap.resampled()
    assert picture.shape == (40, 60)
    assert picture.dtype == np.float32
    for row, column in ((0, 0), (7, 13), (15, 30), (39, 59)):
        np.testing.assert_allclose(heatmap.at(row, column), picture[row, column], rtol=1e-5)
    assert np.isnan(picture[~mask]).all()


def test_outside_the_image_nothing_is_known():
    heatmap = make_heatmap([[0.5]])
    for point in ((-0.6, 0), (0, -0.6), (39.6, 0), (0, 59.6), (np.nan, 0)):
        assert np.isnan(heatmap.at(*point))


def test_another_size_samples_the_same_map():
    heatmap = make_heatmap([[0.0, 0.4], [1.0, 0.8]])
    full, half = heatmap.resampled(), heatmap.resampled((20, 30))
    np.testing.assert_allclose(half, full.reshape(20, 2, 30, 2).mean(axis=(1, 3)), atol=1e-2)


def test_unknown_cells_neither_pull_down_nor_spread():
    heatmap = make_heatmap([[0.6, np.nan], [np.nan, np.nan]])
    picture = heatmap.resampled()
    known = np.isfinite(picture)
    np.testing.assert_allclose(picture[known], 0.6, rtol=1e-5)
    assert known[5, 10]
    assert not known[15, 30]


def test_a_map_without_values_has_no_maximum_and_no_coverage():
    heatmap = make_heatmap([[np.nan]])
    assert np.isnan(heatmap.maximum)
    assert heatmap.coverage == 0.0
    assert make_heatmap([[0.1]]).coverage == 1.0
    assert make_heatmap([[0.1]], mask=np.zeros((40, 60), dtype=bool)).coverage == 0.0


def test_windows_list_what_ran():
    heatmap = make_heatmap([[0.1, 0.2], [0.3, 0.4]], scores=[[0.1, np.nan], [np.nan, 0.9]])
    np.testing.assert_allclose(heatmap.windows(), [[5, 10, 0.1], [15, 30, 0.9]], rtol=1e-6)


def test_a_mask_of_another_resolution_covers_the_image():
    mask = np.array([[True, False]])
    picture = make_heatmap([[0.5]], mask=mask).resampled()
    assert np.isfinite(picture[:, :30]).all()
    assert np.isnan(picture[:, 30:]).all()
