"""Experts that vote: the weighted mean of the probabilities of several networks with one sigmoid each (S1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mammoviewer.training.architectures import CommitteeTrunk, Network

# Beyond this a sigmoid of single precision is 0 or 1, and its logarithm lost.
_LARGEST_LOGIT = 30.0


class WeightedHead(nn.Module):
    """Each expert's head on its own channels, then the weighted mean of the probabilities, as a logit.

    Parameters
    ----------
    heads, channels
        One head per expert, and how many channels of the joined feature map are its own.
    weights
        Shares of the votes; they add up to 1.
    """

    weights: Tensor

    def __init__(self, heads: Sequence[nn.Module], channels: Sequence[int], weights: Sequence[float]) -> None:
        super().__init__()
        self.experts = nn.ModuleList(heads)
        self.channels = list(channels)
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, 1)."""
        parts = torch.split(features, self.channels, dim=1)
        votes = torch.cat([head(part) for head, part in zip(self.experts, parts, strict=True)], dim=1)
        votes = votes.clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT)
        yes = (torch.sigmoid(votes) * self.weights).sum(dim=1, keepdim=True)
        no = (torch.sigmoid(-votes) * self.weights).sum(dim=1, keepdim=True)
        return torch.log(yes) - torch.log(no)


class WeightedCommittee(Network):
    """Networks with one logit whose probabilities are averaged with weights; their feature maps lie side by side."""

    def __init__(self, experts: Sequence[Network], weights: Sequence[float]) -> None:
        super().__init__()
        if len(experts) != len(weights) or any(expert.head_outputs != 1 for expert in experts):
            raise ValueError("a committee needs experts with one logit, and a weight for each")
        channels = [expert.channels for expert in experts]
        self.trunk = CommitteeTrunk([expert.trunk for expert in experts])
        self.head = WeightedHead([expert.head for expert in experts], channels, weights)
        self.channels = sum(channels)
