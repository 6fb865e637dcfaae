"""``predictions.json`` and the maps beside it: what ``mammoviewer predict`` leaves behind."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import atomic_path, write_text_atomically
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.inference.aggregate import DEFAULT_RULE, PatientScore, patient_score, volume_score
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.prediction import Mode

PREDICTIONS_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Rules:
    """How scores are put together, by the rules of :mod:`mammoviewer.inference.aggregate`.

    ``slices`` makes one score of a volume, ``images`` one of a breast; a patient has the score of the higher breast.
    """

    slices: str = DEFAULT_RULE
    images: str = DEFAULT_RULE


@dataclass(frozen=True, eq=False)
class ImagePredictions:
    """What is written of one image: its frames, the marks over all of them, and the file of its heatmap.

    ``frame_scores`` are those of the positive class, ``scores`` those of every class the model tells, over all frames.
    """

    attributes: ImageAttributes
    frames: tuple[int, ...]
    frame_scores: tuple[float, ...]
    detections: tuple[Detection, ...]
    heatmap_file: str
    cam_file: str = ""
    assumptions: tuple[str, ...] = field(default_factory=tuple)
    scores: Mapping[str, float] = field(default_factory=dict)


def heatmap_tiff(path: Path, heatmap: FloatArray) -> None:
    """Write a map (rows, columns) as a one-page float32 TIFF, NaN where there is no value.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    import tifffile

    try:
        with atomic_path(path) as temporary:
            tifffile.imwrite(temporary, np.asarray(heatmap, dtype=np.float32), compression="zlib", metadata=None)
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror or 'unknown error'}", path=path) from error


def detection_json(detection: Detection) -> dict[str, object]:
    """Return a detection as it stands in ``predictions.json``."""
    return {
        "row": round(detection.row, 2),
        "column": round(detection.column, 2),
        "frame": detection.frame,
        "score": round(detection.score, 6),
        "box": [round(value, 2) for value in detection.box],
        "class_name": detection.class_name,
        "first_frame": detection.first_frame,
        "last_frame": detection.last_frame,
    }


def predictions_json(
    model: ModelManifest,
    images: Sequence[ImagePredictions],
    *,
    mode: Mode = "patches",
    rules: Rules | None = None,
) -> dict[str, object]:
    """Return the document of ``predictions.json``; ``mode`` is the one that ran."""
    used = rules or Rules()
    document: dict[str, object] = {
        "schema_version": PREDICTIONS_SCHEMA_VERSION,
        "model": model.identity,
        "task": model.task,
        "class_name": model.outputs.positive_class,
        "operating_threshold": model.outputs.operating_threshold,
        "marking_threshold": model.outputs.marks_from,
        "aggregation": {"slices": used.slices, "images": used.images, "breasts": DEFAULT_RULE},
        "images": [_image_json(image, used) for image in images],
        "examinations": [_examination_json(part, used) for part in examinations(images)],
    }
    if model.tiling is not None:
        document["mode"] = mode
    return document


def write_predictions(
    path: Path,
    model: ModelManifest,
    images: Sequence[ImagePredictions],
    *,
    mode: Mode = "patches",
    rules: Rules | None = None,
) -> None:
    """Write ``predictions.json``; rows and columns are stored pixel centres, frames count from 0.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    try:
        document = predictions_json(model, images, mode=mode, rules=rules)
        write_text_atomically(path, json.dumps(document, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror or 'unknown error'}", path=path) from error


def _image_json(image: ImagePredictions, rules: Rules) -> dict[str, object]:
    document: dict[str, object] = {
        "uid": image.attributes.identity,
        "SOPInstanceUID": image.attributes.SOPInstanceUID,
        "path": str(image.attributes.path),
        "frames": list(image.frames),
        "frame_scores": [_number(score) for score in image.frame_scores],
        "score": _number(volume_score(image.frame_scores, rules.slices)),
        "detections": [detection_json(detection) for detection in image.detections],
    }
    if image.scores:
        document["scores"] = {name: _number(score) for name, score in image.scores.items()}
    if image.heatmap_file:
        document["heatmap"] = image.heatmap_file
        document["heatmap_of"] = "frame" if len(image.frames) == 1 else "largest score of the frames"
    if image.attributes.frame_order:
        document["frame_order"] = list(image.attributes.frame_order)
    if image.cam_file:
        document["cam"] = image.cam_file
    if image.assumptions:
        document["assumptions"] = list(image.assumptions)
    return document


def examinations(images: Sequence[ImagePredictions]) -> list[list[ImagePredictions]]:
    """Return the images of each examination of each patient; pictures without a study go by their folder."""
    groups: dict[tuple[str, str], list[ImagePredictions]] = {}
    for image in images:
        attributes = image.attributes
        study = attributes.StudyInstanceUID or f"folder:{attributes.path.resolve().parent}"
        groups.setdefault((study, attributes.PatientID), []).append(image)
    return list(groups.values())


def examination_score(images: Sequence[ImagePredictions], rules: Rules) -> PatientScore:
    """Return the scores of the breasts and of the patient from the images of one examination."""
    parts = [(image.attributes.view.laterality, volume_score(image.frame_scores, rules.slices)) for image in images]
    return patient_score(parts, rule=rules.images)


def _examination_json(images: Sequence[ImagePredictions], rules: Rules) -> dict[str, object]:
    found = examination_score(images, rules)
    breasts = [
        {
            "laterality": breast.laterality,
            "score": _number(breast.score),
            "images": [
                image.attributes.identity for image in images if image.attributes.view.laterality == breast.laterality
            ],
        }
        for breast in found.breasts
    ]
    study = images[0].attributes.StudyInstanceUID
    return {"StudyInstanceUID": study, "score": _number(found.score), "breasts": breasts}


def _number(score: float) -> float | None:
    return round(score, 6) if math.isfinite(score) else None
