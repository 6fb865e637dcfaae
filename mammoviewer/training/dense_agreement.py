"""How far the one-pass form of a patch classifier is from its patches, window by window, on real images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.model_records import DenseAgreement
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import prepare_frame
from mammoviewer.training.metrics import Truth, area_under_curve

_SIDE_PX = 900
_WINDOWS = 400
_BATCH = 50
_SUFFIXES = (".dcm", ".png")
SIZE_WHERE_NONE_IS_KNOWN_MM = 0.1


def images_of(folders: str) -> tuple[Path, ...]:
    """Return the DICOM and PNG files of folders that are named with commas between.

    Raises
    ------
    TrainingError
        A folder has none.
    """
    found: list[Path] = []
    for folder in (Path(part.strip()) for part in folders.split(",") if part.strip()):
        inside = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
        if not inside:
            raise TrainingError("there is no image (.dcm, .png) to compare the one-pass form on", path=folder)
        found += inside
    return tuple(found)


def dense_agreement(
    manifest: ModelManifest,
    paths: Sequence[Path],
    patches: FloatArray,
    truth: Truth,
    *,
    dense_stride: int,
    seed: int,
) -> DenseAgreement:
    """Compare both forms; return how far they are apart.

    Of every image, windows in the middle of the breast are drawn at random; their probabilities and those of the
    patches are compared together. The difference of the AUC is that on the patches.

    Parameters
    ----------
    manifest
        Of a model folder with a one-pass form.
    paths
        DICOM files or PNG pictures (0.1 mm per pixel where they do not say), see :func:`images_of`.
    patches, truth
        Labelled patches (n, channels, rows, columns) as the model sees them.

    Raises
    ------
    TrainingError
        An image does not fit the model.
    """
    model = OnnxModel(manifest, threads=1)
    generator = np.random.default_rng(seed)
    singly = [_by_patch(model, patches)]
    together = [_positive(model, np.concatenate([model.dense_logits(one[None])[0, :, 0, :1].T for one in patches]))]
    areas = [area_under_curve(truth, scores[0]) for scores in (singly, together)]
    for path in paths:
        part = _middle(path, manifest)
        logits = model.dense_logits(part[None])[0]
        rows, columns = (generator.integers(0, size, _WINDOWS) for size in logits.shape[1:])
        high, wide = manifest.windows.patch
        corners = zip((rows * dense_stride).tolist(), (columns * dense_stride).tolist(), strict=True)
        windows = np.stack([part[:, row : row + high, column : column + wide] for row, column in corners])
        singly.append(_by_patch(model, windows))
        together.append(_positive(model, logits[:, rows, columns].T))
    first, second = np.concatenate(singly), np.concatenate(together)
    apart = np.abs(first - second)
    return DenseAgreement(
        spearman=float(spearmanr(first, second).statistic),
        mean_abs_dp=float(apart.mean()),
        max_abs_dp=float(apart.max()),
        auc_difference=float(areas[1] - areas[0]),
    )


def _by_patch(model: OnnxModel, patches: FloatArray) -> DoubleArray:
    starts = range(0, len(patches), _BATCH)
    return np.concatenate([_positive(model, model.logits(patches[at : at + _BATCH])) for at in starts])


def _positive(model: OnnxModel, logits: FloatArray) -> DoubleArray:
    result: DoubleArray = model.probabilities(logits)[:, model.manifest.outputs.positive_index].astype(np.float64)
    return result


def _middle(path: Path, manifest: ModelManifest) -> FloatArray:
    """Return a square part (channels, rows, columns) of an image as the model sees it, in the middle of the breast."""
    try:
        opened = open_paths([path], pixel_spacing_mm=SIZE_WHERE_NONE_IS_KNOWN_MM)
        prepared = prepare_frame(opened.images[0], 0, manifest, pixel_size_mm=SIZE_WHERE_NONE_IS_KNOWN_MM)
    except (MammoViewerError, IndexError) as error:
        raise TrainingError("the image does not fit the model", path=path) from error
    inside = np.argwhere(prepared.mask)
    middle = inside.mean(axis=0) if len(inside) else np.asarray(prepared.shape) / 2
    first = [
        int(np.clip(round(float(at)) - _SIDE_PX // 2, 0, max(size - _SIDE_PX, 0)))
        for at, size in zip(middle, prepared.shape, strict=True)
    ]
    rows, columns = (slice(start, start + _SIDE_PX) for start in first)
    return np.ascontiguousarray(prepared.values[:, rows, columns])
