from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from torch import Tensor, nn  # noqa: E402

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.training.architectures import Detector, Network  # noqa: E402
from mammoviewer.training.export_onnx import export_dense, export_head_gradient, export_model  # noqa: E402
from mammoviewer.training.verify_onnx import TOLERANCE, verify_dense, verify_head_gradient, verify_model  # noqa: E402

SHAPE = (3, 24, 20)


class Small(Network):
    """Three channels in, four classes out."""

    def __init__(self) -> None:
        super().__init__()
        self.channels, self.head_outputs = 5, 4
        self.trunk = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))


class Boxes(Detector):
    """One box for each place of the feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = 6
        self.trunk = nn.Conv2d(3, 6, 4, stride=4)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features: Tensor = self.trunk(pictures)
        flat = features.flatten(2).transpose(1, 2)
        return flat[:, :, :2], flat[:, :, 2:] * 10, features


class Windows(nn.Module):
    """A map of one logit for each 8x8 window."""

    def __init__(self) -> None:
        super().__init__()
        self.window = nn.Conv2d(3, 1, 8, stride=4)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.window(pictures)
        return logits


def test_several_channels_and_logits_agree(tmp_path: Path) -> None:
    network = Small().eval()
    export_model(network, tmp_path / "model.onnx", SHAPE)
    export_head_gradient(network, tmp_path / "head_grad.onnx", SHAPE)
    assert verify_model(network, tmp_path / "model.onnx", SHAPE, (-2.0, 3.0)) <= TOLERANCE
    assert verify_head_gradient(network, tmp_path / "head_grad.onnx", SHAPE) <= TOLERANCE


def test_boxes_agree(tmp_path: Path) -> None:
    network = Boxes().eval()
    export_model(network, tmp_path / "model.onnx", SHAPE)
    assert verify_model(network, tmp_path / "model.onnx", SHAPE, (0.0, 1.0)) <= TOLERANCE


def test_the_dense_form_takes_pictures_of_any_size(tmp_path: Path) -> None:
    module = Windows().eval()
    export_dense(module, tmp_path / "dense.onnx", (3, 16, 16))
    assert verify_dense(module, tmp_path / "dense.onnx", (3, 8, 8), (0.0, 1.0)) <= TOLERANCE


def _model(network: Small, path: Path) -> None:
    export_model(network, path, SHAPE)
    network.head[2].bias.data += 0.01
    verify_model(network, path, SHAPE, (0.0, 1.0))


def _gradient(network: Small, path: Path) -> None:
    export_head_gradient(network, path, SHAPE)
    network.head[2].weight.data += 0.1
    verify_head_gradient(network, path, SHAPE)


@pytest.mark.parametrize("check", [_model, _gradient])
def test_a_file_of_another_network_is_refused(tmp_path: Path, check: Callable[[Small, Path], None]) -> None:
    with pytest.raises(TrainingError, match="differs from the network"):
        check(Small().eval(), tmp_path / "x.onnx")


def test_values_that_are_no_numbers_are_no_agreement(tmp_path: Path) -> None:
    network = Small().eval()
    export_model(network, tmp_path / "model.onnx", SHAPE)
    network.head[2].bias.data[0] = float("nan")
    with pytest.raises(TrainingError):
        verify_model(network, tmp_path / "model.onnx", SHAPE, (0.0, 1.0))
