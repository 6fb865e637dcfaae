"""A classifier made elsewhere, as one ONNX file: what can be found in it, and a bundle made of it with a few answers.

Found are the input, the logits (before a closing softmax or sigmoid, which the manifest names) and the last feature map
on the way to them, which becomes an output of the copy. There is no gradient: Eigen-CAM and occlusion explain it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import ModelError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.imaging.preparation_steps import PreparationStep
from mammoviewer.inference.foreign_graph import Graph
from mammoviewer.inference.manifest import (
    CARD_NAME,
    MAX_FILE_BYTES,
    Acceptance,
    CamSettings,
    ModelInput,
    ModelManifest,
    ModelOutputs,
    Tiling,
    describe_file,
    write_manifest,
)
from mammoviewer.inference.onnx_check import check_onnx

WHOLE_IMAGE = "image-classification"
INTENDED_USE = "Brought in by its user and not evaluated by this program. Research use only."
_VOI, _RESAMPLE = {"op": "voi"}, {"op": "resample_pixel_size"}
_FULL_RANGE = (-1e4, 1e4)


@dataclass(frozen=True)
class Template:
    """A usual preprocessing: its name for people, its steps behind window and resampling, and the range of values."""

    title: str
    steps: tuple[PreparationStep, ...]
    value_range: tuple[float, float]
    channels: int = 1


TEMPLATES: Mapping[str, Template] = {
    "mammogram-01": Template("Displayed grey, 0 to 1", ({"op": "scale", "divide_by": 255},), (0.0, 1.0)),
    "mammogram-255": Template("Displayed grey, 0 to 255", (), (0.0, 255.0)),
    "minmax": Template("Breast minimum 0, maximum 1", ({"op": "minmax_breast"},), (0.0, 1.0)),
    "zscore": Template("Breast mean 0, deviation 1", ({"op": "zscore_breast"},), (-20.0, 20.0)),
    # Mean and deviation of ImageNet in grey: (value / 255 - 0.449) / 0.226.
    "imagenet": Template(
        "As networks trained on ImageNet expect",
        ({"op": "scale", "divide_by": 255 * 0.226, "add": -0.449 / 0.226},),
        (-2.0, 2.5),
    ),
    "clahe-stack": Template(
        "Grey and two scales of local contrast as channels, 0 to 1",
        ({"op": "clahe_channels", "tiles": "8,16", "clip": 0.02}, {"op": "scale", "divide_by": 255}),
        (0.0, 1.0),
        channels=3,
    ),
}


@dataclass(frozen=True)
class ForeignModel:
    """What was found in an ONNX file.

    ``data`` is the copy with the outputs "logits" and "features"; ``shape`` (batch or None, channels, rows or None,
    columns or None); ``feature_shape`` (channels, rows, columns), None where it follows from the image; ``activation``
    "softmax" or "sigmoid" where the file ends in one, else what fits ``logit_count``.
    """

    data: bytes
    input_name: str
    shape: tuple[int | None, ...]
    logit_count: int
    activation: str
    logits_from: str
    features_from: str
    feature_shape: tuple[int | None, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class ForeignFacts:
    """What no file can tell and its owner has to.

    ``patch`` is needed where the file takes images of any size; ``stride`` is a third of it by default; ``steps``
    replaces the ``template`` with a chain of one's own.
    """

    name: str
    classes: tuple[str, ...]
    positive_class: str = ""
    title: str = ""
    tag: str = "1"
    activation: str = ""
    pixel_size_mm: float | None = None
    template: str = "mammogram-01"
    steps: tuple[PreparationStep, ...] | None = None
    value_range: tuple[float, float] | None = None
    threshold: float = 0.5
    patch: tuple[int, int] | None = None
    stride: int | None = None
    whole_image: bool = False
    kinds: tuple[str, ...] = ("MAMMOGRAM", "SYNTHETIC_2D", "TOMO", "SECONDARY", "RASTER")
    trained_on: str = ""
    card: str = field(default="", repr=False)


def inspect_foreign(path: Path) -> ForeignModel:
    """Return what is found in an ONNX file; nothing of it is run.

    Raises
    ------
    ModelError
        It is no ONNX file, holds what is not allowed, or is no image classifier with one input and a feature map.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"the file has more than {MAX_FILE_BYTES:,} bytes", path=path)
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or 'unknown error'}", path=path) from error
    try:
        graph = Graph(data)
        operators = check_onnx(data, inputs={graph.input_name: graph.shape}, outputs=())
        logits, count, activation = graph.logits()
        features, feature_shape = graph.features(logits)
        copy = graph.with_outputs(logits=logits, features=features)
    except ModelError as error:
        raise ModelError(error.reason, hint=error.hint, path=path) from error
    return ForeignModel(
        data=copy.data,
        input_name=copy.input_name,
        shape=graph.shape,
        logit_count=count,
        activation=activation or ("sigmoid" if count == 1 else "softmax"),
        logits_from=logits,
        features_from=features,
        feature_shape=feature_shape,
        operators=operators,
    )


def write_foreign(folder: Path, found: ForeignModel, facts: ForeignFacts) -> ModelManifest:
    """Fill an existing folder with ``model.onnx``, ``CARD.md`` and ``manifest.json``; return the manifest.

    Raises
    ------
    ModelError
        The answers do not fit the file or each other; the reason names which.
    """
    size = _size(found, facts)
    template = _template(found, facts)
    steps = facts.steps if facts.steps is not None else template_steps(template, facts, size)
    (folder / "model.onnx").write_bytes(found.data)
    manifest = ModelManifest(
        name=facts.name,
        tag=facts.tag,
        title=facts.title or facts.name,
        task=WHOLE_IMAGE if facts.whole_image else "patch-classification",
        created=datetime.now(UTC).date().isoformat(),
        files={"model": describe_file(folder, "model.onnx")},
        input=ModelInput(
            found.input_name,
            (found.shape[0], found.shape[1], *size),
            facts.pixel_size_mm,
            facts.value_range or (template.value_range if facts.steps is None else _FULL_RANGE),
        ),
        preprocessing=steps,
        accepts=Acceptance(facts.kinds),
        tiling=None if facts.whole_image else Tiling(size, facts.stride or max(1, min(size) // 3)),
        outputs=_outputs(found, facts),
        cam=CamSettings("features", "", "eigencam"),
        training_data=({"name": facts.trained_on, "terms": "as stated by the user"},) if facts.trained_on else (),
        intended_use=INTENDED_USE,
        folder=folder,
    )
    write_manifest(folder, manifest)
    write_text_atomically(folder / CARD_NAME, facts.card or _card(manifest, found))
    return manifest


def template_steps(template: Template, facts: ForeignFacts, size: tuple[int, int]) -> tuple[PreparationStep, ...]:
    """Return the chain of a template: window, resampling or resizing as the answers want it, then its own steps."""
    chain: list[PreparationStep] = [_VOI]
    if facts.pixel_size_mm is not None:
        chain.append(_RESAMPLE)
    if facts.whole_image:
        chain.append({"op": "resize", "rows": size[0], "columns": size[1], "keep_aspect": True})
    return (*chain, *template.steps)


def model_name(text: str) -> str:
    """Return a model's name made of a file name or title: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:60] or "my-model"


def _size(found: ForeignModel, facts: ForeignFacts) -> tuple[int, int]:
    rows, columns = found.shape[2:]
    stated = facts.patch
    if rows is None or columns is None:
        if stated is None:
            raise ModelError("the file takes images of any size: state the size that it was trained with")
        return stated
    if stated is not None and stated != (rows, columns):
        raise ModelError(f"the file takes {rows} x {columns} pixels, not {stated[0]} x {stated[1]}")
    return rows, columns


def _template(found: ForeignModel, facts: ForeignFacts) -> Template:
    if facts.template not in TEMPLATES:
        raise ModelError(f"there is no preprocessing {facts.template!r}", hint="one of " + ", ".join(TEMPLATES))
    template = TEMPLATES[facts.template]
    if facts.steps is None and template.channels not in (1, found.shape[1]):
        raise ModelError(f"{facts.template} gives {template.channels} channels, the file takes {found.shape[1]}")
    return template


def _outputs(found: ForeignModel, facts: ForeignFacts) -> ModelOutputs:
    activation = facts.activation or found.activation
    wanted = 2 if found.logit_count == 1 else found.logit_count
    if len(facts.classes) != wanted:
        raise ModelError(f"the file gives {found.logit_count} values: it needs {wanted} classes, not {_listed(facts)}")
    positive = facts.positive_class or facts.classes[-1]
    if positive not in facts.classes:
        raise ModelError(f"the class {positive!r} that is to be mapped is not one of {_listed(facts)}")
    outputs = ModelOutputs("logits", "features", facts.classes, activation, positive, facts.threshold)
    if outputs.logit_count != found.logit_count:
        raise ModelError(f"{activation} does not fit the {found.logit_count} values that the file gives")
    return outputs


def _listed(facts: ForeignFacts) -> str:
    return ", ".join(facts.classes) or "none"


def _card(manifest: ModelManifest, found: ForeignModel) -> str:
    steps: Sequence[Mapping[str, Any]] = manifest.preprocessing
    size = f"{manifest.input.pixel_size_mm:g} mm" if manifest.input.pixel_size_mm is not None else "any pixel size"
    lines = [
        f"# {manifest.title}",
        "",
        "Brought in by its user. Nothing about its quality is known to this program: no figures were measured.",
        "",
        f"- model: {manifest.identity}, added {manifest.created}",
        f"- input: {list(manifest.input.shape)} at {size}",
        f"- classes: {', '.join(manifest.outputs.classes)}; mapped: {manifest.outputs.positive_class}",
        f"- activation: {manifest.outputs.activation}; threshold {manifest.outputs.operating_threshold:g}",
        f"- preprocessing: {', '.join(str(step['op']) for step in steps)}",
        f"- logits: {found.logits_from}; feature map: {found.features_from}",
        f"- trained on: {manifest.training_data[0]['name'] if manifest.training_data else 'not stated'}",
        f"- intended use: {manifest.intended_use}",
    ]
    return "\n".join(lines) + "\n"
