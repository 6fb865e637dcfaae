"""Formulas of class activation maps on arrays: no model, no torch.

With features f (channels k) and the gradient g of the class logit y with respect to them, at every place (i, j):

- ``cam``: n sum_k w_k f_k, w_k = g_k, n places; only where g is constant over the map, that is for a head of global
  average pooling and one linear layer, and then mean(CAM) + b = y (Zhou et al. 2016, "Learning deep features for
  discriminative localization")
- ``gradcam``: sum_k mean_ij(g_k) f_k (Selvaraju et al. 2017, "Grad-CAM")
- ``gradcam++``: sum_k w_k f_k, w_k = sum_ij a_k relu(g_k), a_k = g_k^2 / (2 g_k^2 + sum_ij(f_k) g_k^3), which is the
  closed form for a score exp(y) (Chattopadhay et al. 2018, "Grad-CAM++", equations 11 to 19)
- ``hirescam``: sum_k g_k f_k (Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM"); for a linear head it adds up
  to y - b
- ``eigencam``: f projected on its first principal component (Muhammad and Yeasin 2020, "Eigen-CAM"); knows no class
- ``ablationcam``: sum_k w_k f_k, w_k = (y - y_k) / |y|, y_k the logit with channel k set to 0 (Ramaswamy et al. 2020,
  "Ablation-CAM"; the paper divides by y, which turns the map over where y is negative)

Evidence for a class is what is positive: all but ``cam`` are cut at 0 before they are shown.
"""

from __future__ import annotations

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ModelError

GRADIENT_METHODS = ("cam", "gradcam", "gradcam++", "hirescam")
METHODS = (*GRADIENT_METHODS, "eigencam", "ablationcam", "occlusion")
TITLES = {
    "cam": "CAM",
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "hirescam": "HiResCAM",
    "eigencam": "Eigen-CAM",
    "ablationcam": "Ablation-CAM",
    "occlusion": "Occlusion",
}
_FLAT = 1e-4


def class_map(features: FloatArray, gradient: FloatArray, method: str) -> FloatArray:
    """Return the map (rows, columns), with its sign, of ``features`` and ``gradient`` (channels, rows, columns).

    Raises
    ------
    ModelError
        The method is "cam" and the head is not global average pooling with a linear layer.
    """
    if method == "hirescam":
        return np.asarray((gradient * features).sum(axis=0), dtype=np.float32)
    if method == "gradcam++":
        return weighted_map(features, plus_plus_weights(features, gradient))
    weights = np.asarray(gradient.mean(axis=(1, 2)), dtype=np.float32)
    if method == "gradcam":
        return weighted_map(features, weights)
    if not is_flat(gradient):
        raise ModelError("CAM needs a model that ends in global average pooling", hint="use Grad-CAM or HiResCAM")
    return weighted_map(features, weights) * np.float32(features[0].size)


def weighted_map(features: FloatArray, weights: FloatArray) -> FloatArray:
    """Return sum_k w_k f_k (rows, columns) of ``features`` (channels, rows, columns) and ``weights`` (channels,)."""
    return np.asarray(np.tensordot(weights, features, axes=1), dtype=np.float32)


def is_flat(gradient: FloatArray) -> bool:
    """Return whether a gradient (channels, rows, columns) is the same at every place, as average pooling has it."""
    largest = float(np.abs(gradient).max())
    return bool(
        np.allclose(gradient, gradient.mean(axis=(1, 2), keepdims=True), rtol=0.0, atol=_FLAT * largest + 1e-12)
    )


def plus_plus_weights(features: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return the weights (channels,) of Grad-CAM++; a channel without a gradient weighs nothing.

    The derivation takes features behind a ReLU, whose sum is not negative. Behind a leaky one it may be, and the
    fraction would pass through a pole; such a sum counts as zero, so that no share is above one half.
    """
    g = np.maximum(gradient.astype(np.float64), 0.0)
    total = np.maximum(features.astype(np.float64).sum(axis=(1, 2), keepdims=True), 0.0)
    below = 2.0 * g**2 + total * g**3
    shares = np.divide(g**2, below, out=np.zeros_like(g), where=np.abs(below) > 1e-30)
    return np.asarray((shares * g).sum(axis=(1, 2)), dtype=np.float32)


def ablation_weights(logit: float, ablated: FloatArray) -> FloatArray:
    """Return the weights (channels,) of Ablation-CAM from the logit and those (channels,) without each channel."""
    return np.asarray((logit - ablated.astype(np.float64)) / max(abs(logit), 1e-6), dtype=np.float32)


def eigen_map(features: FloatArray) -> FloatArray:
    """Return the projection (rows, columns) of ``features`` (channels, rows, columns) on their first component.

    The sign, which the decomposition leaves open, is that of the mean activation.
    """
    flat = features.reshape(features.shape[0], -1).T.astype(np.float64)
    centred = flat - flat.mean(axis=0)
    # The components of the smaller of the two products are as good and many times faster than those of a wide matrix.
    if flat.shape[0] < flat.shape[1]:
        _, vectors = np.linalg.eigh(centred @ centred.T)
        component = centred.T @ vectors[:, -1]
        component /= max(float(np.linalg.norm(component)), 1e-30)
    else:
        component = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    projected = flat @ component
    if float(projected @ flat.mean(axis=1)) < 0:
        projected = -projected
    return np.asarray(projected.reshape(features.shape[1:]), dtype=np.float32)


def above_noise(values: FloatArray) -> FloatArray:
    """Return a map with zero in place of what is below its mean plus one standard deviation; NaN stays.

    To be applied to the cells of the feature map, before it is enlarged.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    if known.size == 0:
        return values
    limit = np.float32(known.mean() + known.std())
    return np.where(values < limit, np.float32(0.0), values)
