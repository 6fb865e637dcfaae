"""Grad-CAM with torch, for the reports of trainings; the viewer itself explains through ``head_grad.onnx``.

The cells of a map are put where the viewer puts them: where the layers of the network look, see
:mod:`mammoviewer.inference.feature_places`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mammoviewer.base.arrays import FloatArray
from mammoviewer.inference.feature_places import FeaturePlaces, placed
from mammoviewer.inference.graph_places import places_in
from mammoviewer.inference.onnx_parts import parsed_model
from mammoviewer.training.architectures import Network
from mammoviewer.training.export_onnx import FEATURES, INPUT, export_model


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
    small = torch.relu((weights * features.detach()).sum(dim=1)).numpy().astype(np.float32)
    size = (int(pictures.shape[2]), int(pictures.shape[3]))
    places = _places(network, (int(pictures.shape[1]), *size), (int(small.shape[1]), int(small.shape[2])))
    maps = np.stack([places.spread(one, size) for one in small])
    highest = maps.max(axis=(1, 2), keepdims=True)
    result: FloatArray = np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0)
    return result


def _places(network: Network, shape: tuple[int, int, int], cells: tuple[int, int]) -> FeaturePlaces:
    """Return where the cells of a network's features lie in a picture of ``shape``, as its exported form has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_model(network, path, shape)
        graph = parsed_model(path.read_bytes()).graph
    return placed(places_in(graph, INPUT, FEATURES), shape[1:], cells)
