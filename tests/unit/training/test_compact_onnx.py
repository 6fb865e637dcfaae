from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.architectures import Hyperparameters, MicrocalcHypermodel  # noqa: E402
from mammoviewer.training.compact_onnx import compact, round_matrices  # noqa: E402
from mammoviewer.training.export_onnx import export_head_gradient, export_model  # noqa: E402
from mammoviewer.training.verify_onnx import verify_head_gradient, verify_model  # noqa: E402

SHAPE = (1, 60, 60)


def test_files_become_small_and_say_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MicrocalcHypermodel(Hyperparameters(4, 3)).eval()
    table = round_matrices(network)
    paths = (tmp_path / "model.onnx", tmp_path / "head_grad.onnx")
    export_model(network, paths[0], SHAPE)
    export_head_gradient(network, paths[1], SHAPE)
    before = [path.stat().st_size for path in paths]
    for path in paths:
        compact(path, table)
    assert all(path.stat().st_size < 0.35 * size for path, size in zip(paths, before, strict=True))
    assert verify_model(network, paths[0], SHAPE, (0.0, 1.0)) < 1e-5
    assert verify_head_gradient(network, paths[1], SHAPE) < 1e-5


def test_rounding_changes_weights_by_less_than_a_step_and_only_once() -> None:
    torch.manual_seed(0)
    network = MicrocalcHypermodel(Hyperparameters(4, 1))
    before = network.head[2].weight.detach().numpy().copy()
    round_matrices(network)
    after = network.head[2].weight.detach().numpy().copy()
    step = np.abs(before).max(axis=1, keepdims=True) / 127
    assert (np.abs(after - before) <= 0.501 * step).all()
    round_matrices(network)
    assert np.allclose(network.head[2].weight.detach().numpy(), after, atol=1e-7)
