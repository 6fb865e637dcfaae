"""The report of a microcalcification recipe, as :mod:`mammoviewer.training.report_html` shows it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch

import mammoviewer
from mammoviewer.base.arrays import ByteArray, DoubleArray, FloatArray
from mammoviewer.datasets.infn import CLASSES
from mammoviewer.datasets.splits import IndexArray
from mammoviewer.imaging.colormaps import colormap
from mammoviewer.training.architectures import Network
from mammoviewer.training.baselines import intensity_statistics
from mammoviewer.training.evaluation_figures import classification_figures, curves
from mammoviewer.training.grad_cam import grad_cam
from mammoviewer.training.kept_fits import CurvePoint
from mammoviewer.training.microcalc_data import MicrocalcData
from mammoviewer.training.microcalc_figures import INTENDED_USE
from mammoviewer.training.microcalc_settings import FOLDERS, command_of
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.report_html import png_text
from mammoviewer.training.scored import Scored, ScoredUnit

_ENLARGED = 3
_STRONGEST = 0.6


def page(
    run: RecipeRun,
    data: MicrocalcData,
    *,
    title: str,
    tested: DoubleArray,
    held_out: DoubleArray,
    threshold: float,
    learning: Mapping[str, Sequence[CurvePoint]],
    gallery: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """Return the report: figures and curves of the test and out-of-fold patches, learning curves, explanations.

    Parameters
    ----------
    tested, held_out
        Probabilities of class 1: of the test patches in their order; of all patches, where development ones count.
    learning
        By name, the curve of each training.
    """
    scores = {"test": (data.test, tested), "out of fold": (data.development, held_out[data.development])}
    parts = {}
    for name, (indices, probabilities) in scores.items():
        scored = _scored(data, indices, probabilities, threshold)
        parts[name] = {
            "metrics": classification_figures(scored, seed=run.spec.seed),
            "curves": curves(scored, seed=run.spec.seed),
        }
    return {
        "title": title,
        "intended_use": INTENDED_USE,
        "summary": parts["test"]["metrics"],
        "parts": parts,
        "learning": [{"name": name, "epochs": _epochs(curve)} for name, curve in learning.items()],
        "gallery": list(gallery),
        "parameters": {name: value for name, value in run.settings.items() if name not in FOLDERS},
        "command": command_of(run),
        "seeds": {"run": run.spec.seed, "split": data.split.seed},
        "data": {
            "patches": len(data.patches),
            "groups": len(set(data.groups)),
            "near-duplicate pairs": data.duplicates,
            "sha256 of the patches": hashlib.sha256(np.ascontiguousarray(data.patches.images).tobytes()).hexdigest(),
        },
        "versions": {
            "mammoviewer": mammoviewer.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    }


def explained_patches(
    run: RecipeRun, data: MicrocalcData, network: Network, scores: DoubleArray, threshold: float
) -> list[dict[str, str]]:
    """Return pictures of some test patches drawn at random, each beside its Grad-CAM by ``network``.

    Parameters
    ----------
    scores
        Of the test patches, for the captions and to tell hits from misses.
    """
    count = min(run.integer("explained"), len(data.test))
    chosen = np.sort(np.random.default_rng(run.spec.seed).permutation(len(data.test))[:count])
    if not len(chosen):
        return []
    pictures = data.part(data.test[chosen]).pictures
    maps = grad_cam(network, pictures)
    shown = []
    for place, picture, heat in zip(chosen.tolist(), pictures[:, 0].numpy(), maps, strict=True):
        index = int(data.test[place])
        decided = scores[place] >= threshold
        right = bool(decided) == bool(data.patches.labels[index])
        outcome = ("true" if right else "false") + (" positive" if decided else " negative")
        caption = f"{data.patches.names[index]}, {outcome}, score {scores[place]:.2f}"
        shown.append({"caption": caption, "png": png_text(_beside(picture, heat))})
    return shown


def _beside(picture: FloatArray, heat: FloatArray) -> ByteArray:
    """Return the patch and, right of it, the patch under its map, uint8 (rows, 2 columns, 3)."""
    grey = np.repeat((picture.clip(0, 1) * 255)[..., None], 3, axis=2)
    colours = colormap("inferno")[(heat.clip(0, 1) * 255).astype(np.uint8)].astype(np.float32)
    share = (_STRONGEST * heat)[..., None]
    both = np.concatenate([grey, grey * (1 - share) + colours * share], axis=1).astype(np.uint8)
    result: ByteArray = np.asarray(
        cv2.resize(both, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_NEAREST), dtype=np.uint8
    )
    return result


def _scored(data: MicrocalcData, indices: IndexArray, scores: DoubleArray, threshold: float) -> Scored:
    statistics = intensity_statistics(data.patches.images[indices])
    units = []
    for row, (index, score) in enumerate(zip(indices.tolist(), scores.tolist(), strict=True)):
        label, name = data.patches.labels[index], data.patches.names[index]
        units.append(
            ScoredUnit(
                name=name,
                patient=data.groups[index],
                breast=data.groups[index],
                image=name,
                truth=(1 - label, label),
                scores=(1 - score, score),
                strata={},
                statistics=tuple(statistics[row].tolist()),
            )
        )
    return Scored(CLASSES, CLASSES[1], threshold, False, "patch", tuple(units), normal_index=0)


def _epochs(curve: Sequence[CurvePoint]) -> list[dict[str, float | int | None]]:
    return [
        {"epoch": number, "loss": loss, "validation_loss": validation_loss, "auc": auc}
        for number, (loss, validation_loss, auc) in enumerate(curve, start=1)
    ]
