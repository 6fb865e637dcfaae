"""Models made elsewhere: what is found in the file, what has to be answered, and that the scores stay the same."""

import numpy as np
import onnxruntime
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import onnx_bytes
from onnx import helper

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam import cam_for_patch
from mammoviewer.inference.check import check_model
from mammoviewer.inference.foreign import TEMPLATES, ForeignFacts, inspect_foreign, model_name, write_foreign
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.tiling import run_patches


def foreign(path, *, closing="", side=16, channels=1, classes=3, names=None, pool=True, batch="n", opset=17):
    """Write a classifier: two convolutions, pooling, one layer, and perhaps an activation; return the path."""
    named = {"input": "input", "out": "out", "map": "/conv2/Relu_output_0", **(names or {})}
    generator = np.random.default_rng(4)
    weights = {
        "k1": generator.standard_normal((4, channels, 3, 3)).astype(np.float32) / 3,
        "k2": generator.standard_normal((5, 4, 3, 3)).astype(np.float32) / 6,
        "w": generator.standard_normal((5, classes)).astype(np.float32),
    }
    last = "raw" if closing else named["out"]
    nodes = [
        helper.make_node("Conv", [named["input"], "k1"], ["c1"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "k2"], ["c2"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], [named["map"]]),
        helper.make_node("GlobalAveragePool", [named["map"]], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], [last]),
    ]
    if closing:
        nodes.append(helper.make_node(closing, [last], [named["out"]], **({"axis": 1} if closing == "Softmax" else {})))
    data = onnx_bytes(
        nodes, {named["input"]: [batch, channels, side, side]}, {named["out"]: [batch, classes]}, weights, opset=opset
    )
    path.write_bytes(data)
    return path


def facts(**changes):
    return ForeignFacts(**{"name": "lab", "classes": ("a", "b", "c"), "pixel_size_mm": 0.1, **changes})


def bundled(tmp_path, path, **changes):
    (tmp_path / "bundle").mkdir(exist_ok=True)
    return write_foreign(tmp_path / "bundle", inspect_foreign(path), facts(**changes))


@pytest.mark.parametrize(("closing", "classes"), [("", 3), ("Softmax", 3), ("Sigmoid", 3), ("Sigmoid", 1), ("", 1)])
def test_input_logits_and_feature_map_are_found(tmp_path, closing, classes):
    found = inspect_foreign(foreign(tmp_path / "m.onnx", closing=closing, classes=classes))
    assert found.shape == (None, 1, 16, 16)
    assert found.logit_count == classes
    assert found.activation == (closing.lower() or ("sigmoid" if classes == 1 else "softmax"))
    assert found.features_from == "/conv2/Relu_output_0"
    assert found.feature_shape == (5, 8, 8)
    assert "Conv" in found.operators


@pytest.mark.parametrize("closing", ["Softmax", "Sigmoid"])
def test_the_bundle_gives_the_scores_of_the_file_and_passes_its_checks(tmp_path, closing):
    path = foreign(tmp_path / "m.onnx", closing=closing)
    manifest = bundled(tmp_path, path)
    batch = np.random.default_rng(0).random((5, 1, 16, 16), dtype=np.float32)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"input": batch})
    np.testing.assert_allclose(OnnxModel(manifest).scores(batch), expected, atol=1e-6)
    assert all(result.passed for result in check_model(manifest))
    card = (tmp_path / "bundle" / "CARD.md").read_text()
    assert "no figures were measured" in card


def test_it_runs_over_an_image_and_is_explained_without_a_gradient(tmp_path):
    manifest = bundled(tmp_path, foreign(tmp_path / "m.onnx"))
    image = make_image(pixels=breast_like(120, 90))
    model = OnnxModel(manifest)
    prepared = prepare(image.frame(0), image.attributes, manifest)
    assert len(run_patches(prepared, model).windows()) > 10
    for method in ("eigencam", "occlusion"):
        assert np.isfinite(cam_for_patch(prepared, model, 60.0, 70.0, method=method).values).all()


@pytest.mark.parametrize(
    "names",
    [
        {"input": "0"},
        {"input": "logits"},
        {"input": "features", "out": "input"},
        {"out": "logits"},
        {"map": "features", "out": "logits"},
        {"map": "logits", "out": "features"},
        {"input": "/in put/"},
    ],
)
def test_any_names_of_tensors_will_do(tmp_path, names):
    path = foreign(tmp_path / "m.onnx", closing="Softmax", names=names)
    manifest = bundled(tmp_path, path)
    batch = np.random.default_rng(0).random((2, 1, 16, 16), dtype=np.float32)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {session.get_inputs()[0].name: batch})
    scores, features = OnnxModel(manifest).run(batch)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert features.shape == (2, 5, 8, 8)


@pytest.mark.parametrize("template", [name for name, value in TEMPLATES.items() if value.channels == 1])
def test_every_template_makes_a_sound_bundle(tmp_path, template):
    manifest = bundled(tmp_path, foreign(tmp_path / "m.onnx"), template=template)
    image = make_image(pixels=breast_like(120, 90))
    values = prepare(image.frame(0), image.attributes, manifest).values
    low, high = manifest.input.value_range
    assert values.min() >= low
    assert values.max() <= high
    # Values that lie at the ends are cut: hardly any may.
    assert (values == high).mean() < 0.05


def test_a_stack_of_contrasts_needs_three_channels(tmp_path):
    three = foreign(tmp_path / "m.onnx", channels=3)
    manifest = bundled(tmp_path, three, template="clahe-stack")
    image = make_image(pixels=breast_like(120, 90))
    assert prepare(image.frame(0), image.attributes, manifest).values.shape == (3, 120, 90)
    grey = bundled(tmp_path, three)
    assert prepare(image.frame(0), image.attributes, grey).values.shape == (1, 120, 90)
    with pytest.raises(ModelError, match="3 channels, the file takes 1"):
        bundled(tmp_path, foreign(tmp_path / "one.onnx"), template="clahe-stack")


def test_a_file_for_any_size_needs_one_stated(tmp_path):
    path = foreign(tmp_path / "m.onnx", side=None)
    assert inspect_foreign(path).shape == (None, 1, None, None)
    with pytest.raises(ModelError, match="state the size"):
        bundled(tmp_path, path)
    assert bundled(tmp_path, path, patch=(24, 24)).tiling.patch == (24, 24)
    with pytest.raises(ModelError, match="16 x 16 pixels, not 24 x 24"):
        bundled(tmp_path, foreign(tmp_path / "fixed.onnx"), patch=(24, 24))


def test_a_model_of_whole_images_is_resized_to(tmp_path):
    manifest = bundled(tmp_path, foreign(tmp_path / "m.onnx"), whole_image=True, pixel_size_mm=None)
    assert (manifest.task, manifest.tiling) == ("image-classification", None)
    image = make_image(pixels=breast_like(120, 90))
    assert prepare(image.frame(0), image.attributes, manifest).values.shape == (1, 16, 16)
    assert all(result.passed for result in check_model(manifest))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ("a", "b")}, "needs 3 classes, not a, b"),
        ({"positive_class": "z"}, "'z'"),
        ({"template": "other"}, "no preprocessing"),
        ({"name": "Bad Name"}, "name"),
        ({"threshold": 2.0}, "operating_threshold"),
        ({"stride": 0, "patch": (16, 16), "steps": ({"op": "voi"},), "pixel_size_mm": 0.1}, "resample_pixel_size"),
    ],
)
def test_answers_that_do_not_fit_are_named(tmp_path, changes, said):
    with pytest.raises(ModelError, match=said):
        bundled(tmp_path, foreign(tmp_path / "m.onnx"), **changes)


def test_a_softmax_over_one_value_does_not_fit(tmp_path):
    path = foreign(tmp_path / "m.onnx", classes=1)
    assert bundled(tmp_path, path, classes=("no", "yes")).outputs.activation == "sigmoid"
    with pytest.raises(ModelError, match="softmax does not fit"):
        bundled(tmp_path, path, classes=("no", "yes"), activation="softmax")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch": 4}, "batches of 4"),
        ({"channels": 65}, "channels come second"),
        ({"opset": 11}, "operator set 11"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, changes, said):
    with pytest.raises(ModelError, match=said) as caught:
        inspect_foreign(foreign(tmp_path / "m.onnx", **changes))
    assert caught.value.path == tmp_path / "m.onnx"


def test_files_that_are_no_classifiers_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(ModelError, match="not an ONNX model"):
        inspect_foreign(tmp_path / "text.onnx")
    dense = onnx_bytes(
        [helper.make_node("Relu", ["input"], ["out"])], {"input": ["n", 1, 8, 8]}, {"out": ["n", 1, 8, 8]}
    )
    (tmp_path / "dense.onnx").write_bytes(dense)
    with pytest.raises(ModelError, match="is it a classifier"):
        inspect_foreign(tmp_path / "dense.onnx")
    flat = onnx_bytes([helper.make_node("Flatten", ["input"], ["out"])], {"input": ["n", 1, 8, 8]}, {"out": ["n", 64]})
    (tmp_path / "flat.onnx").write_bytes(flat)
    with pytest.raises(ModelError, match="no feature map"):
        inspect_foreign(tmp_path / "flat.onnx")
    custom = onnx_bytes(
        [helper.make_node("Fancy", ["input"], ["out"], domain="lab")],
        {"input": ["n", 1, 8, 8]},
        {"out": ["n", 2]},
        domain="lab",
    )
    (tmp_path / "custom.onnx").write_bytes(custom)
    with pytest.raises(ModelError, match="lab"):
        inspect_foreign(tmp_path / "custom.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        inspect_foreign(tmp_path / "missing.onnx")


@pytest.mark.parametrize(("text", "name"), [("My Net v2!", "my-net-v2"), ("ÄÖ", "my-model"), ("a_b.c", "a-b-c")])
def test_names_are_made_of_file_names(text, name):
    assert model_name(text) == name
