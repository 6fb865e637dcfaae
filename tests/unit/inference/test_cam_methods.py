import numpy as np
import pytest

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam_methods import (
    METHODS,
    TITLES,
    ablation_weights,
    above_noise,
    class_map,
    eigen_map,
    is_flat,
    plus_plus_weights,
)
from mammoviewer.inference.manifest import CAM_METHODS

FEATURES = np.array([[[1, 2], [0, 4]], [[3, 0], [1, 0]]], dtype=np.float32)
GRADIENT = np.array([[[0.5, -1], [0, 2]], [[-1, 1], [1, 3]]], dtype=np.float32)


def test_the_methods_are_those_of_the_manifest_and_have_titles():
    assert METHODS == CAM_METHODS
    assert tuple(TITLES) == METHODS


def test_gradcam_and_hirescam_are_the_sums_counted_by_hand():
    np.testing.assert_allclose(class_map(FEATURES, GRADIENT, "gradcam"), 0.375 * FEATURES[0] + 1.0 * FEATURES[1])
    np.testing.assert_allclose(class_map(FEATURES, GRADIENT, "hirescam"), [[0.5 - 3, -2], [1, 8]])


def test_gradcam_plus_plus_has_no_pole_where_features_are_negative():
    gradient = np.full((1, 2, 2), 0.5, dtype=np.float32)
    # 2 g^2 + sum(f) g^3 = 0.5 + 0.125 sum(f) would be zero.
    for total in (-4.0, -3.999, -4.001):
        features = np.full((1, 2, 2), total / 4, dtype=np.float32)
        assert plus_plus_weights(features, gradient).tolist() == [1.0]


def test_gradcam_plus_plus_is_the_closed_form_counted_by_hand():
    # Channel 0 sums to 7, channel 1 to 4; a = g^2 / (2 g^2 + sum g^3), only positive gradients weigh.
    first = 0.25 / (0.5 + 7 * 0.125) * 0.5 + 4 / (8 + 7 * 8) * 2
    second = 1 / (2 + 4) * 1 * 2 + 9 / (18 + 4 * 27) * 3
    np.testing.assert_allclose(plus_plus_weights(FEATURES, GRADIENT), [first, second], rtol=1e-6)
    np.testing.assert_allclose(
        class_map(FEATURES, GRADIENT, "gradcam++"), first * FEATURES[0] + second * FEATURES[1], rtol=1e-5
    )
    assert plus_plus_weights(FEATURES, np.zeros_like(GRADIENT)).tolist() == [0.0, 0.0]


def test_cam_needs_a_gradient_that_is_the_same_everywhere():
    flat = np.broadcast_to(np.array([0.5, -1.0], dtype=np.float32)[:, None, None], FEATURES.shape)
    assert is_flat(flat)
    assert not is_flat(GRADIENT)
    np.testing.assert_allclose(class_map(FEATURES, flat, "cam"), 4 * (0.5 * FEATURES[0] - FEATURES[1]))
    with pytest.raises(ModelError, match="global average pooling"):
        class_map(FEATURES, GRADIENT, "cam")


def test_ablation_weighs_a_channel_by_the_share_of_the_logit_that_goes_with_it():
    np.testing.assert_allclose(ablation_weights(2.0, np.array([1.0, 3.0], dtype=np.float32)), [0.5, -0.5])
    np.testing.assert_allclose(ablation_weights(-2.0, np.array([-3.0], dtype=np.float32)), [0.5])


@pytest.mark.parametrize("channels", [3, 20])
def test_the_eigen_map_follows_the_activation(channels):
    pattern = np.array([[0.0, 0.0], [0.0, 5.0]], dtype=np.float32)
    features = np.stack([(1 + k) * pattern for k in range(channels)])
    values = eigen_map(features)
    assert values[1, 1] > 0
    np.testing.assert_allclose(values / values[1, 1], pattern / 5.0, atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 4, 5), (5, 8, 8)])
def test_the_eigen_map_is_the_projection_of_the_decomposition(shape):
    features = np.random.default_rng(3).random(shape).astype(np.float32)
    flat = features.reshape(shape[0], -1).T.astype(np.float64)
    _, _, components = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    expected = (flat @ components[0]).reshape(shape[1:])
    values = eigen_map(features)
    np.testing.assert_allclose(np.abs(values), np.abs(expected), rtol=1e-4, atol=1e-5)


def test_what_is_below_mean_plus_one_sd_becomes_zero():
    values = np.array([[0.0, 0.0, np.nan], [0.0, 4.0, 1.0]], dtype=np.float32)
    # Mean 1, standard deviation sqrt((3 + 9 + 0) / 5) = 1.549.
    np.testing.assert_array_equal(above_noise(values), [[0, 0, np.nan], [0, 4, 0]])
    np.testing.assert_array_equal(above_noise(np.full((2, 2), np.nan, dtype=np.float32)), np.full((2, 2), np.nan))
    np.testing.assert_array_equal(above_noise(np.ones((2, 2), dtype=np.float32)), np.ones((2, 2)))
