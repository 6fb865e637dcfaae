from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

import onnx  # noqa: E402
import onnxruntime  # noqa: E402

from mammoviewer.training.architectures import (  # noqa: E402
    Committee,
    Hyperparameters,
    MicrocalcHypermodel,
    Network,
    RegionClassifier,
)
from mammoviewer.training.export_onnx import export_head_gradient, export_model  # noqa: E402


def networks() -> list[Network]:
    torch.manual_seed(1)
    small = [MicrocalcHypermodel(Hyperparameters(4, depth, 0.1)) for depth in (1, 3)]
    region = RegionClassifier(MicrocalcHypermodel(Hyperparameters(4)).trunk, 16, 3)
    return [small[1], Committee([small[0], MicrocalcHypermodel(Hyperparameters(4, 1))]), region]


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("index", range(3))
def test_onnx_gives_what_torch_gives_for_any_batch(tmp_path: Path, index: int) -> None:
    network = networks()[index].eval()
    path = tmp_path / "model.onnx"
    export_model(network, path, (1, 60, 60))
    assert [entry.version for entry in onnx.load(path).opset_import] == [17]
    onnx.checker.check_model(str(path))
    for batch in (1, 5):
        pictures = torch.rand(batch, 1, 60, 60)
        logits, features = session(path).run(["logits", "features"], {"input": pictures.numpy()})
        with torch.no_grad():
            expected_logits, expected_features = network(pictures)
        assert np.abs(logits - expected_logits.numpy()).max() <= 1e-4
        assert np.abs(features - expected_features.numpy()).max() <= 1e-4


@pytest.mark.parametrize("index", range(3))
def test_head_gradient_equals_autograd_on_inputs_it_was_not_traced_with(tmp_path: Path, index: int) -> None:
    network = networks()[index].eval()
    path = tmp_path / "head_grad.onnx"
    export_head_gradient(network, path, (1, 60, 60))
    assert [entry.version for entry in onnx.load(path).opset_import] == [17]
    run = session(path)
    for seed in (11, 12):
        with torch.no_grad():
            logits, features = network(torch.rand(1, 1, 60, 60, generator=torch.Generator().manual_seed(seed)))
        chosen = torch.zeros_like(logits)
        chosen[0, -1] = 1.0
        features.requires_grad_()
        (network.head(features) * chosen).sum().backward()
        (gradient,) = run.run(["gradient"], {"features": features.detach().numpy(), "class_weights": chosen.numpy()})
        assert np.abs(features.grad.numpy()).max() > 1e-5
        assert np.abs(gradient - features.grad.numpy()).max() <= 1e-5
