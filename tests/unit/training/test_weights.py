from __future__ import annotations

import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.base.paths import bundled_models_dir  # noqa: E402
from mammoviewer.training.architectures import RegionClassifier  # noqa: E402
from mammoviewer.training.bundle import BundleFacts, write_bundle  # noqa: E402
from mammoviewer.training.weights import load_trunk  # noqa: E402


def onnx_features(folder: Path, pictures: torch.Tensor) -> torch.Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["features"], {"input": pictures.numpy()})[0])


@pytest.mark.parametrize("which", ["small", "microcalc-hypermodel", "microcalc-dense"])
def test_trunk_gives_the_features_of_the_model_folder(base_model: Path, which: str) -> None:
    folder = base_model if which == "small" else bundled_models_dir() / which
    trunk, channels = load_trunk(folder)
    pictures = torch.rand(2, 1, 60, 60)
    with torch.no_grad():
        features = trunk(pictures)
    assert features.shape[1] == channels
    assert torch.allclose(features, onnx_features(folder, pictures), atol=1e-4)


def test_the_dense_model_can_be_retrained() -> None:
    trunk, channels = load_trunk(bundled_models_dir() / "microcalc-dense")
    with torch.no_grad():
        logits, features = RegionClassifier(trunk, channels, 2).eval()(torch.rand(2, 1, 60, 60))
    assert logits.shape == (2, 2)
    assert features.shape == (2, 2 * channels, 7, 7)


def test_a_retrained_model_can_be_retrained(base_model: Path, tmp_path: Path) -> None:
    trunk, channels = load_trunk(base_model)
    facts = BundleFacts(
        name="child",
        tag="1",
        title="Child",
        classes=("a", "b"),
        positive_class="b",
        operating_threshold=0.5,
        patch=(60, 60),
        pixel_size_mm=0.1,
        preprocessing=({"op": "voi"}, {"op": "resample_pixel_size"}),
        kinds=("TOMO",),
        card="# Child\n",
        intended_use="",
    )
    write_bundle(tmp_path, RegionClassifier(trunk, channels, 2).eval(), facts)
    again, count = load_trunk(tmp_path)
    assert count == channels
    pictures = torch.rand(1, 1, 60, 60)
    with torch.no_grad():
        assert torch.allclose(again(pictures), trunk(pictures), atol=1e-5)


def test_changed_and_missing_files_are_refused(base_model: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="base model"):
        load_trunk(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(base_model, copy)
    data = bytearray((copy / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.onnx").write_bytes(data)
    with pytest.raises(TrainingError, match="base model"):
        load_trunk(copy)
