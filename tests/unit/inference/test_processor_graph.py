import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.model_makers import onnx_bytes
from onnx import helper

from mammoviewer.inference.processor_graph import for_processor


def layers(*, channels=15, scale=1.0, group=1, shared=False, shown=False):
    """Return convolution, rectifier, normalisation, pooling and a second convolution, as ONNX bytes."""
    rng = np.random.default_rng(channels)
    second = (7, channels // group, 3, 3)
    weights = {
        "w1": rng.standard_normal((channels, 1, 3, 3)),
        "b1": rng.standard_normal(channels),
        "scale": np.full(channels, scale) * rng.uniform(0.5, 2, channels),
        "shift": rng.standard_normal(channels),
        "mean": rng.standard_normal(channels),
        "variance": rng.uniform(0.5, 2, channels),
        "w2": rng.standard_normal(second) if group == 1 else rng.standard_normal((channels, 1, 3, 3)),
    }
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("BatchNormalization", ["b", "scale", "shift", "mean", "variance"], ["c"]),
        helper.make_node("MaxPool", ["c"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["d", "w2"], ["result"], pads=[1, 1, 1, 1], group=group),
    ]
    outputs = ["result", *(["b"] if shown else [])]
    if shared:
        nodes.append(helper.make_node("Conv", ["input", "w1"], ["again"]))
        outputs.append("again")
    floats = {name: value.astype(np.float32) for name, value in weights.items()}
    return onnx_bytes(nodes, {"input": [None, 1, None, None]}, {name: [None] * 4 for name in outputs}, floats)


def results(data):
    pixels = np.random.default_rng(1).random((2, 1, 12, 16), dtype=np.float32)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": pixels})


def shapes(data):
    return {one.name: tuple(one.dims) for one in onnx.load_model_from_string(data).graph.initializer}


def kinds(data):
    return [node.op_type for node in onnx.load_model_from_string(data).graph.node]


def assert_same_values(before, after):
    for first, second in zip(results(before), results(after), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)


def test_filters_come_in_fours_and_pooling_comes_first_and_the_values_stay():
    before = layers()
    after = for_processor(before)
    assert shapes(after)["w1"] == (16, 1, 3, 3)
    assert shapes(after)["b1"] == shapes(after)["variance"] == (16,)
    assert shapes(after)["w2"] == (7, 16, 3, 3)
    assert kinds(after) == ["Conv", "Relu", "MaxPool", "BatchNormalization", "Conv"]
    onnx.checker.check_model(onnx.load_model_from_string(after))
    assert_same_values(before, after)


@pytest.mark.parametrize("channels", [16, 20, 6])
def test_no_filters_are_added_where_they_come_in_fours_or_are_few(channels):
    before = layers(channels=channels)
    after = for_processor(before)
    assert shapes(after) == shapes(before)
    assert_same_values(before, after)


def test_a_normalisation_that_turns_values_over_stays_before_the_pooling():
    before = layers(scale=-1.0)
    after = for_processor(before)
    assert kinds(after) == kinds(before)
    assert_same_values(before, after)


@pytest.mark.parametrize("kept", [{"shown": True}, {"shared": True}, {"group": 15}])
def test_layers_that_others_look_at_keep_their_filters(kept):
    before = layers(**kept)
    after = for_processor(before)
    assert shapes(after) == shapes(before)
    assert_same_values(before, after)


def test_a_graph_without_anything_to_gain_comes_back_as_it_was():
    before = layers(channels=16, scale=-1.0)
    assert for_processor(before) is before
