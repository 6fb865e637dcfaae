"""One pass of the window network over a picture gives what its windows give."""

from __future__ import annotations

import pytest
import torch

from mammoviewer.training.networks.breast_cnn import BreastCnn
from mammoviewer.training.networks.window_cnn import STRIDE_PX, WINDOW_PX, WindowCnn

pytestmark = pytest.mark.torch


def test_the_one_pass_form_equals_the_windows() -> None:
    torch.manual_seed(1)
    network = WindowCnn(2, 3, width=4).train()
    with torch.no_grad():
        network(torch.rand(4, 2, WINDOW_PX, WINDOW_PX))
        network.eval()
        picture = torch.rand(1, 2, WINDOW_PX + STRIDE_PX, WINDOW_PX + 2 * STRIDE_PX)
        at_once = network.dense()(picture)
        assert at_once.shape == (1, 3, 2, 3)
        for row in range(2):
            for column in range(3):
                top, left = row * STRIDE_PX, column * STRIDE_PX
                window = picture[:, :, top : top + WINDOW_PX, left : left + WINDOW_PX]
                assert torch.allclose(network(window)[0][0], at_once[0, :, row, column], atol=1e-5)


def test_the_map_of_the_small_breast_network_averages_to_its_logit() -> None:
    torch.manual_seed(1)
    network = BreastCnn(width=4).eval()
    with torch.no_grad():
        logits, features = network(torch.rand(2, 1, 160, 96))
    linear = network.head.linear
    assert isinstance(linear, torch.nn.Linear)
    maps = torch.einsum("nchw,c->nhw", features, linear.weight[0])
    assert torch.allclose(maps.mean(dim=(1, 2)) + linear.bias, logits[:, 0], atol=1e-5)
