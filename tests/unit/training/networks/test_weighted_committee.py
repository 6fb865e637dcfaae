from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.architectures import Hyperparameters, MicrocalcHypermodel  # noqa: E402
from mammoviewer.training.networks.weighted_committee import WeightedCommittee  # noqa: E402


def experts() -> list[MicrocalcHypermodel]:
    torch.manual_seed(1)
    return [MicrocalcHypermodel(Hyperparameters(dim, 1)).eval() for dim in (2, 3)]


def test_probability_is_the_weighted_mean_of_the_experts() -> None:
    both = experts()
    committee = WeightedCommittee(both, [0.3, 0.7]).eval()
    pictures = torch.rand(4, 1, 60, 60)
    with torch.no_grad():
        logits, features = committee(pictures)
        single = [torch.sigmoid(one(pictures)[0]) for one in both]
    assert torch.allclose(torch.sigmoid(logits), 0.3 * single[0] + 0.7 * single[1], atol=1e-6)
    assert features.shape == (4, committee.channels, 7, 7) == (4, 8 + 12, 7, 7)


def test_certain_experts_give_finite_logits() -> None:
    committee = WeightedCommittee(experts(), [0.5, 0.5]).eval()
    features = torch.full((1, committee.channels, 7, 7), 1e4)
    assert torch.isfinite(committee.head(features)).all()


def test_every_expert_needs_a_weight() -> None:
    with pytest.raises(ValueError, match="weight"):
        WeightedCommittee(experts(), [1.0])
