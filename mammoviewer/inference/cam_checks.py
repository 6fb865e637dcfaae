"""Can the explanations of a model be trusted? Checks that need nothing but its bundle.

``completeness`` is an identity that a right gradient of a linear head must satisfy; ``randomised head`` is the sanity
check of Adebayo et al. 2018 ("Sanity checks for saliency maps"): a map that stays the same when the head is replaced
by chance explains the picture and not the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam_maps import is_linear
from mammoviewer.inference.cam_methods import ablation_weights, class_map, is_flat, weighted_map
from mammoviewer.inference.manifest import ModelManifest, read_verified
from mammoviewer.inference.manifest_schema import DETECTION, GRADIENT_METHODS
from mammoviewer.inference.onnx_parts import cpu_session, head_logits, head_operators, parsed_model, part_between
from mammoviewer.inference.onnx_session import OnnxModel

COMPLETENESS_TOLERANCE = 1e-3
MOST_ALIKE = 0.5
"""A map and those of random heads may have this rank correlation in the mean, and no more."""
_DRAWS = 20
_PATCHES = 3
_SEED = 20


class Skipped(Exception):
    """A check does not apply to a model; the text says why."""


def completeness(model: OnnxModel) -> str:
    """Return how well the map adds up to the logit, for every class; raises :class:`Skipped` for other heads.

    With b the logit of features that are 0: mean(CAM) + b = logit where the head is average pooling and one linear
    layer, sum(HiResCAM) + b = logit where it is linear.

    Raises
    ------
    ModelError
        It does not.
    """
    _needs_classifier(model.manifest)
    if not model.manifest.cam.head_grad:
        raise Skipped("the bundle has no gradient file")
    if not is_linear(model):
        rest = sorted(set(head_operators(model)) - {"Gemm", "MatMul", "Flatten", "Add", "Reshape"})
        raise Skipped(f"the head is not linear ({', '.join(rest)}), so no map has to add up to the logit")
    worst, name = 0.0, "mean(CAM)"
    for patch in textured_patches(model.manifest, _PATCHES):
        _, features = model.run(patch[np.newaxis])
        ends = [model.class_logits(head_logits(model, one))[0] for one in (features, np.zeros_like(features))]
        for index in range(len(model.manifest.outputs.classes)):
            gradient = model.head_gradient(features, index)[0]
            flat = is_flat(gradient)
            name = "mean(CAM)" if flat else "sum(HiResCAM)"
            values = class_map(features[0], gradient, "cam" if flat else "hirescam").astype(np.float64)
            total = float(values.mean() if flat else values.sum())
            logit, bias = float(ends[0][index]), float(ends[1][index])
            worst = max(worst, abs(total + bias - logit) / max(1.0, abs(logit)))
    if worst > COMPLETENESS_TOLERANCE:
        raise ModelError(f"{name} + b differs from the logit by {worst:.2g} of it")
    return f"{name} + b = logit within {worst:.1g}"


def randomised_head(model: OnnxModel) -> str:
    """Return how alike the maps of the model and of its head with random weights are, as a mean rank correlation.

    Raises
    ------
    ModelError
        They are alike: the map does not depend on what the model has learnt to tell apart.
    """
    manifest = model.manifest
    _needs_classifier(manifest)
    method = manifest.cam.method
    if method == "eigencam":
        raise Skipped("Eigen-CAM does not look at the head by its definition: its map knows no class")
    if method == "occlusion":
        raise Skipped("occlusion runs the model itself: there is no gradient that could be another's")
    gradient = method in GRADIENT_METHODS
    patches = list(textured_patches(manifest, _PATCHES))
    features = [model.run(patch[np.newaxis])[1] for patch in patches]
    graph = _explained_part(manifest, gradient=gradient)
    own = [_signed_map(model, cpu_session(graph), one, method) for one in features]
    generator = np.random.Generator(np.random.Philox(_SEED))
    alike = []
    for _ in range(_DRAWS):
        session = cpu_session(_randomised(graph, generator))
        maps = [_signed_map(model, session, one, method) for one in features]
        alike += [rank_correlation(one, other) for one, other in zip(own, maps, strict=True)]
    mean = float(np.mean(alike))
    if mean > MOST_ALIKE:
        raise ModelError(f"the map stays the same with a random head (rank correlation {mean:.2f})")
    return f"{method}: rank correlation {mean:.2f} with the maps of {_DRAWS} random heads"


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Return Spearman's correlation of two maps; 0 where one of them is the same everywhere."""
    first, second = _ranks(one.ravel()), _ranks(other.ravel())
    spread = float(first.std() * second.std())
    if spread < 1e-12:
        return 0.0
    return float(((first - first.mean()) * (second - second.mean())).mean() / spread)


def textured_patches(manifest: ModelManifest, count: int) -> FloatArray:
    """Return patches float32 (n, channels, rows, columns) of blurred noise in the value range, the same every time."""
    import cv2

    rows, columns = manifest.size or (128, 128)
    generator = np.random.Generator(np.random.Philox(_SEED))
    low, high = manifest.input.value_range
    noise = generator.standard_normal((count, rows, columns)).astype(np.float32)
    blurred = np.stack([sum(cv2.GaussianBlur(one, (0, 0), width) * width for width in (1, 3, 9)) for one in noise])
    scaled = 0.5 + blurred / (6 * blurred.std())
    grey = np.clip(low + (high - low) * scaled, low, high).astype(np.float32)
    return np.ascontiguousarray(np.repeat(grey[:, np.newaxis], manifest.channels, axis=1))


def _needs_classifier(manifest: ModelManifest) -> None:
    if manifest.task == DETECTION:
        raise Skipped("the model gives boxes: class activation maps explain classifiers")


def _explained_part(manifest: ModelManifest, *, gradient: bool) -> Any:
    if gradient:
        return parsed_model(read_verified(manifest, "head_grad"))
    outputs = manifest.outputs
    return part_between(parsed_model(read_verified(manifest, "model")), outputs.features, outputs.logits)


def _signed_map(model: OnnxModel, session: Any, features: FloatArray, method: str) -> FloatArray:
    """Return the map of features (1, C, rows, columns) with its sign, by a gradient or a head in ``session``."""
    outputs, index = model.manifest.outputs, model.manifest.outputs.positive_index
    if method in GRADIENT_METHODS:
        weights = np.zeros((1, outputs.logit_count), dtype=np.float32)
        weights[0, 0 if outputs.logit_count == 1 else index] = 1.0
        (gradient,) = session.run(["gradient"], {"features": features, "class_weights": weights})
        # A random head need not be flat: what CAM and Grad-CAM have in common is the mean gradient.
        return class_map(features[0], gradient[0], "gradcam" if method == "cam" else method)
    whole = np.repeat(features, features.shape[1] + 1, axis=0)
    places = np.arange(features.shape[1])
    whole[places, places] = 0.0
    logits = np.concatenate([session.run([outputs.logits], {outputs.features: one[np.newaxis]})[0] for one in whole])
    of_class = model.class_logits(logits)[:, index]
    return weighted_map(features[0], ablation_weights(float(of_class[-1]), of_class[:-1]))


def _randomised(graph: Any, generator: np.random.Generator) -> Any:
    """Return a copy of an ONNX model whose weights are drawn from a normal distribution as wide as they are."""
    import onnx
    from onnx import numpy_helper

    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    for tensor in copy.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.ndim >= 2:
            drawn = generator.normal(0.0, max(float(values.std()), 1e-6), values.shape).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(drawn, tensor.name))
    return copy


def _ranks(values: FloatArray) -> DoubleArray:
    """Return the ranks of values, equal ones with their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: DoubleArray = (ends - (counts - 1) / 2.0)[places].astype(np.float64)
    return ranks
