"""A map painted from the marks of a detection model, so that it can lie over the image as any other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoviewer.inference.detections import Detection
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.preprocess import PreparedImage

_CELLS_PER_SIDE = 256


def box_heatmap(prepared: PreparedImage, manifest: ModelManifest, marks: Sequence[Detection]) -> Heatmap:
    """Return the largest score among the boxes of marks of the positive class over each cell, 0 where there is none.

    Boxes that do not become marks are left out: they are thousands, and together they cover the breast.

    Returns
    -------
    Heatmap
        About 256 cells along the longer side; it has no windows, so all its ``scores`` are NaN.
    """
    rows, columns = prepared.stored_shape
    step = max(1.0, max(rows, columns) / _CELLS_PER_SIDE)
    values = np.zeros((max(1, round(rows / step)), max(1, round(columns / step))), dtype=np.float32)
    steps = (rows / values.shape[0], columns / values.shape[1])
    shown = [mark for mark in marks if mark.class_name == manifest.outputs.positive_class]
    for mark in sorted(shown, key=lambda one: one.score):
        top, left, bottom, right = (edge + 0.5 for edge in mark.box)
        covered = (
            slice(max(0, round(top / steps[0])), max(0, round(bottom / steps[0]))),
            slice(max(0, round(left / steps[1])), max(0, round(right / steps[1]))),
        )
        values[covered] = mark.score
    return Heatmap(
        values=values,
        origin=((steps[0] - 1) / 2, (steps[1] - 1) / 2),
        step=steps,
        shape=prepared.stored_shape,
        image_uid=prepared.image_uid,
        frame=prepared.frame,
        model=manifest.identity,
        class_name=manifest.outputs.positive_class,
        patch_px=steps,
        mode="boxes",
        complete=True,
        scores=np.full(values.shape, np.nan, dtype=np.float32),
        mask=prepared.on_image(prepared.mask),
    )
