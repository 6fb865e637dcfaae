"""A finished network as a model folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import nn

from mammoviewer.base.errors import ModelError, TrainingError
from mammoviewer.base.paths import bundled_models_dir, write_text_atomically
from mammoviewer.inference.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    Acceptance,
    CamSettings,
    ModelFile,
    ModelInput,
    ModelManifest,
    ModelOutputs,
    Tiling,
    describe_file,
    write_manifest,
)
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.architectures import Detector, Network
from mammoviewer.training.compact_onnx import Stored, compact
from mammoviewer.training.distributed import present_group
from mammoviewer.training.export_onnx import (
    BOXES,
    FEATURES,
    INPUT,
    LOGITS,
    export_dense,
    export_head_gradient,
    export_model,
)
from mammoviewer.training.verify_onnx import verify_dense, verify_head_gradient, verify_model

MOST_BUNDLED_BYTES = 20_000_000
_STALE_S = 3600.0
_FILES = {"model.onnx", "head_grad.onnx", "dense.onnx", "int8.onnx", MANIFEST_NAME, CARD_NAME}
_FILES |= {"report.html", "report.json", "split.json"}
_DENSE_EXAMPLE = 2
# So many windows see each place, in each direction; their mean marks fewer places falsely than one window does.
_WINDOWS_ACROSS = 3


@dataclass(frozen=True)
class BundleFacts:
    """What the manifest says beside the network itself.

    Attributes
    ----------
    patch, channels, value_range
        Rows, columns, channels of the input, and between which values its pixels lie.
    any_size
        Whether a detector takes images of any rows and columns; ``patch`` is then only the example it is traced with.
    apart_px
        How far marks of a detector lie apart at least, in pixels of the input.
    pixel_size_mm
        Of the prepared image; ``None`` where the preprocessing does not resample to one.
    card
        The text of CARD.md.
    task
        "patch-classification", "image-classification" or, with a :class:`Detector`, "detection".
    tiling
        How a patch classifier goes over an image; by default three windows see each place in each direction.
    multi_label
        Whether each of three or more classes has a sigmoid of its own.
    cam_method
        The default explanation.
    head_gradient
        Whether to write ``head_grad.onnx``, which the methods cam, gradcam, gradcam++ and hirescam need.
    dense
        The one-pass form of a patch classifier, pictures to a map of logits; ``tiling`` then has the mode "dense".
    matrices
        Of :func:`mammoviewer.training.compact_onnx.round_matrices`: large matrices that the files keep as bytes.
    """

    name: str
    tag: str
    title: str
    classes: tuple[str, ...]
    positive_class: str
    operating_threshold: float
    patch: tuple[int, int]
    pixel_size_mm: float | None
    preprocessing: tuple[Mapping[str, Any], ...]
    kinds: tuple[str, ...]
    card: str
    intended_use: str
    training_data: tuple[Mapping[str, Any], ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    task: str = "patch-classification"
    channels: int = 1
    value_range: tuple[float, float] = (0.0, 1.0)
    tiling: Tiling | None = None
    views: tuple[str, ...] = ("*",)
    multi_label: bool = False
    cam_method: str = "hirescam"
    head_gradient: bool = True
    any_size: bool = False
    apart_px: float = 0.0
    dense: nn.Module | None = None
    matrices: Mapping[bytes, Stored] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return channels, rows and columns of one picture."""
        return self.channels, *self.patch


def write_bundle(folder: Path, network: Network | Detector, facts: BundleFacts) -> ModelManifest:
    """Fill an existing folder with the ONNX files, CARD.md and manifest.json; return the manifest.

    Every file is compared with torch on inputs it was not traced with, and loaded as the viewer loads it.

    Raises
    ------
    TrainingError
        A file does not say what the network says, or is too large for a model that comes with the program.
    """
    files = _write_files(folder, network, facts)
    write_text_atomically(folder / CARD_NAME, facts.card)
    size = (None, None) if facts.any_size else facts.patch
    activation = "softmax"
    if facts.multi_label or (isinstance(network, Network) and network.head_outputs == 1):
        activation = "sigmoid"
    manifest = ModelManifest(
        name=facts.name,
        tag=facts.tag,
        title=facts.title,
        task=facts.task,
        created=datetime.now(UTC).date().isoformat(),
        files=files,
        input=ModelInput(INPUT, (None, facts.channels, *size), facts.pixel_size_mm, facts.value_range),
        preprocessing=facts.preprocessing,
        accepts=Acceptance(facts.kinds, facts.views),
        tiling=_tiling(facts),
        outputs=ModelOutputs(
            LOGITS,
            FEATURES,
            facts.classes,
            activation,
            facts.positive_class,
            facts.operating_threshold,
            boxes=BOXES if isinstance(network, Detector) else "",
            apart_px=facts.apart_px,
        ),
        cam=CamSettings(FEATURES, "head_grad" if "head_grad" in files else "", facts.cam_method),
        training_data=facts.training_data,
        metrics=facts.metrics,
        intended_use=facts.intended_use,
        parent=facts.parent,
        folder=folder,
    )
    write_manifest(folder, manifest)
    _load_as_the_viewer_does(manifest)
    return manifest


def _write_files(folder: Path, network: Network | Detector, facts: BundleFacts) -> dict[str, ModelFile]:
    roles = ["model"]
    path = folder / "model.onnx"
    export_model(network, path, facts.shape, any_size=facts.any_size)
    compact(path, facts.matrices)
    verify_model(network, path, facts.shape, facts.value_range)
    if facts.head_gradient and isinstance(network, Network):
        roles.append("head_grad")
        path = folder / "head_grad.onnx"
        export_head_gradient(network, path, facts.shape)
        compact(path, facts.matrices)
        verify_head_gradient(network, path, facts.shape)
    if facts.dense is not None:
        roles.append("dense")
        path = folder / "dense.onnx"
        shape = (facts.channels, *(_DENSE_EXAMPLE * side for side in facts.patch))
        export_dense(facts.dense, path, (shape[0], shape[1], shape[2]))
        verify_dense(facts.dense, path, facts.shape, facts.value_range)
    files = {role: describe_file(folder, f"{role}.onnx") for role in roles}
    if folder.parent == bundled_models_dir():
        for entry in files.values():
            if entry.bytes > MOST_BUNDLED_BYTES:
                raise TrainingError(f"{entry.path} has {entry.bytes} bytes, a bundled file {MOST_BUNDLED_BYTES}")
    return files


def _tiling(facts: BundleFacts) -> Tiling | None:
    if facts.task != "patch-classification":
        return None
    return facts.tiling or Tiling(facts.patch, stride=max(1, facts.patch[0] // _WINDOWS_ACROSS))


def _load_as_the_viewer_does(manifest: ModelManifest) -> None:
    try:
        OnnxModel(manifest, threads=1).load()
    except ModelError as error:
        raise TrainingError(f"the exported model cannot be loaded: {error.reason}") from error


@contextlib.contextmanager
def published_folder(output: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a hidden folder beside ``output`` that takes its name when the block succeeds, and vanishes when not.

    Of several processes that train together the first alone publishes; the others get a folder that vanishes.

    Raises
    ------
    TrainingError
        ``output`` exists and ``replace`` is false, or the folder cannot be made or renamed.
    """
    if not present_group().is_first:
        with tempfile.TemporaryDirectory(prefix="mammoviewer-train-") as folder:
            yield Path(folder)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(output)
        staging = output.with_name(f".{output.name}.{secrets.token_hex(4)}.partial")
        staging.mkdir()
    except OSError as error:
        raise TrainingError("the model folder cannot be made", path=output.parent) from error
    try:
        yield staging
        _flush(staging)
        _move_into_place(staging, output, replace)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_output(output: Path, *, replace: bool) -> None:
    """Raise :class:`TrainingError` early when the result could not be published at the end; makes the parent folder."""
    if output.exists() and (not replace or not (output / "manifest.json").is_file()):
        raise TrainingError("the output exists already", hint="choose another folder or name", path=output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        hint = "choose another folder"
        raise TrainingError(f"the folder cannot be written to: {error.strerror}", hint=hint, path=output) from error


def _move_into_place(staging: Path, output: Path, replace: bool) -> None:
    check_output(output, replace=replace)
    older = staging.with_suffix(".older")
    try:
        if output.exists():
            output.replace(older)
        try:
            staging.replace(output)
        except OSError:
            if older.exists():
                older.replace(output)
            raise
    except OSError as error:
        raise TrainingError("the model folder cannot be put in place", path=output) from error
    shutil.rmtree(older, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb+") as handle:
            os.fsync(handle.fileno())


def _remove_stale(output: Path) -> None:
    """Remove what a killed run of this output left behind; younger folders may belong to a run that is at work."""
    ours = re.compile(rf"\.{re.escape(output.name)}\.[0-9a-f]{{8}}\.partial")
    for path in output.parent.iterdir():
        with contextlib.suppress(OSError):
            if ours.fullmatch(path.name) and time.time() - path.stat().st_mtime > _STALE_S and _is_staging(path):
                shutil.rmtree(path)


def _is_staging(folder: Path) -> bool:
    return all(path.name in _FILES or path.name.startswith(".") for path in folder.iterdir())
