from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.architectures import Network  # noqa: E402
from mammoviewer.training.grad_cam import grad_cam  # noqa: E402


class Bright(Network):
    """Its logit is the mean brightness; darkness counts for the second logit."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = torch.nn.AvgPool2d(4)
        self.head = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(1, 2))
        self.head[2].weight.data = torch.tensor([[1.0], [-1.0]])


def test_the_map_is_where_the_logit_comes_from() -> None:
    pictures = torch.zeros(2, 1, 16, 16)
    pictures[0, 0, :8, 8:] = 1.0
    maps = grad_cam(Bright().eval(), pictures)
    assert maps.shape == (2, 16, 16)
    assert maps[0].max() == 1.0
    assert maps[0, :6, 10:].min() > 0.5 > maps[0, 10:, :6].max()
    assert not maps[1].any()
    assert not grad_cam(Bright().eval(), pictures, output=1)[0].any()
