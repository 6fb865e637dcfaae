from __future__ import annotations

import numpy as np

from mammoviewer.imaging.mask_outlines import mask_outlines


def filled(rows: slice, columns: slice, shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    mask = np.zeros(shape, np.float32)
    mask[rows, columns] = 1.0
    return mask


def test_the_outline_runs_along_the_edges_of_the_pixels() -> None:
    (curve,) = mask_outlines(filled(slice(4, 9), slice(10, 21)))
    np.testing.assert_allclose([curve.min(0), curve.max(0)], [(3.5, 9.5), (8.5, 20.5)])


def test_a_mask_that_fills_the_image_is_closed_at_its_borders() -> None:
    (curve,) = mask_outlines(np.ones((6, 8), np.float32))
    np.testing.assert_allclose([curve.min(0), curve.max(0)], [(-0.5, -0.5), (5.5, 7.5)])


def test_one_pixel_has_an_outline_around_it() -> None:
    (curve,) = mask_outlines(filled(slice(7, 8), slice(3, 4)))
    np.testing.assert_allclose(curve.mean(0), (7.0, 3.0), atol=1e-6)


def test_holes_have_curves_of_their_own() -> None:
    mask = filled(slice(2, 18), slice(2, 28))
    mask[6:10, 6:10] = 0.0
    assert len(mask_outlines(mask)) == 2


def test_levels_lie_inside_one_another() -> None:
    ramp = np.tile(np.linspace(0, 1, 21, dtype=np.float32), (10, 1))
    for level, column in ((0.25, 5.0), (0.5, 10.0), (0.75, 15.0)):
        (curve,) = mask_outlines(ramp, level)
        np.testing.assert_allclose(curve[:, 1].min(), column, atol=1e-4)


def test_nothing_has_no_outline() -> None:
    assert mask_outlines(np.zeros((5, 5), np.float32)) == ()
