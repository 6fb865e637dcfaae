"""What a trained network says of whole films it has never seen: how often normal tissue is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray
from mammoviewer.base.errors import InputError
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM, Film, load_mini_mias
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.preparation import prepare_pixels
from mammoviewer.imaging.preparation_steps import PreparationStep
from mammoviewer.imaging.voi import VoiFunction, Window
from mammoviewer.training.architectures import Network
from mammoviewer.training.loop import logits_of, probabilities_of

_MOST_FILMS = 30
_WITHIN_BREAST = 0.95
_AS_STORED = Window(127.5, 255.0, VoiFunction.LINEAR_EXACT)


def check_films(
    directory: Path, network: Network, *, steps: Sequence[PreparationStep], pixel_size_mm: float, threshold: float
) -> Mapping[str, Any]:
    """Run a two-class network over mini-MIAS films.

    Returns
    -------
    dict
        ``normal_films`` and ``normal_patches_marked`` (mean over films of the share of the patches that reach the
        threshold, patches side by side within the breast), ``calcifications`` and ``calcifications_marked`` (share of
        the listed places of class CALC at which a patch within 1.7 mm reaches it).
    """
    films = load_mini_mias(directory)
    normal = [film for film in films if film.abnormality == "NORM"]
    normal = normal[:: max(1, len(normal) // _MOST_FILMS)][:_MOST_FILMS]
    shares = []
    for film in normal:
        patches = _breast_patches(*_prepared(film, steps, pixel_size_mm))
        if len(patches):
            shares.append(float(np.mean(_scores(network, patches) >= threshold)))
    found = []
    for film in films:
        if film.abnormality == "CALC" and film.centre is not None:
            values, _ = _prepared(film, steps, pixel_size_mm)
            centre = tuple(place * PIXEL_SIZE_MM / pixel_size_mm for place in film.centre)
            found.append(bool((_scores(network, _patches_at(values, centre)) >= threshold).any()))
    return {
        "normal_films": len(shares),
        "normal_patches_marked": float(np.mean(shares)),
        "calcifications": len(found),
        "calcifications_marked": float(np.mean(found)) if found else None,
    }


def _prepared(film: Film, steps: Sequence[PreparationStep], pixel_size_mm: float) -> tuple[FloatArray, BoolArray]:
    opened = open_paths([film.path], pixel_spacing_mm=PIXEL_SIZE_MM)
    if not opened.images:
        raise InputError("the film cannot be opened", path=film.path)
    spacing = (PIXEL_SIZE_MM, PIXEL_SIZE_MM)
    stored = opened.images[0].frame(0)
    pixels = prepare_pixels(stored, steps=steps, spacing_mm=spacing, target_mm=pixel_size_mm, voi=_AS_STORED)
    return pixels.values[0].clip(0.0, 1.0), pixels.mask


def _breast_patches(values: FloatArray, mask: BoolArray, side: int = 60) -> FloatArray:
    corners = [
        (row, column)
        for row in range(0, values.shape[0] - side + 1, side)
        for column in range(0, values.shape[1] - side + 1, side)
        if mask[row : row + side, column : column + side].mean() >= _WITHIN_BREAST
    ]
    patches = [values[row : row + side, column : column + side] for row, column in corners]
    return np.stack(patches) if patches else np.empty((0, side, side), dtype=np.float32)


def _patches_at(values: FloatArray, centre: tuple[float, ...], side: int = 60, step: int = 20) -> FloatArray:
    """Return the nine patches around a place, moved inwards where they would leave the film."""
    patches = []
    for row_offset in (-step, 0, step):
        for column_offset in (-step, 0, step):
            row = int(np.clip(round(centre[0]) - side // 2 + row_offset, 0, values.shape[0] - side))
            column = int(np.clip(round(centre[1]) - side // 2 + column_offset, 0, values.shape[1] - side))
            patches.append(values[row : row + side, column : column + side])
    return np.stack(patches)


def _scores(network: Network, patches: FloatArray) -> DoubleArray:
    scores: DoubleArray = probabilities_of(logits_of(network, torch.from_numpy(patches)[:, None]))[:, 1]
    return scores
