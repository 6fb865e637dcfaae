import numpy as np
import pytest
from helpers.model_makers import make_bundle, onnx_bytes
from onnx import helper

from mammoviewer.inference.cam_maps import Explainer
from mammoviewer.inference.feature_places import FeaturePlaces, even_places, feature_places
from mammoviewer.inference.onnx_session import OnnxModel

SIDE = 32


def network(nodes, weights, folder):
    """Return a model whose ``nodes`` lead from "input" to "features"; its logit is their sum."""
    ends = [
        helper.make_node("ReduceSum", ["features"], ["summed"], keepdims=0),
        helper.make_node("Reshape", ["summed", "one"], ["logits"]),
    ]
    data = onnx_bytes(
        [*nodes, *ends],
        {"input": [1, 1, SIDE, SIDE]},
        {"logits": [1, 1], "features": [1, None, None, None]},
        {**weights, "one": np.array([1, 1], dtype=np.int64)},
    )
    return OnnxModel(make_bundle(folder, data, patch=(SIDE, SIDE), method="eigencam"))


def kernel(side):
    return np.full((1, 1, side, side), 1.0, dtype=np.float32)


def unpadded(folder):
    nodes = [
        helper.make_node("Conv", ["input", "w5"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("AveragePool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "w3"], ["features"], dilations=[2, 2]),
    ]
    return network(nodes, {"w5": kernel(5), "w3": kernel(3)}, folder)


def padded(folder):
    nodes = [
        helper.make_node("Conv", ["input", "w3"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("AveragePool", ["a"], ["features"], kernel_shape=[4, 4], strides=[4, 4]),
    ]
    return network(nodes, {"w3": kernel(3)}, folder)


def forked(folder, *, crop=False):
    """Two ways to the features; with ``crop`` one of them cuts the image, which is not looked into."""
    cut = helper.make_node("Slice", ["input", "from", "to", "axes"], ["cut"])
    side = helper.make_node("Conv", ["input", "w1"], ["cut"])
    nodes = [
        helper.make_node("Conv", ["input", "w3"], ["a"], pads=[0, 0, 0, 0] if crop else [1, 1, 1, 1]),
        cut if crop else side,
        helper.make_node("Add", ["a", "cut"], ["features"]),
    ]
    indices = {"from": [1, 1], "to": [SIDE - 1, SIDE - 1], "axes": [2, 3]}
    weights = {name: np.array(value, dtype=np.int64) for name, value in indices.items()} if crop else {"w1": kernel(1)}
    return network(nodes, {"w3": kernel(3), **weights}, folder)


def weighed(folder, *, weight_first=False, strides=(1, 1)):
    """A map times a weight that was squeezed out of the whole of it."""
    product = ["s", "a"] if weight_first else ["a", "s"]
    nodes = [
        helper.make_node("Conv", ["input", "w5"], ["a"]),
        helper.make_node("AveragePool", ["a"], ["p"], kernel_shape=[28, 28], strides=strides),
        helper.make_node("Sigmoid", ["p"], ["s"]),
        helper.make_node("Mul", product, ["features"]),
    ]
    return network(nodes, {"w5": kernel(5)}, folder)


def joined(folder, axis):
    nodes = [
        helper.make_node("Conv", ["input", "w5"], ["a"]),
        helper.make_node("Concat", ["a", "a"], ["features"], axis=axis),
    ]
    return network(nodes, {"w5": kernel(5)}, folder)


def centres_seen(model, cell):
    """Return where the pixels that a cell of the feature map depends on have their middle, along the rows."""
    name = model.manifest.outputs.features
    still = np.zeros((1, 1, SIDE, SIDE), dtype=np.float32)

    def features(image):
        return model._run("model", [name], {"input": image})[0][0, 0]

    changed = []
    for row in range(SIDE):
        image = still.copy()
        image[0, 0, row] = 1.0
        changed.append(abs(features(image) - features(still))[cell[0], cell[1]])
    return float((np.arange(SIDE) * changed).sum() / np.sum(changed))


@pytest.mark.parametrize(("made", "first", "step"), [(unpadded, 6.5, 2.0), (padded, 1.5, 4.0), (forked, 0.0, 1.0)])
def test_cells_lie_where_they_look(tmp_path, made, first, step):
    model = made(tmp_path / "m")
    cells = model.run(np.zeros((1, 1, SIDE, SIDE), dtype=np.float32))[1].shape[2:]
    places = feature_places(model, (SIDE, SIDE), cells)
    assert places == FeaturePlaces((first, first), (step, step), (SIDE, SIDE))
    middle = (cells[0] // 2, cells[1] // 2)
    assert centres_seen(model, middle) == pytest.approx(first + middle[0] * step, abs=1e-4)


@pytest.mark.parametrize("weight_first", [False, True])
@pytest.mark.parametrize("strides", [(1, 1), (28, 28)])
def test_weights_squeezed_out_of_a_map_do_not_move_it(tmp_path, weight_first, strides):
    model = weighed(tmp_path / "m", weight_first=weight_first, strides=strides)
    assert feature_places(model, (SIDE, SIDE), (28, 28)) == FeaturePlaces((2.0, 2.0), (1.0, 1.0), (SIDE, SIDE))


@pytest.mark.parametrize(("axis", "known"), [(1, True), (-3, True), (2, False), (3, False)])
def test_maps_joined_by_channels_stay_where_they_are_and_others_do_not(tmp_path, axis, known):
    model = joined(tmp_path / "m", axis)
    assert (feature_places(model, (SIDE, SIDE), (28, 28)).first == (2.0, 2.0)) == known


def test_a_way_that_is_not_known_follows_the_one_that_is(tmp_path):
    model = forked(tmp_path / "m", crop=True)
    assert feature_places(model, (SIDE, SIDE), (SIDE - 2, SIDE - 2)).first == (1.0, 1.0)


def test_without_a_known_way_the_cells_part_the_image_evenly(tmp_path):
    nodes = [helper.make_node("DepthToSpace", ["many"], ["features"], blocksize=2)]
    nodes.insert(0, helper.make_node("SpaceToDepth", ["input"], ["many"], blocksize=2))
    model = network(nodes, {}, tmp_path / "m")
    assert feature_places(model, (SIDE, SIDE), (8, 4)) == even_places((SIDE, SIDE), (8, 4))
    assert even_places((SIDE, SIDE), (8, 4)) == FeaturePlaces((1.5, 3.5), (4.0, 8.0), (SIDE, SIDE))


def test_cells_that_do_not_fit_the_image_part_it_evenly(tmp_path):
    model = unpadded(tmp_path / "m")
    assert feature_places(model, (SIDE, SIDE), (30, 30)) == even_places((SIDE, SIDE), (30, 30))


def test_evidence_fades_out_beyond_the_outer_cells_and_reaches_the_edge_where_these_do():
    inner = FeaturePlaces((6.5, 6.5), (2.0, 2.0), (SIDE, SIDE))
    spread = inner.spread(np.ones((10, 10), dtype=np.float32), (SIDE, SIDE))
    assert spread[7:24, 7:24].min() == 1.0
    assert spread[:5].max() == spread[28:].max() == 0.0
    whole = even_places((SIDE, SIDE), (8, 8)).spread(np.ones((8, 8), dtype=np.float32), (16, 16))
    np.testing.assert_array_equal(whole, np.ones((16, 16), dtype=np.float32))


def test_a_single_cell_is_highest_where_it_looks():
    values = np.zeros((10, 10), dtype=np.float32)
    values[3, 5] = 1.0
    spread = FeaturePlaces((6.5, 6.5), (2.0, 2.0), (SIDE, SIDE)).spread(values, (SIDE, SIDE))
    rows, columns = np.nonzero(spread == spread.max())
    assert (rows.mean(), columns.mean()) == (12.5, 16.5)


def test_what_is_covered_for_occlusion_parts_the_patch_evenly(tmp_path):
    model = unpadded(tmp_path / "m")
    cells = np.zeros((12, 12), dtype=np.float32)
    assert Explainer(model, "occlusion").places(cells, (SIDE, SIDE)) == even_places((SIDE, SIDE), (12, 12))
    assert Explainer(model, "eigencam").places(cells, (SIDE, SIDE)).first == (6.5, 6.5)
