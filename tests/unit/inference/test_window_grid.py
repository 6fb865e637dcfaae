import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoviewer.base.errors import ArgumentError
from mammoviewer.inference.window_grid import blend, coarse_to_fine, covered_cells, window_grid


def test_an_image_of_one_patch_has_one_window():
    grid = window_grid((60, 60), (60, 60), 30)
    assert grid.counts == (1, 1)
    assert grid.origin == (0, 0)
    values = np.random.default_rng(0).random((60, 60), dtype=np.float32)
    np.testing.assert_array_equal(grid.padded(values), values)


@given(
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    patch=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    share=st.floats(0.01, 1),
)
def test_windows_cover_every_pixel_and_overhang_evenly(shape, patch, share):
    stride = max(1, int(share * min(patch)))
    grid = window_grid(shape, patch, stride)
    for axis in (0, 1):
        start = grid.origin[axis]
        end = start + (grid.counts[axis] - 1) * stride + patch[axis]
        assert start <= 0
        assert end >= shape[axis]
        assert 0 <= (end - shape[axis]) - (-start) <= 1
        assert -start < max(patch[axis], stride)
    assert grid.padded(np.zeros(shape, dtype=np.float32)).shape == grid.padded_shape()


@pytest.mark.parametrize("stride", [0, -1])
def test_a_stride_below_one_is_refused(stride):
    with pytest.raises(ArgumentError, match="at least 1"):
        window_grid((100, 100), (16, 20), stride)


@pytest.mark.parametrize(("stride", "used"), [(17, 17), (40, 40), (84, 84), (10**9, 84)])
def test_a_stride_beyond_the_patch_leaves_gaps_but_never_the_image(stride, used):
    grid = window_grid((100, 90), (16, 20), stride)
    assert grid.stride == used
    assert max(grid.padded_shape()) < 2 * 100 + 20
    assert grid.padded(np.zeros((100, 90), dtype=np.float32)).shape == grid.padded_shape()
    assert window_grid((10, 12), (16, 20), 10**9).counts == (1, 1)


def test_breast_fractions_are_those_of_the_pixels_in_the_image():
    mask = np.zeros((20, 20), dtype=bool)
    mask[:, :5] = True
    grid = window_grid(mask.shape, (10, 10), 10)
    np.testing.assert_allclose(grid.breast_fractions(mask), [[0.5, 0.0], [0.5, 0.0]])
    small = window_grid((4, 4), (10, 10), 5)
    np.testing.assert_allclose(small.breast_fractions(np.ones((4, 4), dtype=bool)), [[1.0]])


def test_every_wanted_window_is_visited_once_and_the_first_level_spans_all():
    wanted = np.random.default_rng(1).random((23, 17)) > 0.3
    levels = coarse_to_fine(wanted)
    visited = np.concatenate(levels)
    assert len(visited) == wanted.sum() == len({tuple(index) for index in visited.tolist()})
    assert wanted[visited[:, 0], visited[:, 1]].all()
    assert (levels[0] % 4 == 0).all()
    assert len(levels[0]) + len(levels[1]) == wanted[::2, ::2].sum()
    assert levels[0][:, 0].max() >= 20
    assert levels[0][:, 1].max() == 16


def test_a_lone_window_keeps_its_score_and_a_constant_stays_constant():
    grid = window_grid((60, 60), (60, 60), 30)
    scores = np.array([[0.7]], dtype=np.float32)
    np.testing.assert_allclose(blend(scores, grid, np.array([[True]])), scores, rtol=1e-6)
    wide = window_grid((300, 300), (60, 60), 15)
    constant = np.full(wide.counts, 0.3, dtype=np.float32)
    np.testing.assert_allclose(blend(constant, wide, np.ones(wide.counts, dtype=bool)), 0.3, rtol=1e-6)


def test_blending_is_the_gaussian_weighted_mean():
    grid = window_grid((120, 60), (60, 60), 20)
    scores = np.array([[0.0], [1.0], [0.5], [0.25]], dtype=np.float32)
    blended = blend(scores, grid, np.ones((4, 1), dtype=bool))
    weight = np.exp(-0.5 * (20 / 11.25) ** 2)
    assert blended[1, 0] == pytest.approx((1.0 + weight * (0.0 + 0.5)) / (1 + 2 * weight), rel=1e-5)
    assert blended[0, 0] == pytest.approx(weight / (1 + weight), rel=1e-5)


def test_unknown_cells_take_the_known_ones_in_reach_and_stay_unknown_beyond():
    grid = window_grid((600, 60), (60, 60), 30)
    scores = np.full(grid.counts, np.nan, dtype=np.float32)
    scores[4] = 0.8
    everywhere = np.ones(grid.counts, dtype=bool)
    final = blend(scores, grid, everywhere)[:, 0]
    np.testing.assert_allclose(final[3:6], 0.8, rtol=1e-6)
    assert np.isnan(final[:3]).all()
    assert np.isnan(final[6:]).all()
    partial = blend(scores, grid, everywhere, coarse_factor=4)[:, 0]
    np.testing.assert_allclose(partial[:13], 0.8, rtol=1e-6)
    assert np.isnan(partial[13:]).all()


def test_reach_limits_the_cells_with_a_value():
    grid = window_grid((300, 300), (60, 60), 30)
    wanted = np.zeros(grid.counts, dtype=bool)
    wanted[4, 4] = True
    reach = covered_cells(wanted, grid)
    assert reach.sum() == 9
    assert reach[3:6, 3:6].all()
    blended = blend(np.full(grid.counts, 0.5, dtype=np.float32), grid, reach)
    np.testing.assert_array_equal(np.isfinite(blended), reach)
