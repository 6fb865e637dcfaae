"""Grad-CAM with torch, for the reports of trainings; the viewer itself explains through ``head_grad.onnx``."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mammoviewer.base.arrays import FloatArray
from mammoviewer.training.architectures import Network


def grad_cam(network: Network, pictures: Tensor, *, output: int = 0) -> FloatArray:
    """Return where a logit of a network draws from, float32 (n, rows, columns), each map's largest value 1.

    Parameters
    ----------
    network
        In evaluation mode.
    pictures
        Shape (n, channels, rows, columns).
    output
        Which logit. Maps without any positive part are 0 throughout.
    """
    with torch.no_grad():
        features = network.trunk(pictures)
    features = features.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network.head(features)[:, output].sum(), features)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    small = torch.relu((weights * features.detach()).sum(dim=1, keepdim=True))
    maps = functional.interpolate(small, size=pictures.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    highest = maps.amax(dim=(1, 2), keepdim=True)
    result: FloatArray = torch.where(highest > 0, maps / highest.clamp_min(1e-12), maps).numpy()
    return result
