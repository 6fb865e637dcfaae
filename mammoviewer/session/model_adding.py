"""Adding a classifier to the user's models: look at what it is, try it on an image, add it. For worker threads."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import InputError
from mammoviewer.base.paths import user_models_dir
from mammoviewer.dicom.image import Image
from mammoviewer.inference.cam import cam_for_patch
from mammoviewer.inference.foreign import ForeignFacts, ForeignModel, inspect_foreign, write_foreign
from mammoviewer.inference.installing import install_model, publish_model, staged_model
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import prepare_frame
from mammoviewer.inference.preprocess import PreparedImage, refusals
from mammoviewer.inference.registry import ModelRegistry

Found: TypeAlias = ForeignModel | None
"""What stands in an ONNX file; None for a folder or zip file, which brings its own manifest."""


@dataclass(frozen=True, eq=False)
class Trial:
    """How a model would see an image.

    ``patch`` and ``explanation`` float32 (rows, columns) in [0, 1]: the pixels it sees, at the middle of the breast or
    of the whole image, and the Eigen-CAM of its feature map; both None without an image. ``text`` tells the score.
    """

    patch: FloatArray | None
    explanation: FloatArray | None
    text: str


def look_at(source: Path) -> Found:
    """Return what an ONNX file holds; None for a folder or zip file.

    Raises
    ------
    InputError, ModelError
        There is no such file, or it cannot become a model.
    """
    if not source.exists():
        raise InputError("there is no such file or folder", path=source)
    return inspect_foreign(source) if source.suffix.lower() == ".onnx" else None


def try_out(found: ForeignModel, facts: ForeignFacts, image: Image | None, frame: int) -> Trial:
    """Make the model in a folder that goes away again and let it see one patch.

    Raises
    ------
    ModelError
        The answers do not fit the file, or the model does not run.
    """
    with tempfile.TemporaryDirectory(prefix="mammoviewer-model-") as folder:
        manifest = write_foreign(Path(folder), found, facts)
        model = OnnxModel(manifest)
        model.load()
        if image is None:
            return Trial(None, None, "Open an image to see what the model sees.")
        reasons = refusals(image.attributes, manifest)
        prepared = prepare_frame(image, frame, manifest, override=True)
        patch, values, score = _seen(prepared, model)
    positive = manifest.outputs.positive_class
    text = f"{positive} {score:.2f} at the middle of the breast" if manifest.tiling else f"{positive} {score:.2f}"
    if reasons:
        text += f". It would be refused on this image: {'; '.join(reasons)}"
    return Trial(_scaled(patch), _scaled(values), text)


def add(source: Path, found: Found, facts: ForeignFacts | None, registry: ModelRegistry) -> ModelManifest:
    """Add a model to the user's after all checks and let the registry know; nothing is overwritten.

    Raises
    ------
    ModelError
        A check failed, the answers do not fit, or there is a model of that name.
    """
    directory, taken = user_models_dir(), {model.identity for model in registry.models}
    if found is None or facts is None:
        manifest = install_model(source, directory, taken=taken)
    else:
        with staged_model(directory) as staging:
            write_foreign(staging, found, facts)
            manifest = publish_model(staging, directory, taken=taken)
    registry.refresh()
    return manifest


def _seen(prepared: PreparedImage, model: OnnxModel) -> tuple[FloatArray, FloatArray, float]:
    """Return the pixels that the model sees, their explanation and the score."""
    places = np.argwhere(prepared.mask)
    middle = places[np.abs(places - places.mean(axis=0)).sum(axis=1).argmin()] if len(places) else np.array([0, 0])
    row, column = prepared.to_stored(float(middle[0]), float(middle[1]))
    inside = [min(max(at, 0.0), size - 1.0) for at, size in zip((row, column), prepared.stored_shape, strict=True)]
    cam = cam_for_patch(prepared, model, inside[0], inside[1], method="eigencam")
    top, left = (max(0, round(edge + 0.5)) for edge in prepared.to_model(cam.box[0], cam.box[1]))
    rows, columns = model.manifest.size or prepared.shape
    return prepared.values[0, top : top + rows, left : left + columns], cam.values, cam.score


def _scaled(values: FloatArray) -> FloatArray:
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / (high - low if high > low else 1.0), dtype=np.float32)
