from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from helpers.networks import SmallDense, SmallDetector, SmallNetwork  # noqa: E402

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.training.export_onnx import export_dense, export_head_gradient, export_model  # noqa: E402
from mammoviewer.training.verify_onnx import TOLERANCE, verify_dense, verify_head_gradient, verify_model  # noqa: E402

SHAPE = (3, 24, 20)


def test_several_channels_and_logits_agree(tmp_path: Path) -> None:
    network = SmallNetwork().eval()
    export_model(network, tmp_path / "model.onnx", SHAPE)
    export_head_gradient(network, tmp_path / "head_grad.onnx", SHAPE)
    assert verify_model(network, tmp_path / "model.onnx", SHAPE, (-2.0, 3.0)) <= TOLERANCE
    assert verify_head_gradient(network, tmp_path / "head_grad.onnx", SHAPE) <= TOLERANCE


def test_boxes_agree(tmp_path: Path) -> None:
    network = SmallDetector().eval()
    export_model(network, tmp_path / "model.onnx", SHAPE)
    assert verify_model(network, tmp_path / "model.onnx", SHAPE, (0.0, 1.0)) <= TOLERANCE


def test_a_detector_may_take_pictures_of_any_size(tmp_path: Path) -> None:
    network = SmallDetector().eval()
    export_model(network, tmp_path / "model.onnx", SHAPE, any_size=True)
    for shape in (SHAPE, (3, 40, 32)):
        assert verify_model(network, tmp_path / "model.onnx", shape, (0.0, 1.0)) <= TOLERANCE


def test_the_dense_form_takes_pictures_of_any_size(tmp_path: Path) -> None:
    module = SmallDense().eval()
    export_dense(module, tmp_path / "dense.onnx", (3, 16, 16))
    assert verify_dense(module, tmp_path / "dense.onnx", (3, 8, 8), (0.0, 1.0)) <= TOLERANCE


def _model(network: SmallNetwork, path: Path) -> None:
    export_model(network, path, SHAPE)
    network.linear.bias.data += 0.01
    verify_model(network, path, SHAPE, (0.0, 1.0))


def _gradient(network: SmallNetwork, path: Path) -> None:
    export_head_gradient(network, path, SHAPE)
    network.linear.weight.data += 0.1
    verify_head_gradient(network, path, SHAPE)


@pytest.mark.parametrize("check", [_model, _gradient])
def test_a_file_of_another_network_is_refused(tmp_path: Path, check: Callable[[SmallNetwork, Path], None]) -> None:
    with pytest.raises(TrainingError, match="differs from the network"):
        check(SmallNetwork().eval(), tmp_path / "x.onnx")


def test_values_that_are_no_numbers_are_no_agreement(tmp_path: Path) -> None:
    network = SmallNetwork().eval()
    export_model(network, tmp_path / "model.onnx", SHAPE)
    network.linear.bias.data[0] = float("nan")
    with pytest.raises(TrainingError):
        verify_model(network, tmp_path / "model.onnx", SHAPE, (0.0, 1.0))
