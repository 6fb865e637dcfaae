"""A model over a frame of an image: the one way that the window, the command line and the evaluation use.

What was found is kept on disk where the caller brings a cache, and taken from there the next time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.image import Image
from mammoviewer.inference import tiling
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.kept_predictions import entry_of, prediction_from
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.prediction import (
    MODES,
    Mode,
    Prediction,
    check_frame,
    check_way,
    predict_prepared,
    prepare_frame,
)
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.result_cache import ResultCache, result_key
from mammoviewer.inference.tiling import PartialHandler

__all__ = ["MODES", "Mode", "Prediction", "predict_image", "predict_prepared", "prepare_frame"]

PARTIAL_KEPT_EVERY_S = 5.0
"""What a run that is ended from outside has lost at most."""

_Run = Callable[[Heatmap | None, PartialHandler | None], Prediction]
"""Runs the model, given what is known already and who is told of more."""


@dataclass
class _Kept:
    """What is kept of one run under its key: told where it is whole, gone on from where it is not."""

    cache: ResultCache
    key: str
    on_partial: PartialHandler | None
    latest: Heatmap | None = None
    kept_at: float = field(default_factory=time.monotonic)

    def answer(self, found: Prediction | None, run: _Run, known: Heatmap | None, progress: Progress) -> Prediction:
        """Return what was found before, or run the model and keep what it says, also where it is stopped."""
        if found is not None and (found.heatmap is None or found.heatmap.complete):
            progress(1.0, "kept from before")
            return found
        try:
            prediction = run(found.heatmap if found is not None else known, self._take)
        except BaseException:
            self._keep()
            raise
        self.cache.store(self.key, entry_of(prediction))
        return prediction

    def _take(self, heatmap: Heatmap) -> None:
        self.latest = heatmap
        if time.monotonic() - self.kept_at >= PARTIAL_KEPT_EVERY_S:
            self._keep()
        if self.on_partial is not None:
            self.on_partial(heatmap)

    def _keep(self) -> None:
        if self.latest is not None:
            self.cache.store(self.key, entry_of(Prediction(self.latest, ())))
            self.kept_at = time.monotonic()


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
    prepared: PreparedImage | None = None,
    cache: ResultCache | None = None,
    known: Heatmap | None = None,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Prediction:
    """Run a model over one frame, or take what it said before.

    Parameters
    ----------
    pixel_size_mm
        The pixel size as stated by the user, for images that bring none.
    override
        Run although the model was not made for such an image.
    prepared
        The frame, from 0, as :func:`mammoviewer.inference.prediction.prepare_frame` made it, where it is there already.
    cache
        Where results are looked for and kept; a run that was stopped goes on from the windows it had. None for
        neither, as with models whose plugins may change unseen.
    stride, mode, threshold, known, on_partial, progress
        As in :func:`mammoviewer.inference.prediction.predict_prepared`.

    Raises
    ------
    ModelRefused, Cancelled
        The model does not fit the image; raised by ``progress``.
    ModelError
        The model cannot be loaded or run or lacks the mode, or its file was damaged or replaced since it was kept.
    """
    manifest = model.manifest
    check_frame(image, frame, manifest, pixel_size_mm=pixel_size_mm, override=override)
    check_way(manifest, mode, stride)
    model.check_file("dense" if mode == "dense" else "")

    def run(before: Heatmap | None, told: PartialHandler | None) -> Prediction:
        made = prepared or prepare_frame(
            image, frame, manifest, pixel_size_mm=pixel_size_mm, override=override, progress=progress
        )
        return predict_prepared(
            made, model, stride=stride, mode=mode, threshold=threshold, known=before, on_partial=told, progress=progress
        )

    if cache is None or any(step["op"] == "plugin" for step in manifest.preprocessing):
        return run(known, on_partial)
    facts = {**_way(manifest, mode, stride, threshold), "role": model.role}
    kept = _Kept(cache, _key(image, frame, manifest, pixel_size_mm, facts), on_partial)
    entry = cache.load(kept.key)
    found = prediction_from(entry, image, frame, manifest, threshold) if entry is not None else None
    return kept.answer(found, run, known, progress)


def _way(manifest: ModelManifest, mode: Mode, stride: int | None, threshold: float | None) -> dict[str, object]:
    """Return how the model runs, as part of the key; peaks are found anew, boxes depend on the threshold."""
    windows = manifest.tiling
    if windows is None:
        return {"threshold": threshold}
    way: dict[str, object] = {
        "mode": mode,
        "stride": windows.dense_stride if mode == "dense" else stride or windows.stride,
    }
    return {**way, "worth": tiling.REFINE_SHARE} if mode == "coarse" else way


def _key(image: Image, frame: int, manifest: ModelManifest, pixel_size_mm: float | None, way: dict[str, object]) -> str:
    return result_key(image.frame(frame), image.attributes, manifest, frame=frame, pixel_size_mm=pixel_size_mm, way=way)
