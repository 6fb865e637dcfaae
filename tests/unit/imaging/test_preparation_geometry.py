"""Steps that move, cut or multiply the picture; where a pixel lies must always be known."""

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.cropping import breast_box, filled_box, otsu_threshold
from mammoviewer.imaging.preparation import prepare_pixels
from mammoviewer.imaging.preparation_steps import channels_after, check_steps, size_after
from mammoviewer.imaging.voi import AS_STORED, Padding, VoiLut, Window


def picture(rows=120, columns=100, *, top=30, left=40):
    """Return air with a bright block of texture, far from the corner, and a speck in it at (top + 8, left + 10)."""
    stored = np.zeros((rows, columns), dtype=np.uint16)
    texture = np.random.default_rng(3).integers(1000, 1400, (60, 48))
    stored[top : top + 60, left : left + 48] = texture
    stored[top + 8, left + 10] = 4000
    return stored


def place_of_speck(pixels):
    """Return the stored (row, column) at which the brightest prepared pixel lies."""
    row, column = np.unravel_index(pixels.values[0].argmax(), pixels.mask.shape)
    places = zip((row, column), pixels.scale, pixels.origin, strict=True)
    return [(at + 0.5) * scale + origin for at, scale, origin in places]


@pytest.mark.parametrize("kind", ["two", "skewed", "flat"])
def test_otsu_is_that_of_scikit_image(kind):
    from skimage.filters import threshold_otsu

    generator = np.random.default_rng(1)
    values = {
        "two": np.concatenate([generator.normal(10, 3, 4000), generator.normal(60, 9, 1500)]),
        "skewed": generator.gamma(1.5, 20.0, 6000),
        "flat": np.full(50, 7.0),
    }[kind].astype(np.float32)
    assert otsu_threshold(values) == pytest.approx(threshold_otsu(values), rel=1e-6)


def test_the_breast_is_cut_out_and_every_pixel_keeps_its_place():
    stored = picture()
    stored[2:6, 2:20] = 4095
    pixels = prepare_pixels(stored, steps=[{"op": "crop_breast", "margin": 5}])
    assert pixels.values.shape == (1, 70, 58)
    assert pixels.origin == (24.5, 34.5)
    assert pixels.scale == (1.0, 1.0)
    np.testing.assert_array_equal(pixels.values[0], stored[25:95, 35:93])
    assert place_of_speck(pixels) == [38.0, 50.0]


def test_bright_air_is_not_taken_for_the_breast():
    stored = picture()
    dark = prepare_pixels(stored, steps=[{"op": "voi"}, {"op": "crop_breast"}], voi=Window(2048, 4096))
    bright = prepare_pixels(4095 - stored, steps=[{"op": "crop_breast"}], inverse=True)
    after = [{"op": "voi"}, {"op": "crop_breast"}]
    shown = prepare_pixels(4095 - stored, steps=after, voi=Window(2048, 4096), inverse=True)
    assert dark.origin == bright.origin == shown.origin == (29.5, 39.5)
    assert dark.values.shape == bright.values.shape == shown.values.shape


def test_a_cut_out_and_an_image_of_one_value_are_not_cropped():
    stored = picture()
    assert prepare_pixels(stored, steps=[{"op": "crop_breast"}], region="all").values.shape == (1, 120, 100)
    flat = np.full((30, 20), 9, dtype=np.uint16)
    assert prepare_pixels(flat, steps=[{"op": "crop_breast"}]).values.shape == (1, 30, 20)
    assert breast_box(flat.astype(np.float32)) == (0, 0, 30, 20)


def test_empty_rows_and_columns_go_at_the_edges_alone():
    stored = picture()
    stored[60] = 0
    pixels = prepare_pixels(stored, steps=[{"op": "crop_empty"}])
    np.testing.assert_array_equal(pixels.values[0], stored[30:90, 40:88])
    assert pixels.origin == (29.5, 39.5)
    higher = prepare_pixels(stored, steps=[{"op": "crop_empty", "level": 3000}])
    assert higher.values.shape == (1, 1, 1)
    assert higher.origin == (37.5, 49.5)
    assert filled_box(np.zeros((4, 5), dtype=np.float32)) == (0, 0, 4, 5)


@pytest.mark.parametrize(("rows", "columns"), [(60, 50), (300, 300), (955, 500), (61, 47)])
def test_resizing_gives_the_size_asked_for_and_keeps_the_place(rows, columns):
    steps = [{"op": "crop_breast"}, {"op": "resize", "rows": rows, "columns": columns}]
    pixels = prepare_pixels(picture(), steps=steps)
    assert pixels.values.shape == (1, rows, columns)
    assert pixels.mask.shape == (rows, columns)
    assert pixels.scale == pytest.approx((60 / rows, 48 / columns))
    assert place_of_speck(pixels) == pytest.approx([38.0, 50.0], abs=1.0)


def test_shrinking_averages():
    stored = picture()
    pixels = prepare_pixels(stored, steps=[{"op": "resize", "rows": 60, "columns": 25}], region="all")
    blocks = stored.reshape(60, 2, 25, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(pixels.values[0], blocks, rtol=1e-5)


def test_the_shape_of_the_picture_can_be_kept_with_nothing_around_it():
    steps = [{"op": "resize", "rows": 240, "columns": 300, "keep_aspect": True}]
    pixels = prepare_pixels(picture() + 7, steps=steps, region="all")
    assert pixels.values.shape == (1, 240, 300)
    assert pixels.scale == (0.5, 0.5)
    assert (pixels.values[0][:, :50] == 0).all()
    assert (pixels.values[0][:, 250:] == 0).all()
    assert (pixels.values[0][:, 50:250] >= 7).all()
    np.testing.assert_array_equal(pixels.mask.any(axis=0), (np.arange(300) >= 50) & (np.arange(300) < 250))
    assert pixels.origin == (-0.5, -25.5)
    assert place_of_speck(pixels) == pytest.approx([38.0, 50.0], abs=0.5)


def test_resampling_after_a_crop_and_a_resize_knows_the_pixel_size_it_starts_from():
    steps = [
        {"op": "crop_breast"},
        {"op": "resize", "rows": 30, "columns": 24},
        {"op": "resample_pixel_size"},
    ]
    pixels = prepare_pixels(picture(), steps=steps, spacing_mm=(0.1, 0.1), target_mm=0.1)
    assert pixels.values.shape == (1, 60, 48)
    assert pixels.scale == (1.0, 1.0)
    assert place_of_speck(pixels) == pytest.approx([38.0, 50.0], abs=1.5)


def test_the_window_rule_of_full_width_reaches_twice_as_far():
    stored = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)
    steps = [{"op": "voi", "rule": "full_width"}]
    pixels = prepare_pixels(stored, steps=steps, voi=Window(2000, 1000), region="all")
    expected = np.clip((stored - 1000.0) / 2000.0, 0.0, 1.0) * 255.0
    np.testing.assert_allclose(pixels.values[0], expected, atol=1e-3)
    narrow = prepare_pixels(stored, steps=[{"op": "voi"}], voi=Window(2000, 1000), region="all")
    np.testing.assert_allclose(narrow.values[0], np.clip((stored - 1500.0) / 999, 0, 1) * 255, atol=0.2)


@pytest.mark.parametrize(
    "voi",
    [None, Window(127.5, 255.0, explanation=AS_STORED), VoiLut(np.arange(256, dtype=np.uint16), 0, 8)],
    ids=["automatic", "picture", "table"],
)
def test_the_window_rule_leaves_alone_what_no_window_of_a_file_states(voi):
    stored = np.arange(256, dtype=np.uint16).reshape(16, 16)
    rule = prepare_pixels(stored, steps=[{"op": "voi", "rule": "full_width"}], voi=voi, region="all")
    plain = prepare_pixels(stored, steps=[{"op": "voi"}], voi=voi, region="all")
    np.testing.assert_array_equal(rule.values, plain.values)


def test_two_scales_of_local_contrast_stand_beside_the_image():
    from skimage.exposure import equalize_adapthist

    stored = np.random.default_rng(5).integers(0, 256, (128, 128)).astype(np.uint8)
    stored = np.sort(stored, axis=1)
    steps = [{"op": "clahe_channels", "tiles": "8,16", "clip": 0.02}]
    pixels = prepare_pixels(stored, steps=steps, region="all")
    assert pixels.values.shape == (3, 128, 128)
    np.testing.assert_array_equal(pixels.values[0], stored)
    for channel, tiles in ((1, 8), (2, 16)):
        side = 128 // tiles
        expected = equalize_adapthist(stored / 255.0, kernel_size=(side, side), clip_limit=0.02)
        difference = np.abs(pixels.values[channel] / 255 - expected)
        assert difference.mean() < 0.05
        alone = prepare_pixels(stored, steps=[{"op": "clahe", "tiles": tiles, "clip": 0.02}], region="all")
        np.testing.assert_array_equal(pixels.values[channel], alone.values[0])
    assert np.abs(pixels.values[1] - pixels.values[2]).max() > 10


def test_every_later_step_works_on_each_channel():
    stored = picture()
    chain = [
        {"op": "voi"},
        {"op": "clahe_channels", "tiles": "4"},
        {"op": "crop_breast"},
        {"op": "resize", "rows": 32, "columns": 40},
        {"op": "zscore_breast"},
    ]
    pixels = prepare_pixels(stored, steps=chain, voi=Window(2048, 4096))
    assert pixels.values.shape == (2, 32, 40)
    for channel in pixels.values:
        assert channel[pixels.mask].mean() == pytest.approx(0.0, abs=1e-4)
        assert channel[pixels.mask].std() == pytest.approx(1.0, abs=1e-4)
    for op in ("fill_air", "minmax_breast", "percentile_range", "wavelet", "clahe", "scale", "zscore_nonzero"):
        both = prepare_pixels(stored, steps=[*chain[:2], {"op": op}], voi=Window(2048, 4096))
        first = prepare_pixels(stored, steps=[chain[0], {"op": op}], voi=Window(2048, 4096))
        np.testing.assert_allclose(both.values[0], first.values[0], atol=1e-5)


def test_a_grey_image_can_be_repeated_but_channels_cannot_be_stacked_twice():
    stored = picture()
    pixels = prepare_pixels(stored, steps=[{"op": "repeat_channels", "count": 3}], region="all")
    assert pixels.values.shape == (3, 120, 100)
    np.testing.assert_array_equal(pixels.values[2], stored)
    for op in ("repeat_channels", "clahe_channels"):
        with pytest.raises(ArgumentError, match="one channel"):
            prepare_pixels(stored, steps=[{"op": "repeat_channels"}, {"op": op}])


def test_scores_over_what_is_lit_leave_the_dark_at_nothing():
    stored = picture()
    values = prepare_pixels(stored, steps=[{"op": "zscore_nonzero"}], region="all").values[0]
    lit = stored > 0
    inside = stored[lit].astype(np.float64)
    np.testing.assert_allclose(values[lit], (inside - inside.mean()) / inside.std(), atol=1e-4)
    assert (values[~lit] == 0).all()
    dark = np.zeros((5, 5), dtype=np.uint16)
    assert (prepare_pixels(dark, steps=[{"op": "zscore_nonzero"}], region="all").values == 0).all()


def test_padding_is_cropped_as_air_is():
    stored = picture()
    stored[stored == 0] = 65535
    steps = [{"op": "voi"}, {"op": "crop_empty"}]
    pixels = prepare_pixels(stored, steps=steps, voi=Window(2048, 4096), padding=Padding(65535, 65535))
    assert pixels.origin == (29.5, 39.5)
    assert pixels.mask.mean() > 0.99


def test_a_late_voi_is_refused_after_a_crop():
    with pytest.raises(ArgumentError, match="before"):
        prepare_pixels(picture(), steps=[{"op": "crop_breast"}, {"op": "voi"}])


@pytest.mark.parametrize(
    "step",
    [
        {"op": "clahe_channels", "tiles": ""},
        {"op": "clahe_channels", "tiles": "8,"},
        {"op": "clahe_channels", "tiles": "65"},
        {"op": "clahe_channels", "tiles": "1,2,3,4,5"},
        {"op": "clahe_channels", "tiles": 8},
        {"op": "resize", "rows": 0},
        {"op": "resize", "columns": 16385},
        {"op": "crop_breast", "margin": -1},
        {"op": "voi", "rule": "s3"},
        {"op": "repeat_channels", "count": 17},
    ],
)
def test_values_beyond_the_limits_are_argument_errors(step):
    with pytest.raises(ArgumentError):
        check_steps([step])


def test_what_a_chain_gives_is_known_beforehand():
    chain = check_steps(
        [{"op": "voi"}, {"op": "resize", "rows": 300, "columns": 200}, {"op": "clahe_channels", "tiles": "8,16"}]
    )
    assert size_after(chain) == (300, 200)
    assert channels_after(chain) == 3
    pixels = prepare_pixels(picture(), steps=chain)
    assert pixels.values.shape == (3, 300, 200)
    for op in ("crop_breast", "crop_empty", "resample_pixel_size"):
        assert size_after(check_steps([*chain, {"op": op}])) is None
    assert size_after(check_steps([{"op": "voi"}])) is None
    assert channels_after(check_steps([{"op": "repeat_channels", "count": 4}])) == 4
