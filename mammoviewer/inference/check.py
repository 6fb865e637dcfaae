"""Is a model bundle sound? Each check is one line, so that a bad bundle says where it is bad."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam_checks import Skipped, completeness, randomised_head
from mammoviewer.inference.cam_localisation import phantom_localisation
from mammoviewer.inference.manifest import CARD_NAME, ModelManifest, read_verified
from mammoviewer.inference.manifest_schema import DETECTION
from mammoviewer.inference.onnx_parts import head_logits
from mammoviewer.inference.onnx_session import OnnxModel

_SEED = 20
_DIRECTIONS = 5
_FREE_SIZE = (128, 128)
_GRADIENT_TOLERANCE = 0.02
_STEP_LENGTHS = (1e-2, 3e-3, 1e-3, 3e-4)


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check, with what was found; ``skipped`` where it does not apply to the model."""

    name: str
    passed: bool
    detail: str
    skipped: bool = False


def check_model(manifest: ModelManifest, *, explanations: bool = True) -> Iterator[CheckResult]:
    """Yield the result of every check of a bundle whose manifest has been read; later ones need the earlier ones.

    ``explanations`` also checks what explains the scores, which takes longer and does not make a model unsound.
    """
    model = OnnxModel(manifest)
    checks: list[tuple[str, Callable[[OnnxModel], str]]] = [
        ("files", _files),
        ("operators", _operators),
        ("provider", _provider),
        ("zeros", _zeros),
        ("batch", _batch),
    ]
    if manifest.cam.head_grad:
        checks.append(("head_grad", _head_gradient))
    if "int8" in manifest.files:
        checks.append(("int8", _int8))
    if explanations:
        checks += [("completeness", completeness), ("randomised head", randomised_head)]
        checks.append(("pointing game", phantom_localisation))
    for name, check in checks:
        result = outcome(name, functools.partial(check, model))
        yield result
        if not result.passed:
            return


def outcome(name: str, check: Callable[[], str]) -> CheckResult:
    """Return the result of one check, which returns what it found, or raises ModelError or Skipped."""
    try:
        return CheckResult(name, True, check())
    except Skipped as reason:
        return CheckResult(name, True, str(reason), skipped=True)
    except ModelError as error:
        return CheckResult(name, False, str(error))


def card_text(manifest: ModelManifest) -> str:
    """Return the model card: CARD.md of the bundle, or the facts of the manifest when it has none.

    Raises
    ------
    ModelError
        CARD.md is there but cannot be read as text.
    """
    path: Path = manifest.folder / CARD_NAME
    if path.is_file() and path.resolve().is_relative_to(manifest.folder.resolve()):
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError("the model card cannot be read", path=path) from error
    lines = [
        f"# {manifest.title}",
        "",
        f"- model: {manifest.identity}, made {manifest.created}",
        f"- classes: {', '.join(manifest.outputs.classes)}; mapped: {manifest.outputs.positive_class}",
        f"- intended use: {manifest.intended_use or 'not stated'}",
        *(
            f"- training data: {entry.get('name', '')} ({entry.get('terms', 'terms not stated')})"
            for entry in manifest.training_data
        ),
        *(f"- {name}: {value}" for name, value in manifest.metrics.items()),
    ]
    return "\n".join(lines) + "\n"


def gradient_error(model: OnnxModel) -> float:
    """Return how far head_grad is from finite differences of the head, relative, the median over random directions.

    The head, from the features to the logits, is cut out of the model file; so the two files are checked against each
    other, at random features and not at the ones an exporter used. Rectifiers make a head kinked, so that a long step
    misses the slope, and single precision makes a short one noisy: the best of a few lengths counts.
    """
    outputs = model.manifest.outputs
    features = _random_features(model)
    gradient = model.head_gradient(features, outputs.positive_index).astype(np.float64)
    generator = np.random.Generator(np.random.Philox(_SEED))
    column = 0 if outputs.logit_count == 1 else outputs.positive_index

    def logit(place: DoubleArray) -> float:
        logits = head_logits(model, place.astype(np.float32))
        return float(logits[0, column])

    errors = []
    for _ in range(_DIRECTIONS):
        direction = generator.standard_normal(features.shape)
        # Along the gradient, mixed with chance: an orthogonal direction would compare noise with noise.
        direction = direction / np.linalg.norm(direction) + gradient / max(float(np.linalg.norm(gradient)), 1e-12)
        stated = float((gradient * direction).sum())
        unit = max(float(np.linalg.norm(features)), 1e-3) / float(np.linalg.norm(direction))
        by_length = []
        for length in _STEP_LENGTHS:
            step = length * unit
            measured = (logit(features + step * direction) - logit(features - step * direction)) / (2 * step)
            by_length.append(abs(measured - stated) / max(abs(measured), abs(stated), 1e-9))
        errors.append(min(by_length))
    return float(np.median(errors))


def _files(model: OnnxModel) -> str:
    sizes = [f"{role} {len(read_verified(model.manifest, role)):,} bytes" for role in model.manifest.files]
    return "SHA-256 as in the manifest: " + ", ".join(sizes)


def _operators(model: OnnxModel) -> str:
    roles = model.manifest.files
    return "; ".join(f"{role}: {', '.join(model.operators(role))}" for role in roles)


def _provider(model: OnnxModel) -> str:
    model.load()
    return f"{model.provider}, {model.threads} thread{'s' if model.threads > 1 else ''}"


def _zeros(model: OnnxModel) -> str:
    if model.manifest.task == DETECTION:
        return _boxes_on_zeros(model)
    scores, features = model.run(_blank(model, 1))
    again, _ = model.run(_blank(model, 1))
    if not np.array_equal(scores, again):
        raise ModelError("the same input gives different scores")
    index = model.manifest.outputs.positive_index
    positive = model.manifest.outputs.positive_class
    return f"p({positive}) = {scores[0, index]:.4f} on zeros, features {list(features.shape[1:])}"


def _boxes_on_zeros(model: OnnxModel) -> str:
    boxes, scores = model.boxes(_blank(model, 1))
    again = model.boxes(_blank(model, 1))
    if not (np.array_equal(boxes, again[0]) and np.array_equal(scores, again[1])):
        raise ModelError("the same input gives different boxes")
    positive = model.manifest.outputs.positive_class
    highest = float(scores[:, model.manifest.outputs.positive_index].max(initial=0.0))
    return f"{len(boxes)} boxes, highest p({positive}) = {highest:.4f} on zeros"


def _batch(model: OnnxModel) -> str:
    if model.manifest.task == DETECTION:
        return "one image at a time"
    if model.manifest.input.shape[0] == 1:
        return "one patch at a time"
    generator = np.random.Generator(np.random.Philox(_SEED))
    low, high = model.manifest.input.value_range
    batch = generator.uniform(low, high, size=_blank(model, 5).shape).astype(np.float32)
    together = model.scores(batch)
    alone = np.concatenate([model.scores(batch[i : i + 1]) for i in range(len(batch))])
    difference = float(np.abs(together - alone).max())
    if difference > 1e-4:
        raise ModelError(f"patches in one batch influence each other (scores differ by {difference:.2g})")
    return f"patches are independent (largest difference {difference:.1g})"


def _head_gradient(model: OnnxModel) -> str:
    error = gradient_error(model)
    if error > _GRADIENT_TOLERANCE:
        raise ModelError(f"the gradient differs from finite differences of the head by {error:.1%}")
    return f"agrees with finite differences of the head within {error:.1g}"


def _int8(model: OnnxModel) -> str:
    """Run the int8 form; its agreement on real patches was measured when it was made, and stands in the manifest."""
    stated = model.manifest.metrics.get("int8")
    if not isinstance(stated, Mapping) or not isinstance(stated.get("mean_abs_dp"), int | float):
        raise ModelError("the manifest does not tell how far the int8 file agrees with the model (metrics.int8)")
    small = OnnxModel(model.manifest, threads=model.threads, int8=True)
    generator = np.random.Generator(np.random.Philox(_SEED))
    low, high = model.manifest.input.value_range
    noise = generator.uniform(low, high, size=_blank(model, 1).shape).astype(np.float32)
    change = float(np.abs(small.scores(noise) - model.scores(noise)).max())
    patches, mean = stated.get("measured_on"), float(stated["mean_abs_dp"])
    return f"runs; mean |dp| {mean:.4f} on {patches} patches when it was made, {change:.4f} on noise here"


def _blank(model: OnnxModel, count: int) -> FloatArray:
    """Return zeros (count, channels, rows, columns); of a model for any size as large as a small picture."""
    return np.zeros((count, model.manifest.channels, *(model.manifest.size or _FREE_SIZE)), dtype=np.float32)


def _random_features(model: OnnxModel) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(_SEED + 1))
    low, high = model.manifest.input.value_range
    _, features = model.run(generator.uniform(low, high, size=_blank(model, 1).shape).astype(np.float32))
    return features
