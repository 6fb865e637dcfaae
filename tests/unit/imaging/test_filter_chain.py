"""Filters by name: their text form, their limits, and chains of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoviewer.base.errors import ArgumentError, Cancelled
from mammoviewer.imaging.filter_chain import (
    FILTERS,
    FilterStep,
    apply_chain,
    filter_stored,
    format_filter,
    parse_filter,
)
from mammoviewer.imaging.filters import clahe, median, unsharp
from mammoviewer.imaging.wavelet import wavelet_filter


def _noise(shape: tuple[int, int] = (96, 80)) -> np.ndarray:
    return np.random.default_rng(3).random(shape).astype(np.float32)


def _steps() -> st.SearchStrategy[FilterStep]:
    def values(parameter):
        if parameter.kind == "boolean":
            return st.booleans()
        if parameter.choices:
            return st.sampled_from(parameter.choices)
        if parameter.kind == "integer":
            return st.integers(int(parameter.minimum), int(parameter.maximum))
        return st.floats(parameter.minimum, parameter.maximum)

    return st.sampled_from(sorted(FILTERS)).flatmap(
        lambda name: st.fixed_dictionaries(
            {}, optional={parameter.name: values(parameter) for parameter in FILTERS[name].parameters}
        ).map(lambda parameters: FilterStep(name, parameters))
    )


@given(step=_steps())
def test_text_and_step_are_one(step: FilterStep):
    again = parse_filter(format_filter(step))
    assert again == step
    assert hash(again) == hash(step)


@settings(max_examples=30, deadline=None)
@given(chain=st.lists(_steps(), max_size=3).map(tuple), scale=st.floats(0.1, 2.0))
def test_any_chain_of_allowed_values_stays_within_0_and_1(chain, scale):
    result = apply_chain(_noise((23, 31)), chain, scale=scale)
    assert result.shape == (23, 31)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert 0 <= result.min() <= result.max() <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clahe:tiles=8,clip=0.02", FilterStep("clahe", {})),
        ("clahe", FilterStep("clahe", {"tiles": 8, "clip": 0.02})),
        (" clahe : 4 , 0.05 ", FilterStep("clahe", {"tiles": 4, "clip": 0.05})),
        ("wavelet:sym3,levels=3,q=1.5", FilterStep("wavelet", {})),
        (
            "wavelet:haar,keep_approximation=yes",
            FilterStep("wavelet", {"wavelet": "haar", "keep_approximation": True}),
        ),
        ("median:5", FilterStep("median", {"size": 5})),
        ("unsharp:radius=2,amount=1", FilterStep("unsharp", {"radius": 2.0, "amount": 1.0})),
    ],
)
def test_text_is_read(text: str, expected: FilterStep):
    assert parse_filter(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sharpen", "clahe, wavelet, unsharp, median"),
        ("", "clahe"),
        ("clahe:size=3", "clip, tiles"),
        ("clahe:tiles=99", "from 2 to 32"),
        ("clahe:tiles=2.5", "whole number"),
        ("clahe:clip=nan", "a number"),
        ("clahe:clip=inf", "a number"),
        ("clahe:tiles=many", "whole number"),
        ("clahe:1,2,3", "only 2 parameters"),
        ("clahe:8,tiles=8", "twice"),
        ("wavelet:mexh", "bior1.1"),
        ("wavelet:keep_approximation=maybe", "true or false"),
        ("median:4", "3, 5, 7"),
    ],
)
def test_text_that_means_nothing_is_refused_with_what_would(text: str, hint: str):
    with pytest.raises(ArgumentError, match=hint):
        parse_filter(text)


def test_every_parameter_can_make_a_slider():
    for description in FILTERS.values():
        assert description.title
        for parameter in description.parameters:
            assert parameter.title
            assert parameter.parse(parameter.default) == parameter.default
            if parameter.kind in ("integer", "float"):
                assert parameter.minimum < parameter.maximum
                assert 0 < parameter.step < parameter.maximum - parameter.minimum
            if parameter.kind == "choice":
                assert parameter.default in parameter.choices


def test_a_bold_threshold_calls_for_caution():
    assert parse_filter("wavelet:q=2").cautions() == ()
    assert parse_filter("wavelet:q=2.1").cautions() == ("Threshold above 2 may remove faint calcifications",)


def test_steps_keep_their_own_parameters():
    given_parameters = {"tiles": 4}
    step = FilterStep("clahe", given_parameters)
    given_parameters["tiles"] = 16
    assert step.parameters == {"tiles": 4, "clip": 0.02}


def test_a_chain_is_its_filters_in_order():
    image = _noise()
    chain = (parse_filter("median:3"), parse_filter("unsharp:2,1.5"), parse_filter("clahe:4,0.03"))
    expected = clahe(unsharp(median(image, 3), 2.0, 1.5), 4, 0.03)
    np.testing.assert_array_equal(apply_chain(image, chain), expected)
    swapped = apply_chain(image, chain[::-1])
    assert np.abs(swapped - expected).max() > 0.01


def test_wavelet_details_lie_around_the_middle():
    image = _noise()
    result = apply_chain(image, (parse_filter("wavelet"),))
    np.testing.assert_allclose(result, 0.5 + 0.5 * wavelet_filter(image), atol=1e-6)
    kept = apply_chain(image, (parse_filter("wavelet:keep_approximation=true"),))
    np.testing.assert_allclose(kept, np.clip(wavelet_filter(image, keep_approximation=True), 0, 1), atol=1e-6)


def test_sizes_in_pixels_follow_the_scale():
    image = _noise()
    half = {"scale": 0.5}
    np.testing.assert_array_equal(apply_chain(image, (parse_filter("unsharp:4,1"),), **half), unsharp(image, 2.0, 1.0))
    np.testing.assert_array_equal(apply_chain(image, (parse_filter("median:7"),), **half), median(image, 3))
    np.testing.assert_array_equal(apply_chain(image, (parse_filter("median:3"),), scale=0.1), image)
    np.testing.assert_allclose(
        apply_chain(image, (parse_filter("wavelet:levels=3"),), **half),
        0.5 + 0.5 * wavelet_filter(image, levels=2),
        atol=1e-6,
    )


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_must_be_a_number(scale: float):
    with pytest.raises(ArgumentError):
        apply_chain(_noise(), (), scale=scale)


def test_an_empty_chain_gives_a_clean_copy():
    image = np.array([[np.nan, 2.0, -1.0, 0.25]], np.float32)
    np.testing.assert_array_equal(apply_chain(image, ()), [[0.0, 1.0, 0.0, 0.25]])
    assert np.isnan(image[0, 0])


def test_progress_rises_to_1_and_may_cancel():
    chain = (parse_filter("median:3"), parse_filter("wavelet"))
    seen: list[float] = []
    apply_chain(_noise(), chain, progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        apply_chain(_noise(), chain, progress=cancel)


def test_stored_values_come_back_in_their_unit():
    stored = (1000 + 2000 * _noise()).astype(np.uint16)
    result = filter_stored(stored, (parse_filter("median:3"),), low=1000, high=3000)
    np.testing.assert_allclose(result, median((stored - 1000.0) / np.float32(2000), 3) * 2000 + 1000, atol=0.01)
    assert result.dtype == np.float32


@pytest.mark.parametrize(("chain", "high"), [((), 3000.0), ((parse_filter("clahe"),), 1000.0)])
def test_nothing_to_do_leaves_stored_values_alone(chain, high: float):
    stored = (1000 + 2000 * _noise()).astype(np.float32)
    result = filter_stored(stored, chain, low=1000, high=high)
    np.testing.assert_array_equal(result, stored)
    assert result is not stored
