"""Do explanations point at the lesion? The pointing game and the energy in the mask, against the middle of the breast.

- pointing game (Zhang et al. 2018, "Top-down neural attention by excitation backprop"): the share of maps whose highest
  place lies in the mask of the lesion
- energy in the mask (Wang et al. 2020, "Score-CAM"): the share of the sum of the map that lies in it
- baseline: the middle of what is looked at, and a Gaussian around it; lesions lie there more often than at the edge, so
  that a map without any knowledge is not as bad as chance
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.imaging.phantom.field import generator, power_law_field
from mammoviewer.inference.cam_checks import Skipped
from mammoviewer.inference.cam_maps import Explainer
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.manifest_schema import DETECTION
from mammoviewer.inference.onnx_session import OnnxModel

FEWEST = 6
"""From so few lesions nothing is told."""
_SEED = 20
_HALF = 0.5
_LESIONS = 24
_LARGE_PX = 60_000
_TEXTURE, _SPECK, _MASS = 0.06, 0.3, 0.22


@dataclass(frozen=True)
class Localised:
    """One map against the mask of its lesion: whether it points into it, its energy there, and both of the baseline."""

    hit: bool
    energy: float
    baseline_hit: bool
    baseline_energy: float


def localised(values: FloatArray, lesion: BoolArray, breast: BoolArray) -> Localised:
    """Return how a map (rows, columns) fares, with the masks of the lesion and of the breast on the same grid."""
    seen = np.where(breast, np.maximum(np.nan_to_num(values), 0.0), 0.0).astype(np.float64)
    middle = centre_map(breast)
    return Localised(
        # Of places that are as high most have to lie in the lesion.
        hit=bool(seen.max() > 0 and lesion[seen >= 0.999 * seen.max()].mean() > _HALF),
        energy=_share(seen, lesion),
        baseline_hit=bool(lesion.flat[int(middle.argmax())]),
        baseline_energy=_share(middle, lesion),
    )


def centre_map(breast: BoolArray) -> FloatArray:
    """Return a Gaussian around the middle of the breast, half as wide as the breast spreads."""
    rows, columns = np.nonzero(breast)
    if rows.size == 0:
        return np.zeros(breast.shape, dtype=np.float32)
    along = []
    for places, size in ((rows, breast.shape[0]), (columns, breast.shape[1])):
        width = max(float(places.std()) / 2, 0.5)
        along.append(np.exp(-0.5 * ((np.arange(size) - float(places.mean())) / width) ** 2))
    return np.where(breast, np.outer(along[0], along[1]), 0.0).astype(np.float32)


def verdict(results: Sequence[Localised]) -> str:
    """Return both figures beside the baseline.

    Raises
    ------
    ModelError
        The maps point at lesions less often than the middle of the breast does.
    Skipped
        There are too few to tell.
    """
    if len(results) < FEWEST:
        raise Skipped(f"only {len(results)} lesions are found, {FEWEST} are needed to tell")
    hits, baseline = (float(np.mean([getattr(r, name) for r in results])) for name in ("hit", "baseline_hit"))
    energy, middle = (float(np.mean([getattr(r, name) for r in results])) for name in ("energy", "baseline_energy"))
    text = (
        f"pointing game {hits:.2f} (middle of the breast {baseline:.2f}), "
        f"energy in the mask {energy:.2f} ({middle:.2f}), {len(results)} lesions"
    )
    if hits < baseline:
        raise ModelError(f"the maps point at lesions less often than the middle does: {text}")
    return text if energy > middle else f"{text}; no more of the map lies in lesions than of a blot in the middle"


def phantom_localisation(model: OnnxModel) -> str:
    """Return how the maps of computed patches with one lesion off the middle fare, where the model finds the lesion.

    Raises
    ------
    ModelError
        The maps point at lesions less often than the middle of the patch does.
    Skipped
        The model is no classifier, or finds too few of the lesions: it was made for others.
    """
    manifest = model.manifest
    if manifest.task == DETECTION:
        raise Skipped("the model gives boxes: class activation maps explain classifiers")
    explainer = Explainer(model)
    rows, columns = manifest.size or (128, 128)
    count = _LESIONS if rows * columns < _LARGE_PX else _LESIONS // 3
    patches, masks = phantom_patches(manifest, count)
    results = []
    for patch, mask in zip(patches, masks, strict=True):
        maps, scores = explainer.maps(patch[np.newaxis])
        if scores[0] >= manifest.outputs.operating_threshold:
            spread = explainer.places(maps[0], (rows, columns)).spread(maps[0], (rows, columns))
            results.append(localised(spread, mask, np.ones_like(mask)))
    if len(results) < FEWEST:
        raise Skipped(f"the model finds {len(results)} of {count} computed lesions: see --data for its own kind")
    return verdict(results)


def phantom_patches(manifest: ModelManifest, count: int) -> tuple[FloatArray, BoolArray]:
    """Return computed patches float32 (n, channels, rows, columns) and the masks bool (n, rows, columns) of lesions.

    Tissue is a field with the spectrum of mammograms; the lesion, off the middle, is a cluster of specks where the
    model looks for calcifications, else a mass. The same every time.
    """
    rows, columns = manifest.size or (128, 128)
    rng = generator(_SEED, 6)
    specks = "calc" in manifest.outputs.positive_class.lower()
    low, high = manifest.input.value_range
    patches, masks = [], []
    for _ in range(count):
        field = power_law_field(rng, (rows, columns), beta=3.0, pixel_mm=1.0)
        grey = 0.45 + _TEXTURE * (field - field.mean()) / max(float(field.std()), 1e-6)
        angle, reach = rng.uniform(0, 2 * np.pi), 0.27
        centre = (rows * (0.5 + reach * np.sin(angle)), columns * (0.5 + reach * np.cos(angle)))
        radius = 0.13 * min(rows, columns)
        down, across = np.mgrid[0:rows, 0:columns]
        distance = np.hypot(down - centre[0], across - centre[1])
        if specks:
            grey = grey + _specks(rng, (rows, columns), centre, radius)
        else:
            grey = grey + _MASS / (1.0 + np.exp((distance - radius) / (0.15 * radius)))
        patches.append(np.clip(low + (high - low) * grey, low, high).astype(np.float32))
        masks.append(distance <= 1.4 * radius)
    repeated = np.repeat(np.stack(patches)[:, np.newaxis], manifest.channels, axis=1)
    return np.ascontiguousarray(repeated), np.stack(masks)


def _specks(rng: np.random.Generator, shape: tuple[int, int], centre: tuple[float, float], radius: float) -> FloatArray:
    """Return a cluster of nine specks of two to four pixels."""
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]]
    added = np.zeros(shape, dtype=np.float32)
    for _ in range(9):
        row, column = rng.normal(centre, radius / 2)
        width = rng.uniform(0.8, 1.5)
        added += _SPECK * np.exp(-0.5 * ((down - row) ** 2 + (across - column) ** 2) / width**2).astype(np.float32)
    return added


def _share(values: FloatArray | np.ndarray[tuple[int, ...], np.dtype[np.float64]], mask: BoolArray) -> float:
    total = float(values.sum())
    return float(values[mask].sum() / total) if total > 0 else 0.0
