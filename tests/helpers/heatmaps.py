"""Heatmaps made of a few cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from mammoviewer.inference.heatmap import Heatmap


def make_heatmap(
    values: Any,
    *,
    shape: tuple[int, int] = (40, 60),
    origin: tuple[float, float] = (5.0, 10.0),
    step: tuple[float, float] = (10.0, 20.0),
    patch_px: tuple[float, float] = (20.0, 40.0),
    mask: Any = None,
    scores: Any = None,
    frame: int = 0,
) -> Heatmap:
    """Return a complete heatmap; its scores are its values, its mask is the whole image, unless given."""
    values = np.asarray(values, dtype=np.float32)
    return Heatmap(
        values=values,
        origin=origin,
        step=step,
        shape=shape,
        image_uid="1.2",
        frame=frame,
        model="m.1",
        class_name="finding",
        patch_px=patch_px,
        mode="patches",
        complete=True,
        scores=values if scores is None else np.asarray(scores, dtype=np.float32),
        mask=np.ones(shape, dtype=bool) if mask is None else mask,
    )
