"""What the model that a retraining starts from says of the same patches."""

from __future__ import annotations

import math

import numpy as np

from mammoviewer.annotations.birads import birads
from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel, as_batch

_BATCH = 64
_SAME_SIZE = 0.01


def incumbent_scores(base: ModelManifest, patches: PatchSet, positive: str, pixel_size_mm: float) -> DoubleArray | None:
    """Return the base model's probability (n,) of the class that is now ``positive``.

    ``None`` where the two cannot be compared: the base model does not know the class, or sees patches of another size
    or pixel size.

    Raises
    ------
    TrainingError
        The base model cannot be run.
    """
    names = [birads().label_for(name) for name in base.outputs.classes]
    wanted = birads().label_for(positive)
    own = base.input.pixel_size_mm
    if wanted not in names or own is None or not math.isclose(own, pixel_size_mm, rel_tol=_SAME_SIZE):
        return None
    if patches.images.shape[1:] != base.size:
        return None
    try:
        model = OnnxModel(base)
        starts = range(0, len(patches), _BATCH)
        parts = [model.scores(as_batch(patches.images[i : i + _BATCH, np.newaxis], base.channels)) for i in starts]
    except MammoViewerError as error:
        raise TrainingError(f"the base model cannot be used: {error.reason}", path=base.folder) from error
    result: DoubleArray = np.concatenate(parts)[:, names.index(wanted)].astype(np.float64)
    return result
