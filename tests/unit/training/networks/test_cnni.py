"""CNNI-BCC as S4 prints it, and its quicker forms, which compute the same."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mammoviewer.training.networks.cnni import CnniBcc, FourierDepthwise, PlainDepthwise

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(("kernels", "weights"), [("paper", 309_731), ("3x3", 15_683)])
def test_it_has_exactly_the_weights_of_the_table(kernels: str, weights: int) -> None:
    assert sum(weight.numel() for weight in CnniBcc(kernels).parameters()) == weights  # type: ignore[arg-type]


def test_each_layer_has_the_weights_and_the_shape_of_the_table() -> None:
    network = CnniBcc()
    layers = network.cnni_trunk
    counts = [
        sum(weight.numel() for weight in layer.parameters())
        for layer in (layers.first, layers.wide, layers.mix, layers.wider, network.cnni_head)
    ]
    assert counts == [320, 32_800, 2_112, 262_208, 12_291]
    maps = torch.zeros(1, 32, 64, 64)
    assert layers.wide(maps).shape == (1, 32, 64, 64)
    assert layers.wider(torch.zeros(1, 64, 64, 64)).shape == (1, 64, 32, 32)
    logits, features = network(torch.zeros(2, 1, 128, 128))
    assert features.shape == (2, 64, 8, 8)
    assert logits.shape == (2, 3)


@pytest.mark.parametrize(("channels", "kernel", "stride", "border"), [(4, 32, 1, (15, 16)), (3, 64, 2, (31, 31))])
def test_the_fourier_form_equals_the_plain_convolution(
    channels: int, kernel: int, stride: int, border: tuple[int, int]
) -> None:
    torch.manual_seed(1)
    fourier = FourierDepthwise(channels, kernel, stride, border)
    plain = PlainDepthwise(channels, kernel, stride, border)
    plain.load_state_dict(fourier.state_dict())
    first = torch.randn(2, channels, 64, 64, requires_grad=True)
    second = first.detach().clone().requires_grad_()
    assert torch.allclose(fourier(first), plain(second), atol=1e-4)
    fourier(first).square().sum().backward()
    plain(second).square().sum().backward()
    assert first.grad is not None
    assert second.grad is not None
    assert torch.allclose(first.grad, second.grad, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("form", ["squares", "fourier"])
def test_the_written_out_network_says_what_the_trained_one_says(form: str) -> None:
    torch.manual_seed(2)
    network = CnniBcc("paper", form=form).eval()  # type: ignore[arg-type]
    written = network.plain()
    assert sum(weight.numel() for weight in written.parameters()) == 309_731
    pictures = torch.rand(2, 1, 128, 128)
    with torch.no_grad():
        assert torch.allclose(network(pictures)[0], written(pictures)[0], atol=1e-4)


def test_the_features_are_flattened_as_rows_columns_channels() -> None:
    network = CnniBcc("3x3")
    features = torch.rand(1, 64, 8, 8)
    rows_columns_channels = features[0].numpy().transpose(1, 2, 0).reshape(1, -1)
    dense = network.cnni_head.dense
    expected = functional.linear(torch.from_numpy(rows_columns_channels.copy()), dense.weight, dense.bias)
    assert torch.allclose(network.cnni_head.eval()(features), expected, atol=1e-6)
