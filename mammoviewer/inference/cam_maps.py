"""The explanations of patches by a model: its features, the gradient of its head, and a method on them."""

from __future__ import annotations

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.inference.cam_methods import (
    GRADIENT_METHODS,
    METHODS,
    ablation_weights,
    class_map,
    eigen_map,
    weighted_map,
)
from mammoviewer.inference.feature_places import FeaturePlaces, even_places, feature_places
from mammoviewer.inference.manifest_schema import DETECTION
from mammoviewer.inference.onnx_parts import head_logits, head_operators
from mammoviewer.inference.onnx_session import OnnxModel, as_batch

_CHANNELS_AT_ONCE = 64
_LINEAR = frozenset(
    {"GlobalAveragePool", "AveragePool", "ReduceMean", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose"}
    | {"BatchNormalization", "Dropout", "Gemm", "MatMul", "Conv", "Add", "Identity"}
    | {"Constant", "Shape", "Gather", "Concat", "Cast", "Slice"}
)


class Explainer:
    """One method for one class of a model.

    Parameters
    ----------
    method
        One of ``METHODS``; that of the model's manifest by default.
    class_index
        The class whose evidence is mapped; the positive one by default.

    Raises
    ------
    ArgumentError
        There is no such method.
    ModelError
        The bundle has no gradient and the method needs one, or the model is no classifier.
    """

    def __init__(self, model: OnnxModel, method: str | None = None, class_index: int | None = None) -> None:
        manifest = model.manifest
        self.model = model
        self.method = method or manifest.cam.method
        self.class_index = manifest.outputs.positive_index if class_index is None else class_index
        self._constant: FloatArray | None = None
        self._linear: bool | None = None
        if self.method not in METHODS:
            raise ArgumentError(f"there is no method {self.method!r}", hint="one of " + ", ".join(METHODS))
        if manifest.task == DETECTION:
            raise ModelError(f"model {manifest.identity} gives boxes: class activation maps explain classifiers")
        if self.method in GRADIENT_METHODS and not manifest.cam.head_grad:
            hint = "use eigencam, ablationcam or occlusion"
            raise ModelError(f"model {manifest.identity} has no gradient file", hint=hint)

    @property
    def class_name(self) -> str:
        """Return the class whose evidence is mapped."""
        return self.model.manifest.outputs.classes[self.class_index]

    def places(self, values: FloatArray, size: tuple[int, int]) -> FeaturePlaces:
        """Return where the cells of a map (rows, columns) lie in what it explains, ``size`` model pixels large."""
        return self.places_of((values.shape[0], values.shape[1]), size)

    def places_of(self, cells: tuple[int, int], size: tuple[int, int]) -> FeaturePlaces:
        """Return where ``cells`` (rows, columns) lie; what is covered for occlusion parts a patch evenly."""
        return even_places(size, cells) if self.method == "occlusion" else feature_places(self.model, size, cells)

    def maps(self, patches: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the maps float32 (N, feature rows, feature columns) and probabilities (N,) of patches.

        ``patches`` is float32 (N, channels, rows, columns). Negative values are cut to 0, except by the method "cam".
        """
        batch = as_batch(patches, self.model.manifest.channels)
        size = len(batch) if self.model.manifest.input.shape[0] is None else 1
        parts = [self.model.run(batch[start : start + size]) for start in range(0, len(batch), size)]
        scores = np.concatenate([part[0] for part in parts])[:, self.class_index]
        features = np.concatenate([part[1] for part in parts])
        if self.method != "occlusion":
            return np.stack([self.of_features(one) for one in features]), scores
        shape = (features.shape[2], features.shape[3])
        pairs = zip(patches, scores.tolist(), strict=True)
        return np.stack([self._occlusion(patch, score, shape) for patch, score in pairs]), scores

    def of_features(self, features: FloatArray) -> FloatArray:
        """Return the map (feature rows, feature columns) of the features (C, feature rows, feature columns) of a patch.

        Not for occlusion, which needs the pixels.
        """
        if self.method in GRADIENT_METHODS:
            values = class_map(features, self._gradient(features), self.method)
        elif self.method == "eigencam":
            values = eigen_map(features)
        else:
            values = self._ablation(features)
        return values if self.method == "cam" else np.maximum(values, np.float32(0.0))

    def _gradient(self, features: FloatArray) -> FloatArray:
        """Return d logit / d features; of a linear head it is the same everywhere and asked for once."""
        if self._constant is not None:
            return self._constant
        gradient: FloatArray = self.model.head_gradient(features[np.newaxis], self.class_index)[0]
        if self._linear is None:
            self._linear = is_linear(self.model)
        if self._linear:
            self._constant = gradient
        return gradient

    def _ablation(self, features: FloatArray) -> FloatArray:
        model, channels = self.model, len(features)
        whole = float(model.class_logits(head_logits(model, features[np.newaxis]))[0, self.class_index])
        without = []
        for start in range(0, channels, _CHANNELS_AT_ONCE):
            picked = np.arange(start, min(start + _CHANNELS_AT_ONCE, channels))
            batch = np.repeat(features[np.newaxis], len(picked), axis=0)
            batch[np.arange(len(picked)), picked] = 0.0
            without.append(model.class_logits(head_logits(model, batch))[:, self.class_index])
        return weighted_map(features, ablation_weights(whole, np.concatenate(without)))

    def _occlusion(self, patch: FloatArray, score: float, shape: tuple[int, int]) -> FloatArray:
        """Return the fall of the score for a covering square of two cells around each cell of a map of ``shape``."""
        cell = (patch.shape[1] / shape[0], patch.shape[2] / shape[1])
        falls = np.empty(shape, dtype=np.float32)
        for row in range(shape[0]):
            covered = np.repeat(patch[np.newaxis], shape[1], axis=0)
            rows = slice(max(0, round((row - 0.5) * cell[0])), round((row + 1.5) * cell[0]))
            for column in range(shape[1]):
                columns = slice(max(0, round((column - 0.5) * cell[1])), round((column + 1.5) * cell[1]))
                covered[column, :, rows, columns] = patch.mean(axis=(1, 2))[:, np.newaxis, np.newaxis]
            falls[row] = score - self._scores(covered)
        return np.maximum(falls, np.float32(0.0))

    def _scores(self, patches: FloatArray) -> FloatArray:
        model = self.model
        batch = as_batch(patches, model.manifest.channels)
        size = len(batch) if model.manifest.input.shape[0] is None else 1
        parts = [model.scores(batch[start : start + size]) for start in range(0, len(batch), size)]
        return np.concatenate(parts)[:, self.class_index]


def is_linear(model: OnnxModel) -> bool:
    """Return whether the head is made of linear operators alone, so that its gradient is the same for all features."""
    return set(head_operators(model)) <= _LINEAR
