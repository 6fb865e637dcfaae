import numpy as np
import pytest
from helpers.model_makers import boxes_bundle, brightest_bundle, linear_bundle, make_bundle, onnx_bytes
from onnx import helper

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.check import card_text, check_model, gradient_error
from mammoviewer.inference.onnx_session import OnnxModel


@pytest.mark.parametrize(("head", "classes"), [("gap", 1), ("flatten", 1), ("flatten", 3)])
def test_a_sound_bundle_passes_every_check(tmp_path, head, classes):
    results = list(check_model(linear_bundle(tmp_path / "m", head=head, classes=classes)))
    names = ["files", "operators", "provider", "zeros", "batch", "head_grad"]
    assert [result.name for result in results] == [*names, "completeness", "randomised head", "pointing game"]
    assert all(result.passed for result in results)
    assert "CPUExecutionProvider" in results[2].detail


def test_a_bundle_without_gradient_passes_without_that_check(tmp_path):
    results = list(check_model(brightest_bundle(tmp_path / "m")))
    assert "head_grad" not in [result.name for result in results]
    assert all(result.passed for result in results)
    assert [result.name for result in results if result.skipped][:2] == ["completeness", "randomised head"]


def test_a_detection_model_is_checked_by_its_boxes(tmp_path):
    results = {result.name: result for result in check_model(boxes_bundle(tmp_path / "m"))}
    assert all(result.passed for result in results.values())
    assert results["zeros"].detail.startswith("4 boxes, highest p(mass) = 0.")
    assert [name for name, result in results.items() if result.skipped] == [
        "completeness",
        "randomised head",
        "pointing game",
    ]


def test_a_wrong_gradient_is_found(tmp_path):
    manifest = linear_bundle(tmp_path / "m", broken_gradient=True)
    assert gradient_error(OnnxModel(manifest)) > 0.5
    last = list(check_model(manifest))[-1]
    assert (last.name, last.passed) == ("head_grad", False)
    assert "finite differences" in last.detail


def test_a_right_gradient_agrees_closely(tmp_path):
    assert gradient_error(OnnxModel(linear_bundle(tmp_path / "m", head="flatten"))) < 1e-3


def test_a_changed_file_stops_the_checks(tmp_path):
    manifest = brightest_bundle(tmp_path / "m")
    data = bytearray((tmp_path / "m" / "model.onnx").read_bytes())
    data[-1] ^= 1
    (tmp_path / "m" / "model.onnx").write_bytes(bytes(data))
    (result,) = check_model(manifest)
    assert not result.passed
    assert "SHA-256" in result.detail


def test_patches_that_influence_each_other_are_found(tmp_path):
    nodes = [
        helper.make_node("AveragePool", ["input"], ["features"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("ReduceMean", ["features"], ["all"], axes=[0, 1, 2, 3], keepdims=1),
        helper.make_node("GlobalAveragePool", ["features"], ["own"]),
        helper.make_node("Sub", ["own", "all"], ["difference"]),
        helper.make_node("Mul", ["difference", "gain"], ["strong"]),
        helper.make_node("Flatten", ["strong"], ["logits"]),
    ]
    data = onnx_bytes(
        nodes,
        {"input": ["n", 1, 16, 16]},
        {"logits": ["n", 1], "features": ["n", 1, 4, 4]},
        {"gain": np.array([100.0], dtype=np.float32)},
    )
    last = list(check_model(make_bundle(tmp_path / "m", data)))[-1]
    assert (last.name, last.passed) == ("batch", False)


def test_features_that_do_not_lead_to_the_logits_are_found(tmp_path):
    manifest = linear_bundle(tmp_path / "good")
    nodes = [
        helper.make_node("AveragePool", ["input"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Concat", ["small"] * 4, ["features"], axis=1),
        helper.make_node("GlobalMaxPool", ["input"], ["peak"]),
        helper.make_node("Flatten", ["peak"], ["logits"]),
    ]
    data = onnx_bytes(nodes, {"input": ["n", 1, 16, 16]}, {"logits": ["n", 1], "features": ["n", 4, 4, 4]})
    head_grad = manifest.file_path("head_grad").read_bytes()
    last = list(check_model(make_bundle(tmp_path / "m", data, head_grad=head_grad)))[-1]
    assert not last.passed
    assert "features" in last.detail


def test_features_handed_out_through_an_identity_are_followed(tmp_path):
    good = linear_bundle(tmp_path / "good", head="flatten")
    import onnx

    model = onnx.load_model_from_string(good.file_path("model").read_bytes())
    for node in model.graph.node:
        node.input[:] = ["inner" if name == "features" else name for name in node.input]
        node.output[:] = ["inner" if name == "features" else name for name in node.output]
    model.graph.node.append(helper.make_node("Identity", ["inner"], ["features"]))
    manifest = make_bundle(
        tmp_path / "m", model.SerializeToString(), head_grad=good.file_path("head_grad").read_bytes()
    )
    assert gradient_error(OnnxModel(manifest)) < 1e-3


def test_the_card_of_the_bundle_is_shown_or_made_from_the_manifest(tmp_path):
    manifest = brightest_bundle(
        tmp_path / "m", training_data=({"name": "INFN", "terms": "research"},), metrics={"auc": 0.9}
    )
    made = card_text(manifest)
    assert "# A model for tests" in made
    assert "INFN (research)" in made
    assert "auc: 0.9" in made
    (tmp_path / "m" / "CARD.md").write_text("# Own card\n")
    assert card_text(manifest) == "# Own card\n"
    (tmp_path / "m" / "CARD.md").write_bytes(b"\xff")
    with pytest.raises(ModelError, match="card"):
        card_text(manifest)
