"""A model over a frame of an image: the one way that the window, the command line and notebooks use."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError, ExportError
from mammoviewer.base.paths import atomic_path, write_text_atomically
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.image import Image
from mammoviewer.inference.dense import run_dense
from mammoviewer.inference.detections import Detection, find_peaks
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import PreparedImage, check_suitable, prepare
from mammoviewer.inference.tiling import PartialHandler, run_patches

PREDICTIONS_SCHEMA_VERSION = 1
Mode = Literal["patches", "dense"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one frame."""

    heatmap: Heatmap
    detections: tuple[Detection, ...]


@dataclass(frozen=True, eq=False)
class ImagePredictions:
    """What is written of one image: its frames, the peaks over all of them, and the file of its heatmap."""

    attributes: ImageAttributes
    frames: tuple[int, ...]
    frame_scores: tuple[float, ...]
    detections: tuple[Detection, ...]
    heatmap_file: str
    cam_file: str = ""
    assumptions: tuple[str, ...] = field(default_factory=tuple)


def prepare_frame(
    image: Image,
    frame: int,
    manifest: ModelManifest,
    *,
    pixel_size_mm: float | None = None,
    override: bool = False,
) -> PreparedImage:
    """Return what the model sees of one frame.

    Raises
    ------
    ModelRefused
        The model was not made for such an image, and ``override`` is not set.
    ArgumentError
        There is no such frame.
    """
    if not 0 <= frame < image.attributes.frames:
        reason = f"there is no frame {frame}: the image has {image.attributes.frames}, counted from 0"
        raise ArgumentError(reason, path=image.attributes.path)
    check_suitable(image.attributes, manifest, pixel_size_mm=pixel_size_mm, override=override)
    return prepare(image.frame(frame), image.attributes, manifest, frame=frame, pixel_size_mm=pixel_size_mm)


def predict_image(
    image: Image,
    frame: int,
    model: OnnxModel,
    *,
    stride: int | None = None,
    mode: Mode = "patches",
    threshold: float | None = None,
    pixel_size_mm: float | None = None,
    override: bool = False,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Prediction:
    """Run a model over one frame.

    Parameters
    ----------
    frame
        Its index, from 0.
    stride
        Model pixels between windows; that of the manifest by default. The dense mode has its own.
    mode
        "patches" slides a window; "dense" makes one pass, where the manifest declares that the model can.
    threshold
        Lowest score of a peak; by default the manifest's marking threshold, of a single patch its operating one.
    pixel_size_mm
        The pixel size as stated by the user, for images that bring none.
    override
        Run although the model was not made for such an image.
    on_partial, progress
        As in :func:`mammoviewer.inference.tiling.run_patches`.

    Raises
    ------
    ModelRefused
        The model does not fit the image.
    ModelError
        The model cannot be loaded or run, or does not have the mode.
    Cancelled
        Raised by ``progress``.
    """
    prepared = prepare_frame(image, frame, model.manifest, pixel_size_mm=pixel_size_mm, override=override)
    return predict_prepared(
        prepared, model, stride=stride, mode=mode, threshold=threshold, on_partial=on_partial, progress=progress
    )


def predict_prepared(
    prepared: PreparedImage,
    model: OnnxModel,
    *,
    stride: int | None = None,
    mode: Mode = "patches",
    threshold: float | None = None,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Prediction:
    """Run a model over a frame that :func:`prepare_frame` has made ready; see :func:`predict_image`."""
    if mode == "dense":
        heatmap = run_dense(prepared, model, progress=progress)
    else:
        heatmap = run_patches(prepared, model, stride=stride, on_partial=on_partial, progress=progress)
    outputs = model.manifest.outputs
    chosen_patch = heatmap.scores.size == 1
    limit = outputs.operating_threshold if chosen_patch else outputs.marks_from
    return Prediction(heatmap, find_peaks(heatmap, threshold=limit if threshold is None else threshold))


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
    model: ModelManifest, images: Sequence[ImagePredictions], *, mode: Mode = "patches"
) -> dict[str, object]:
    """Return the document of ``predictions.json``; ``mode`` is the one that ran."""
    return {
        "schema_version": PREDICTIONS_SCHEMA_VERSION,
        "model": model.identity,
        "mode": mode,
        "class_name": model.outputs.positive_class,
        "operating_threshold": model.outputs.operating_threshold,
        "marking_threshold": model.outputs.marks_from,
        "images": [_image_json(image) for image in images],
    }


def write_predictions(
    path: Path, model: ModelManifest, images: Sequence[ImagePredictions], *, mode: Mode = "patches"
) -> None:
    """Write ``predictions.json``; rows and columns are stored pixel centres, frames count from 0.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    try:
        document = predictions_json(model, images, mode=mode)
        write_text_atomically(path, json.dumps(document, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror or 'unknown error'}", path=path) from error


def _image_json(image: ImagePredictions) -> dict[str, object]:
    document: dict[str, object] = {
        "uid": image.attributes.identity,
        "SOPInstanceUID": image.attributes.SOPInstanceUID,
        "path": str(image.attributes.path),
        "frames": list(image.frames),
        "frame_scores": [round(score, 6) if math.isfinite(score) else None for score in image.frame_scores],
        "score": _highest(image.frame_scores),
        "detections": [detection_json(detection) for detection in image.detections],
        "heatmap": image.heatmap_file,
        "heatmap_of": "frame" if len(image.frames) == 1 else "largest score of the frames",
    }
    if image.attributes.frame_order:
        document["frame_order"] = list(image.attributes.frame_order)
    if image.cam_file:
        document["cam"] = image.cam_file
    if image.assumptions:
        document["assumptions"] = list(image.assumptions)
    return document


def _highest(scores: Sequence[float]) -> float | None:
    known = [score for score in scores if math.isfinite(score)]
    return round(max(known), 6) if known else None
