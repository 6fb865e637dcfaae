"""What a model of any task says of a frame that was made ready for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.image import Image
from mammoviewer.inference.box_heatmap import box_heatmap
from mammoviewer.inference.dense import run_dense
from mammoviewer.inference.detections import Detection, detections_of_boxes, find_peaks
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.preprocess import PreparedImage, check_suitable, prepare
from mammoviewer.inference.stopping import RunStop, StoppableRuns
from mammoviewer.inference.tiling import PartialHandler, run_coarse, run_patches

Mode = Literal["patches", "dense", "coarse"]
_Result = TypeVar("_Result")
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one frame.

    ``scores`` are probabilities by class: of the whole image where the model looks at it at once, else the largest of
    the map or of the boxes. A model that looks at the whole image at once has neither a heatmap nor detections.
    """

    heatmap: Heatmap | None
    detections: tuple[Detection, ...]
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def map(self) -> Heatmap:
        """Return the heatmap.

        Raises
        ------
        ModelError
            The model looks at the whole image at once and gives none.
        """
        if self.heatmap is None:
            raise ModelError("the model gives scores of the whole image and no heatmap", hint="ask for its explanation")
        return self.heatmap

    def score(self, class_name: str) -> float:
        """Return the score of a class, NaN where it has none."""
        return self.scores.get(class_name, math.nan)


def prepare_frame(
    image: Image,
    frame: int,
    manifest: ModelManifest,
    *,
    pixel_size_mm: float | None = None,
    override: bool = False,
    progress: Progress = no_progress,
) -> PreparedImage:
    """Return what the model sees of one frame; ``progress`` is called between the steps and may raise ``Cancelled``.

    Raises
    ------
    ModelRefused
        The model was not made for such an image, and ``override`` is not set.
    ArgumentError
        There is no such frame.
    """
    check_frame(image, frame, manifest, pixel_size_mm=pixel_size_mm, override=override)
    return prepare(
        image.frame(frame), image.attributes, manifest, frame=frame, pixel_size_mm=pixel_size_mm, progress=progress
    )


def check_frame(
    image: Image, frame: int, manifest: ModelManifest, *, pixel_size_mm: float | None = None, override: bool = False
) -> None:
    """Raise as :func:`prepare_frame` does where there is no such frame or the model may not look at it."""
    if not 0 <= frame < image.attributes.frames:
        reason = f"there is no frame {frame}: the image has {image.attributes.frames}, counted from 0"
        raise ArgumentError(reason, path=image.attributes.path)
    check_suitable(image.attributes, manifest, pixel_size_mm=pixel_size_mm, override=override)


def check_way(manifest: ModelManifest, mode: Mode, stride: int | None) -> None:
    """Raise :class:`ModelError` where a model cannot run in that mode or with that stride."""
    if manifest.tiling is None:
        if mode != "patches" or stride is not None:
            raise ModelError(f"model {manifest.identity} looks at whole images: it has neither modes nor a stride")
    elif mode == "dense" and manifest.tiling.lacks_dense:
        raise ModelError(f"model {manifest.identity} {manifest.tiling.lacks_dense}", hint="use the mode patches")


def predict_prepared(
    prepared: PreparedImage,
    model: OnnxModel,
    *,
    stride: int | None = None,
    mode: Mode = "patches",
    threshold: float | None = None,
    known: Heatmap | None = None,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Prediction:
    """Run a model over a frame that :func:`prepare_frame` has made ready.

    Parameters
    ----------
    stride
        Model pixels between windows; that of the manifest by default. The dense mode has its own.
    mode
        "patches" slides a window; "coarse" does so closely only where it is worth it; "dense" makes one pass, where the
        manifest declares that the model can. Models that look at whole images have "patches" alone, without meaning.
    threshold
        Lowest score of a mark; by default the manifest's marking threshold, of a single patch its operating one.
    known
        A heatmap of the same frame, model, mode and stride from a run that was stopped: its windows do not run again.
    on_partial, progress
        As in :func:`mammoviewer.inference.tiling.run_patches`.

    Raises
    ------
    ModelError
        The model cannot be loaded or run, or does not have the mode.
    Cancelled
        Raised by ``progress``.
    """
    manifest = model.manifest
    check_way(manifest, mode, stride)
    if manifest.outputs.boxes:
        return _detect(prepared, model, threshold, progress)
    if manifest.tiling is None:
        return _classify(prepared, model, progress)
    if mode == "dense":
        heatmap = run_dense(prepared, model, on_partial=on_partial, progress=progress)
    else:
        run = run_coarse if mode == "coarse" else run_patches
        scores = known.scores if known is not None and known.mode == mode else None
        heatmap = run(prepared, model, stride=stride, known=scores, on_partial=on_partial, progress=progress)
    return prediction_of(heatmap, manifest, threshold=threshold)


def prediction_of(heatmap: Heatmap, manifest: ModelManifest, *, threshold: float | None = None) -> Prediction:
    """Return the prediction that a complete heatmap stands for: its marks and the largest score."""
    outputs = manifest.outputs
    chosen_patch = heatmap.scores.size == 1
    limit = outputs.operating_threshold if chosen_patch else outputs.marks_from
    marks = find_peaks(heatmap, threshold=limit if threshold is None else threshold)
    highest = heatmap.maximum
    return Prediction(heatmap, marks, {heatmap.class_name: highest} if math.isfinite(highest) else {})


def _classify(prepared: PreparedImage, model: OnnxModel, progress: Progress) -> Prediction:
    progress(0.0, "whole image")
    batch = _whole(prepared, model)
    scores = _stoppable(lambda stop: model.scores(batch, stop=stop), progress)[0]
    progress(1.0, "whole image")
    named = zip(model.manifest.outputs.classes, scores.tolist(), strict=True)
    return Prediction(None, (), dict(named))


def _detect(prepared: PreparedImage, model: OnnxModel, threshold: float | None, progress: Progress) -> Prediction:
    outputs = model.manifest.outputs
    limit = outputs.marks_from if threshold is None else threshold
    progress(0.0, "whole image")
    batch = _whole(prepared, model)
    edges, probabilities = _stoppable(lambda stop: model.boxes(batch, stop=stop), progress)
    # An edge e lies between the centres e - 1/2 and e + 1/2 of model pixels.
    boxes = (edges * np.array(prepared.scale * 2) + np.array(prepared.origin * 2)).astype(np.float32)
    found = detections_of_boxes(
        boxes,
        probabilities,
        outputs.classes,
        frame=prepared.frame,
        shape=prepared.stored_shape,
        threshold=limit,
        apart=outputs.apart_px * max(prepared.scale),
    )
    progress(1.0, "whole image")
    highest = dict(zip(outputs.classes[1:], probabilities[:, 1:].max(axis=0, initial=0.0).tolist(), strict=True))
    return Prediction(box_heatmap(prepared, model.manifest, found), found, highest)


def _stoppable(run: Callable[[RunStop], _Result], progress: Progress) -> _Result:
    """Return what one run over a whole image gives, which ends soon after ``progress`` raises."""
    with StoppableRuns(1, "whole-image") as runs:
        return runs.result(lambda: run(runs.stop), lambda: progress(0.0, "whole image"))


def _whole(prepared: PreparedImage, model: OnnxModel) -> FloatArray:
    """Return the whole prepared image as the batch of one that a model takes.

    Raises
    ------
    ModelError
        The model takes images of another size.
    """
    size = model.manifest.size
    if size is not None and prepared.shape != size:
        raise ModelError(f"the preparation gives {prepared.shape} pixels where the model takes {size}")
    return as_batch(prepared.values[np.newaxis], model.manifest.channels)
