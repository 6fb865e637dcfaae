import numpy as np
import pytest
from helpers.model_makers import (
    CELLS,
    CHANNELS,
    brightest_bundle,
    linear_bundle,
    make_bundle,
    onnx_bytes,
)
from onnx import helper, load_model_from_string, numpy_helper
from scipy.stats import spearmanr

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam_checks import Skipped, completeness, randomised_head, rank_correlation, textured_patches
from mammoviewer.inference.onnx_parts import head_logits, head_operators, trunk_features
from mammoviewer.inference.onnx_session import OnnxModel


@pytest.mark.parametrize(
    ("head", "classes", "name"),
    [
        ("gap", 1, "mean(CAM)"),
        ("gap", 3, "mean(CAM)"),
        ("flatten", 1, "sum(HiResCAM)"),
        ("flatten", 3, "sum(HiResCAM)"),
    ],
)
def test_the_map_of_a_linear_head_adds_up_to_the_logit(tmp_path, head, classes, name):
    text = completeness(OnnxModel(linear_bundle(tmp_path / "m", head=head, classes=classes)))
    assert text.startswith(name)
    assert "+ b = logit within" in text


def test_a_gradient_that_is_one_percent_off_does_not_add_up(tmp_path):
    plain = linear_bundle(tmp_path / "plain")
    gradient = load_model_from_string(plain.file_path("head_grad").read_bytes())
    tensor = gradient.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.01), tensor.name))
    model = plain.file_path("model").read_bytes()
    changed = make_bundle(tmp_path / "m", model, head_grad=gradient.SerializeToString())
    with pytest.raises(ModelError, match="differs from the logit"):
        completeness(OnnxModel(changed))


def test_other_heads_are_passed_over_with_the_reason(tmp_path):
    with pytest.raises(Skipped, match="no gradient file"):
        completeness(OnnxModel(brightest_bundle(tmp_path / "m")))
    gradient = linear_bundle(tmp_path / "plain").file_path("head_grad").read_bytes()
    model = brightest_bundle(tmp_path / "peak").file_path("model").read_bytes()
    with pytest.raises(Skipped, match="not linear.*GlobalMaxPool"):
        completeness(OnnxModel(make_bundle(tmp_path / "nonlinear", model, head_grad=gradient)))


@pytest.mark.parametrize("method", ["cam", "gradcam", "gradcam++", "hirescam", "ablationcam"])
def test_a_map_changes_with_a_random_head(tmp_path, method):
    plain = linear_bundle(tmp_path / "plain")
    files = {role: plain.file_path(role).read_bytes() for role in ("model", "head_grad")}
    bundle = make_bundle(tmp_path / "m", files["model"], head_grad=files["head_grad"], method=method)
    assert randomised_head(OnnxModel(bundle)).startswith(f"{method}: rank correlation")


def test_a_map_that_does_not_depend_on_the_head_is_found(tmp_path):
    shape = [1, CHANNELS, CELLS, CELLS]
    nodes = [
        helper.make_node("Mul", ["features", "nothing"], ["zero"]),
        helper.make_node("Add", ["zero", "one"], ["gradient"]),
        helper.make_node("Identity", ["class_weights"], ["unused"]),
    ]
    weights = {"nothing": np.zeros(1, dtype=np.float32), "one": np.ones(1, dtype=np.float32)}
    gradient = onnx_bytes(nodes, {"features": shape, "class_weights": [1, 1]}, {"gradient": shape}, weights)
    model = linear_bundle(tmp_path / "plain").file_path("model").read_bytes()
    with pytest.raises(ModelError, match="stays the same with a random head"):
        randomised_head(OnnxModel(make_bundle(tmp_path / "m", model, head_grad=gradient)))


def test_methods_without_a_head_are_passed_over(tmp_path):
    with pytest.raises(Skipped, match="Eigen-CAM"):
        randomised_head(OnnxModel(brightest_bundle(tmp_path / "eigen")))
    with pytest.raises(Skipped, match="occlusion"):
        randomised_head(OnnxModel(brightest_bundle(tmp_path / "cover", method="occlusion")))


def test_rank_correlation_is_spearman_s():
    generator = np.random.default_rng(2)
    one, other = generator.integers(0, 9, (2, 5, 8)).astype(np.float32)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)
    assert rank_correlation(one, -one) == pytest.approx(-1.0)
    assert rank_correlation(one, np.zeros_like(one)) == 0.0


def test_patches_to_check_with_fill_the_range_and_are_the_same_every_time(tmp_path):
    manifest = linear_bundle(tmp_path / "m")
    patches = textured_patches(manifest, 3)
    assert patches.shape == (3, 1, 16, 16)
    assert 0.0 <= patches.min() < 0.3 < 0.7 < patches.max() <= 1.0
    np.testing.assert_array_equal(patches, textured_patches(manifest, 3))


def test_head_and_trunk_together_are_the_model(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m", head="flatten", classes=3))
    patches = textured_patches(model.manifest, 2)
    _, features = model.run(patches)
    np.testing.assert_allclose(head_logits(model, features), model.logits(patches), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trunk_features(model, patches[:1]), features[:1], rtol=1e-6)
    large = np.concatenate([patches[0], patches[1]], axis=1)[None]
    both = trunk_features(model, large)
    assert both.shape == (1, CHANNELS, 2 * CELLS, CELLS)
    np.testing.assert_allclose(both[0, :, :CELLS], features[0], rtol=1e-6)
    assert head_operators(model) == ("Flatten", "Gemm")
