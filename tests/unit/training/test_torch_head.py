import numpy as np
import pytest
from helpers.model_makers import brightest_bundle, linear_bundle, make_bundle
from onnx import helper

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam_checks import Skipped
from mammoviewer.inference.manifest import read_verified
from mammoviewer.inference.onnx_parts import parsed_model, part_between
from mammoviewer.inference.onnx_session import OnnxModel

pytest.importorskip("torch")

from mammoviewer.training.torch_head import torch_agreement, torch_gradient


@pytest.mark.parametrize(("head", "classes"), [("gap", 1), ("flatten", 1), ("flatten", 3)])
def test_a_right_gradient_agrees_with_torch(tmp_path, head, classes):
    text = torch_agreement(OnnxModel(linear_bundle(tmp_path / "m", head=head, classes=classes)))
    assert "agree with those by torch" in text


def test_a_wrong_gradient_is_found(tmp_path):
    with pytest.raises(ModelError, match="differ from those by torch"):
        torch_agreement(OnnxModel(linear_bundle(tmp_path / "m", broken_gradient=True)))


def test_without_a_gradient_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(Skipped, match="no gradient file"):
        torch_agreement(OnnxModel(brightest_bundle(tmp_path / "m")))


def test_the_gradient_of_a_peak_is_where_the_peak_is(tmp_path):
    manifest = brightest_bundle(tmp_path / "m")
    graph = part_between(parsed_model(read_verified(manifest, "model")), "features", "logits").graph
    features = np.zeros((1, 1, 8, 8), dtype=np.float32)
    features[0, 0, 2, 3] = 1.0
    gradient = torch_gradient(graph, features, 0, "features", "logits")
    assert gradient[0, 0, 2, 3] == 20.0
    assert np.count_nonzero(gradient) == 1


def test_an_operator_that_is_not_known_is_told(tmp_path):
    manifest = linear_bundle(tmp_path / "plain")
    model = parsed_model(read_verified(manifest, "model"))
    for node in model.graph.node:
        node.output[:] = ["before" if name == "logits" else name for name in node.output]
    model.graph.node.append(helper.make_node("Erf", ["before"], ["logits"]))
    files = manifest.file_path("head_grad").read_bytes()
    bundle = make_bundle(tmp_path / "m", model.SerializeToString(), head_grad=files)
    with pytest.raises(Skipped, match="Erf"):
        torch_agreement(OnnxModel(bundle))
