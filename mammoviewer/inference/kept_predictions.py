"""Predictions as they are kept on disk, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from mammoviewer.dicom.image import Image
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.prediction import Prediction, prediction_of
from mammoviewer.inference.result_cache import Entry


def entry_of(prediction: Prediction) -> Entry:
    """Return a prediction as it is kept: without a word about whose image it is."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    facts: dict[str, Any] = {
        "scores": {name: float(score) for name, score in prediction.scores.items()},
        "marks": [[one.row, one.column, one.score, *one.box, one.class_name] for one in prediction.detections],
    }
    heatmap = prediction.heatmap
    if heatmap is not None:
        arrays = {"values": heatmap.values, "scores": heatmap.scores, "mask": np.packbits(heatmap.mask)}
        facts["map"] = {
            "origin": list(heatmap.origin),
            "step": list(heatmap.step),
            "patch_px": list(heatmap.patch_px),
            "mask_shape": list(heatmap.mask.shape),
            "class_name": heatmap.class_name,
            "mode": heatmap.mode,
            "complete": heatmap.complete,
            "share": heatmap.share,
        }
    return Entry(arrays, facts)


def prediction_from(
    entry: Entry, image: Image, frame: int, manifest: ModelManifest, threshold: float | None
) -> Prediction | None:
    """Return the prediction of an entry, None where the entry does not hold one."""
    try:
        heatmap = _heatmap_from(entry, image, frame, manifest) if "map" in entry.facts else None
        if heatmap is not None and manifest.tiling is not None:
            return prediction_of(heatmap, manifest, threshold=threshold)
        marks = tuple(
            Detection(row, column, frame, score, (top, left, bottom, right), name)
            for row, column, score, top, left, bottom, right, name in entry.facts["marks"]
        )
        return Prediction(heatmap, marks, dict(entry.facts["scores"]))
    except (KeyError, TypeError, ValueError):
        return None


def _heatmap_from(entry: Entry, image: Image, frame: int, manifest: ModelManifest) -> Heatmap:
    facts, arrays = entry.facts["map"], entry.arrays
    rows, columns = facts["mask_shape"]
    mask = np.unpackbits(arrays["mask"], count=rows * columns).reshape(rows, columns).astype(np.bool_)
    return Heatmap(
        values=arrays["values"],
        origin=(facts["origin"][0], facts["origin"][1]),
        step=(facts["step"][0], facts["step"][1]),
        shape=image.attributes.shape,
        image_uid=image.attributes.identity,
        frame=frame,
        model=manifest.identity,
        class_name=facts["class_name"],
        patch_px=(facts["patch_px"][0], facts["patch_px"][1]),
        mode=facts["mode"],
        complete=facts["complete"],
        scores=arrays["scores"],
        mask=mask,
        share=facts["share"],
    )
