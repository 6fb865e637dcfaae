"""Embeddings of patches by the frozen trunk of a network, and its head set to a linear fit on them.

Every patch is seen in its eight turned and mirrored versions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from mammoviewer.base.arrays import FloatArray
from mammoviewer.datasets.regions import dihedral
from mammoviewer.training.architectures import PooledHead, pooled
from mammoviewer.training.linear_fit import Embedding, LinearFit


def embed(
    trunk: nn.Module, images: FloatArray, labels: Sequence[int], groups: tuple[str, ...], classes: int
) -> Embedding:
    """Return the pooled features of square patches (n, h, h) in [0, 1]."""
    versions = []
    with torch.no_grad():
        for version in dihedral(images):
            pictures = torch.from_numpy(np.ascontiguousarray(version))[:, None]
            versions.append(torch.cat([pooled(trunk(part)) for part in torch.split(pictures, 64)]).numpy())
    return Embedding(np.stack(versions), np.asarray(labels, dtype=np.int64), groups, classes)


def set_head(head: PooledHead, fit: LinearFit) -> None:
    """Set a network's head to a fit."""
    with torch.no_grad():
        head.mean.copy_(torch.from_numpy(fit.mean))
        head.deviation.copy_(torch.from_numpy(fit.deviation))
        head.linear.weight.copy_(torch.from_numpy(fit.weights))
        head.linear.bias.copy_(torch.from_numpy(fit.bias))
