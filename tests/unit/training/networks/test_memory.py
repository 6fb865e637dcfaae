"""The estimate of memory against counts by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mammoviewer.training.networks.dbt_cnn import dbt_dcnn
from mammoviewer.training.networks.memory import estimate_memory

pytestmark = pytest.mark.torch


def test_every_output_and_four_copies_of_the_weights_count() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 4 * 4, 3))
    estimate = estimate_memory(network, (1, 6, 6), 5)
    weights = (2 * 9 + 2) + (32 * 3 + 3)
    assert estimate.weights == estimate.trainable == weights
    assert estimate.weight_bytes == 4 * 4 * weights
    assert estimate.activation_bytes == 5 * 4 * (36 + 32 + 32 + 32 + 3)
    assert estimate.total_bytes == estimate.weight_bytes + estimate.activation_bytes


def test_frozen_weights_have_no_gradient() -> None:
    network = dbt_dcnn(2)
    free = estimate_memory(network, (1, 300, 300), 16)
    network.trunk.requires_grad_(False)
    frozen = estimate_memory(network, (1, 300, 300), 16)
    assert free.weights == frozen.weights == 166_386
    assert frozen.weight_bytes < free.weight_bytes
    assert frozen.activation_bytes == free.activation_bytes
    assert network.training


def test_the_estimate_is_near_what_back_propagation_keeps() -> None:
    network = dbt_dcnn(2).train()
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(torch.rand(4, 1, 300, 300))[0].sum()
    measured = sum(kept.values())
    estimate = estimate_memory(network, (1, 300, 300), 4).activation_bytes
    assert measured * 0.5 < estimate < measured * 2
