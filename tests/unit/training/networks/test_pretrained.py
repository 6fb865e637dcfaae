"""Weights from files: by name, by order, for other numbers of channels, and what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.networks.pretrained import load_backbone, read_state_dict
from mammoviewer.training.networks.zoo import BACKBONES

pytestmark = pytest.mark.torch


def _colour_weights(name: str) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    torch.manual_seed(3)
    network = BACKBONES[name].make(3).eval()
    return network, {key: value.clone() for key, value in network.state_dict().items()}


def _saved(path: Path, document: object) -> Path:
    torch.save(document, path)
    return path


def test_weights_are_taken_by_name_and_give_the_same_features(tmp_path: Path) -> None:
    trained, weights = _colour_weights("resnet18")
    extra = {**weights, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    path = _saved(tmp_path / "weights.pth", {"state_dict": {f"module.{k}": v for k, v in extra.items()}})
    own = BACKBONES["resnet18"].make(3).eval()
    assert load_backbone(own, read_state_dict(path)) == "by name"
    pictures = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(own(pictures), trained(pictures))


def test_weights_under_other_names_are_taken_by_order() -> None:
    trained, weights = _colour_weights("mobilenet_v2")
    renamed = {f"blocks.{i}.{key.rsplit('.', 1)[-1]}": value for i, (key, value) in enumerate(weights.items())}
    renamed["classifier.weight"] = torch.zeros(1000, 1280)
    own = BACKBONES["mobilenet_v2"].make(3).eval()
    assert load_backbone(own, renamed) == "by order and shape"
    pictures = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(own(pictures), trained(pictures))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_grey_picture_gives_what_equal_colours_give(channels: int) -> None:
    trained, weights = _colour_weights("resnet18")
    own = BACKBONES["resnet18"].make(channels).eval()
    load_backbone(own, weights)
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        expected = trained(grey.repeat(1, 3, 1, 1))
        torch.testing.assert_close(own(grey.repeat(1, channels, 1, 1)), expected, rtol=1e-4, atol=1e-4)


def _safetensors(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """Write a file as the library of that name does: names in order, no gaps."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, value in sorted(tensors.items()):
        raw = value.contiguous().view(torch.uint8).numpy().tobytes() if value.ndim else value.numpy().tobytes()
        kind = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}[value.dtype]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def test_weights_of_safetensors_are_taken_by_name_alone(tmp_path: Path) -> None:
    trained, weights = _colour_weights("resnet18")
    half = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    own = BACKBONES["resnet18"].make(3).eval()
    assert load_backbone(own, read_state_dict(_safetensors(tmp_path / "a.safetensors", half))) == "by name"
    pictures = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(own(pictures), trained.half().float()(pictures), rtol=1e-3, atol=1e-3)
    renamed = {f"x.{name}": value for name, value in weights.items()}
    found = read_state_dict(_safetensors(tmp_path / "b.safetensors", renamed))
    with pytest.raises(TrainingError, match="does not keep the order"):
        load_backbone(BACKBONES["resnet18"].make(3), found)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"{", b""),
        (b"[]", b""),
        (b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', b"1234"),
        (b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', b"12345678"),
        (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}', b"12345678"),
        (b'{"a": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}}', b"12345678"),
        (b'{"a": 3}', b""),
        (
            b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": ["0", "4"]},'
            b' "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}',
            b"12345678",
        ),
        (b'{"a": {"dtype": "U8", "shape": [true], "data_offsets": [0, 1]}}', b"1"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}', b"12345678"),
    ],
)
def test_damaged_safetensors_are_refused(tmp_path: Path, header: bytes, body: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + body)
    with pytest.raises(TrainingError, match="cannot be read"):
        read_state_dict(path)
    path.write_bytes(b"\xff" * 12)
    with pytest.raises(TrainingError, match="cannot be read"):
        read_state_dict(path)


def test_weights_of_another_network_are_refused() -> None:
    _, weights = _colour_weights("resnet18")
    with pytest.raises(TrainingError, match="another network"):
        load_backbone(BACKBONES["mobilenet_v2"].make(3), weights)
    shuffled = {f"x.{i}.{k.rsplit('.', 1)[-1]}": v for i, (k, v) in enumerate(reversed(weights.items()))}
    with pytest.raises(TrainingError, match="stands where"):
        load_backbone(BACKBONES["resnet18"].make(3), shuffled)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("ran",))


def test_a_file_with_code_is_refused_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _saved(tmp_path / "evil.pth", {"weight": _Evil()})
    with pytest.raises(TrainingError, match="cannot be read"):
        read_state_dict(path)
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps({"weight": _Evil()}))
    with pytest.raises(TrainingError, match="cannot be read"):
        read_state_dict(plain)
    assert capsys.readouterr().out == ""


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    for document, reason in (([1, 2], "no state dict"), ({"epoch": 3}, "more than tensors"), ({}, "no state dict")):
        with pytest.raises(TrainingError, match=reason):
            read_state_dict(_saved(tmp_path / "other.pth", document))
    with pytest.raises(TrainingError, match="cannot be read"):
        read_state_dict(tmp_path / "missing.pth")
