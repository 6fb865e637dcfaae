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

from mammoviewer.base.errors import TrainingError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.inference.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    Acceptance,
    CamSettings,
    ModelInput,
    ModelManifest,
    ModelOutputs,
    Tiling,
    describe_file,
    write_manifest,
)
from mammoviewer.training.architectures import Network
from mammoviewer.training.export_onnx import FEATURES, INPUT, LOGITS, export_head_gradient, export_model

_STALE_S = 3600.0
_FILES = {"model.onnx", "head_grad.onnx", MANIFEST_NAME, CARD_NAME}
# So many windows see each place, in each direction; their mean marks fewer places falsely than one window does.
_WINDOWS_ACROSS = 3


@dataclass(frozen=True)
class BundleFacts:
    """What the manifest says beside the network itself; ``card`` is the text of CARD.md."""

    name: str
    tag: str
    title: str
    classes: tuple[str, ...]
    positive_class: str
    operating_threshold: float
    patch: tuple[int, int]
    pixel_size_mm: float
    preprocessing: tuple[Mapping[str, Any], ...]
    kinds: tuple[str, ...]
    card: str
    intended_use: str
    training_data: tuple[Mapping[str, Any], ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None


def write_bundle(folder: Path, network: Network, facts: BundleFacts) -> ModelManifest:
    """Fill an existing folder with model.onnx, head_grad.onnx, CARD.md and manifest.json; return the manifest."""
    export_model(network, folder / "model.onnx", facts.patch)
    export_head_gradient(network, folder / "head_grad.onnx", facts.patch)
    write_text_atomically(folder / CARD_NAME, facts.card)
    manifest = ModelManifest(
        name=facts.name,
        tag=facts.tag,
        title=facts.title,
        task="patch-classification",
        created=datetime.now(UTC).date().isoformat(),
        files={role: describe_file(folder, f"{role}.onnx") for role in ("model", "head_grad")},
        input=ModelInput(INPUT, (None, 1, *facts.patch), facts.pixel_size_mm, (0.0, 1.0)),
        preprocessing=facts.preprocessing,
        accepts=Acceptance(facts.kinds),
        tiling=Tiling(facts.patch, stride=facts.patch[0] // _WINDOWS_ACROSS),
        outputs=ModelOutputs(
            LOGITS,
            FEATURES,
            facts.classes,
            "sigmoid" if network.head_outputs == 1 else "softmax",
            facts.positive_class,
            facts.operating_threshold,
        ),
        cam=CamSettings(FEATURES, "head_grad", "hirescam"),
        training_data=facts.training_data,
        metrics=facts.metrics,
        intended_use=facts.intended_use,
        parent=facts.parent,
        folder=folder,
    )
    write_manifest(folder, manifest)
    return manifest


@contextlib.contextmanager
def published_folder(output: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a hidden folder beside ``output`` that takes its name when the block succeeds, and vanishes when not.

    Raises
    ------
    TrainingError
        ``output`` exists and ``replace`` is false, or the folder cannot be made or renamed.
    """
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
