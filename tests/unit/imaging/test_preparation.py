import numpy as np
import pytest
from scipy import ndimage

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging import preparation
from mammoviewer.imaging.preparation import prepare_pixels
from mammoviewer.imaging.preparation_steps import STEPS, check_steps, step_defaults
from mammoviewer.imaging.voi import Padding, Rescale, VoiLut, Window, display_lut


def grey(stored, steps=(), **options):
    """Return the one channel that a chain gives."""
    pixels = prepare_pixels(stored, steps=steps, **options)
    assert pixels.values.shape == (1, *pixels.mask.shape)
    return pixels.values[0]


def image(rows=64, columns=48, seed=0):
    return np.random.default_rng(seed).integers(0, 4096, (rows, columns), dtype=np.uint16)


def breast(rows=128, columns=96):
    row, column = np.mgrid[:rows, :columns]
    inside = ((row - rows / 2) / (0.45 * rows)) ** 2 + (column / (0.8 * columns)) ** 2 < 1
    texture = np.random.default_rng(1).integers(1000, 3000, (rows, columns))
    return np.where(inside, texture, 0).astype(np.uint16)


def test_every_step_of_the_table_has_a_function_and_back():
    assert set(preparation.FUNCTIONS) == set(STEPS)


def test_without_steps_the_values_are_those_after_the_modality_lut():
    stored = image()
    pixels = prepare_pixels(stored, steps=(), rescale=Rescale(2.0, -100.0), region="all")
    np.testing.assert_array_equal(pixels.values[0], stored * 2.0 - 100.0)
    assert pixels.values.dtype == np.float32
    assert pixels.mask.dtype == np.bool_
    assert pixels.mask.all()
    assert pixels.scale == (1.0, 1.0)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(
    "voi", [Window(2000, 1500), VoiLut(np.arange(0, 1024, dtype=np.uint16), 1000, 10)], ids=["window", "lut"]
)
def test_the_voi_step_is_the_displayed_grey(voi, inverse):
    stored = image()
    padding = Padding(0, 500)
    pixels = prepare_pixels(stored, steps=[{"op": "voi"}], voi=voi, inverse=inverse, padding=padding, region="all")
    shown = display_lut(0, 4096, voi=voi, inverse=inverse, padding=padding)[stored]
    assert np.abs(pixels.values[0] - shown).max() <= 0.501
    assert (pixels.values[0][stored <= 500] == 0).all()
    np.testing.assert_array_equal(pixels.mask, stored > 500)


def test_signed_pixels_are_looked_up_right():
    stored = (image().astype(np.int16)) - 2000
    pixels = prepare_pixels(stored, steps=[{"op": "voi"}], voi=Window(0, 4000), region="all")
    expected = np.clip((stored + 0.5) / 3999 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(pixels.values[0], expected, atol=1e-3)


def test_without_a_window_one_is_made_and_the_file_one_can_be_passed_over():
    stored = breast()
    automatic = grey(stored, steps=[{"op": "voi"}])
    asked = grey(stored, steps=[{"op": "voi", "window": "auto"}], voi=Window(1, 1))
    np.testing.assert_array_equal(automatic, asked)
    assert automatic.max() == 255.0


def test_resampling_gives_the_models_pixel_size_and_the_scale_back():
    stored = breast(128, 96)
    pixels = prepare_pixels(
        stored,
        steps=[{"op": "voi"}, {"op": "resample_pixel_size"}],
        voi=Window(2000, 3000),
        spacing_mm=(0.1, 0.2),
        target_mm=0.1,
    )
    assert pixels.values.shape == (1, *pixels.mask.shape) == (1, 128, 192)
    assert pixels.scale == (1.0, 0.5)
    whole = prepare_pixels(stored, steps=[{"op": "voi"}], voi=Window(2000, 3000)).mask
    np.testing.assert_array_equal(pixels.mask[:, ::2], whole)


def test_a_missing_pixel_size_and_a_late_voi_are_argument_errors():
    with pytest.raises(ArgumentError, match="pixel size"):
        prepare_pixels(image(), steps=[{"op": "resample_pixel_size"}], spacing_mm=(0.1, 0.1))
    steps = [{"op": "resample_pixel_size"}, {"op": "voi"}]
    with pytest.raises(ArgumentError, match="before"):
        prepare_pixels(image(), steps=steps, spacing_mm=(0.1, 0.1), target_mm=0.2)


def test_scale_is_linear():
    stored = image()
    steps = [{"op": "scale", "multiply_by": 3, "divide_by": 6, "add": 1}]
    np.testing.assert_allclose(grey(stored, steps=steps, region="all"), stored / 2 + 1)


def test_breast_statistics_are_those_of_the_breast():
    stored = breast()
    inside = prepare_pixels(stored, steps=()).mask
    ranged = grey(stored, steps=[{"op": "minmax_breast"}])
    assert ranged[inside].min() == 0.0
    assert ranged[inside].max() == 1.0
    scored = grey(stored, steps=[{"op": "zscore_breast"}])
    assert scored[inside].mean() == pytest.approx(0.0, abs=1e-4)
    assert scored[inside].std() == pytest.approx(1.0, abs=1e-4)
    cut = grey(stored, steps=[{"op": "percentile_range", "low": 10, "high": 90}])
    assert (cut[inside] == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert (cut[inside] == 1).mean() == pytest.approx(0.1, abs=0.01)
    for values in (ranged, scored, cut):
        assert (values[~inside] == 0).all()


def test_air_is_filled_with_the_nearest_breast_and_the_breast_is_kept():
    # A ramp along the rows, so that a value tells the row it was taken from.
    stored = np.where(breast(400, 300) > 0, 1000 + 5 * np.arange(400)[:, np.newaxis], 0).astype(np.uint16)
    plain = prepare_pixels(stored, steps=())
    filled = grey(stored, steps=[{"op": "fill_air", "margin": 10}])
    deep = ndimage.binary_erosion(plain.mask, np.ones((21, 21)), border_value=1)
    np.testing.assert_array_equal(filled[deep], plain.values[0][deep])
    _, nearest = ndimage.distance_transform_edt(~deep, return_indices=True)
    rows_off = np.abs(filled - plain.values[0][nearest[0], nearest[1]])[~deep] / 5
    assert np.percentile(rows_off, 95) <= 8
    assert filled.min() >= plain.values[0][deep].min()


def test_filling_takes_the_edge_of_the_image_for_an_edge_of_the_breast_on_request():
    framed = breast(400, 300)
    framed[:, 0] = 4000
    rows = slice(150, 250)
    steps = [{"op": "fill_air", "margin": 6, "image_edge": True}]
    kept = grey(framed, steps=[{"op": "fill_air", "margin": 6}])
    np.testing.assert_array_equal(kept[rows, :20], framed[rows, :20])
    filled = grey(framed, steps=steps)
    np.testing.assert_array_equal(filled[rows, :6], np.repeat(framed[rows, 6:7], 6, axis=1))
    np.testing.assert_array_equal(filled[rows, 6:20], framed[rows, 6:20])
    cut_out = grey(framed, steps=steps, region="all")
    np.testing.assert_array_equal(cut_out, framed)


def test_filling_leaves_an_image_alone_that_has_no_air_or_no_breast():
    stored = image()
    for padding in (None, Padding(0, 65535)):
        plain = grey(stored, steps=(), region="all", padding=padding)
        filled = grey(stored, steps=[{"op": "fill_air"}], region="all", padding=padding)
        np.testing.assert_array_equal(filled, plain)


@pytest.mark.parametrize("op", ["minmax_breast", "zscore_breast", "percentile_range", "voi"])
def test_an_image_of_one_value_or_of_padding_alone_gives_numbers(op):
    flat = np.full((32, 32), 7, dtype=np.uint16)
    for padding in (None, Padding(0, 10)):
        values = grey(flat, steps=[{"op": op}], padding=padding, region="all")
        assert np.isfinite(values).all()


def test_the_filters_are_those_of_the_filter_room():
    from mammoviewer.imaging.filters import clahe
    from mammoviewer.imaging.wavelet import wavelet_filter

    stored = (image(128, 128) >> 4).astype(np.uint8)
    levels = stored.astype(np.float32)
    waved = prepare_pixels(stored, steps=[{"op": "wavelet", "wavelet": "haar", "levels": 2, "q": 1.0}], region="all")
    np.testing.assert_allclose(waved.values[0], wavelet_filter(levels, wavelet="haar", levels=2, q=1.0), atol=1e-4)
    equalised = prepare_pixels(stored, steps=[{"op": "clahe", "tiles": 4, "clip": 0.01}], region="all")
    np.testing.assert_allclose(equalised.values[0], clahe(levels / 255, tiles=4, clip=0.01) * 255, atol=1e-3)


def test_the_input_is_left_alone():
    stored = image()
    before = stored.copy()
    stored.flags.writeable = False
    prepare_pixels(stored, steps=[{"op": "voi"}, {"op": "scale", "divide_by": 255}], region="all")
    np.testing.assert_array_equal(stored, before)


@pytest.mark.parametrize(
    "step",
    [
        {},
        {"op": "unknown"},
        {"op": 3},
        {"op": "scale", "times": 2},
        {"op": "scale", "divide_by": 0},
        {"op": "scale", "add": "1"},
        {"op": "scale", "add": True},
        {"op": "scale", "add": float("nan")},
        {"op": "voi", "window": "other"},
        {"op": "voi", "window": 1},
        {"op": "wavelet", "levels": 2.5},
        {"op": "wavelet", "levels": 0},
        {"op": "wavelet", "keep_approximation": 1},
        {"op": "percentile_range", "low": 90, "high": 10},
    ],
)
def test_a_step_that_is_not_valid_is_an_argument_error(step):
    with pytest.raises(ArgumentError):
        check_steps([step])


def test_defaults_are_filled_in():
    assert check_steps([{"op": "clahe", "tiles": 4}]) == ({"op": "clahe", "tiles": 4, "clip": 0.02},)
    assert step_defaults("wavelet")["wavelet"] == "sym3"
