"""The JSON schema of a manifest: every field is checked, unknown fields are refused, errors name the field.

Version 1, which knew patch classifiers alone, is still read; version 2 is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType

from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.imaging.preparation_steps import MAX_SIDE, PreparationStep, channels_after, check_steps, size_after
from mammoviewer.inference.json_fields import Fields, is_number
from mammoviewer.inference.model_records import (
    Acceptance,
    CamSettings,
    DenseAgreement,
    JsonObject,
    ModelFile,
    ModelInput,
    ModelManifest,
    ModelOutputs,
    Tiling,
)

SCHEMA_VERSION = 2
MAX_FILE_BYTES = 500_000_000
IMAGE_KINDS = ("MAMMOGRAM", "MAMMOGRAM_RAW", "TOMO", "SYNTHETIC_2D", "SECONDARY", "RASTER")
PATCHES, WHOLE_IMAGE, DETECTION = TASKS = ("patch-classification", "image-classification", "detection")
CAM_METHODS = ("cam", "gradcam", "gradcam++", "hirescam", "eigencam", "ablationcam", "occlusion")
GRADIENT_METHODS = ("cam", "gradcam", "gradcam++", "hirescam")
FILE_ROLES = ("model", "head_grad", "dense", "int8")
NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,63}"
_TAG_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
TENSOR_PATTERN = r"[A-Za-z_][A-Za-z0-9_.:/-]{0,127}"
_MAX_SCALES = 8


def manifest_from_json(document: Mapping[str, object], folder: Path) -> ModelManifest:
    """Return the manifest of a JSON object; only the object is checked, not the files it names."""
    fields = Fields(document)
    version = fields.integer("schema_version", 1, 1_000_000)
    if version > SCHEMA_VERSION:
        raise ModelError(
            f"schema_version {version} is not known: this program reads versions 1 to {SCHEMA_VERSION}",
            hint="a newer release of the program may read it",
        )
    task = fields.choice("task", TASKS if version > 1 else (PATCHES,))
    parent = fields.text("parent") if fields.has("parent") else None
    manifest = ModelManifest(
        name=fields.text("name", pattern=NAME_PATTERN, expected="lower-case letters, digits, - and _"),
        tag=fields.text("tag", pattern=_TAG_PATTERN, expected="letters, digits, - and _"),
        title=fields.text("title", pattern=r"[^\n\r]{1,200}", expected="one line"),
        task=task,
        created=fields.text("created", pattern=r"\d{4}-\d\d-\d\d[0-9T:.+Z-]*", expected="an ISO date"),
        files=_files(fields.inner("files")),
        input=_input(fields.inner("input"), any_size=task == DETECTION),
        preprocessing=_preprocessing(fields),
        accepts=_accepts(fields.inner("accepts")),
        tiling=_tiling_of(fields, task, version),
        outputs=_outputs(fields.inner("outputs"), boxes=task == DETECTION),
        cam=_cam(fields.inner("cam")),
        training_data=_objects(fields, "training_data"),
        metrics=fields.mapping("metrics", optional=True),
        intended_use=fields.text("intended_use", default=""),
        parent=parent,
        folder=folder,
    )
    fields.finish()
    _check_together(manifest)
    return manifest


def manifest_to_json(manifest: ModelManifest) -> dict[str, object]:
    """Return the JSON object that :func:`manifest_from_json` reads."""
    outputs: dict[str, object] = {**vars(manifest.outputs), "classes": list(manifest.outputs.classes)}
    if not manifest.outputs.boxes:
        del outputs["boxes"], outputs["apart_px"]
    tiling = {"tiling": _tiling_to_json(manifest.tiling)} if manifest.tiling is not None else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "name": manifest.name,
        "tag": manifest.tag,
        "title": manifest.title,
        "task": manifest.task,
        "created": manifest.created,
        "files": {role: vars(entry).copy() for role, entry in manifest.files.items()},
        "input": {
            **vars(manifest.input),
            "shape": list(manifest.input.shape),
            "value_range": list(manifest.input.value_range),
        },
        "preprocessing": [dict(step) for step in manifest.preprocessing],
        "accepts": {key: list(value) for key, value in vars(manifest.accepts).items()},
        **tiling,
        "outputs": outputs,
        "cam": vars(manifest.cam).copy(),
        "training_data": [dict(entry) for entry in manifest.training_data],
        "metrics": dict(manifest.metrics),
        "intended_use": manifest.intended_use,
        "parent": manifest.parent,
    }


def _tiling_to_json(tiling: Tiling) -> dict[str, object]:
    """Return the object of ``tiling``, without what does not apply."""
    document: dict[str, object] = {
        "patch": list(tiling.patch),
        "stride": tiling.stride,
        "min_breast_fraction": tiling.min_breast_fraction,
        "modes": list(tiling.modes),
        "scales": list(tiling.scales),
    }
    if tiling.dense_stride is not None:
        document["dense_stride"] = tiling.dense_stride
    if tiling.dense_halo is not None:
        document["dense_halo"] = tiling.dense_halo
    if tiling.dense_patch_agreement is not None:
        document["dense_patch_agreement"] = vars(tiling.dense_patch_agreement).copy()
    return document


def _files(fields: Fields) -> Mapping[str, ModelFile]:
    entries = {role: _file(fields.inner(role)) for role in FILE_ROLES if fields.has(role)}
    if "model" not in entries:
        raise fields.wrong("model", "the main ONNX file")
    fields.finish()
    return MappingProxyType(entries)


def _file(fields: Fields) -> ModelFile:
    entry = ModelFile(
        fields.text("path"),
        fields.text("sha256", pattern="[0-9a-f]{64}", expected="64 lower-case hexadecimal digits"),
        fields.integer("bytes", 1, MAX_FILE_BYTES),
    )
    path = PurePosixPath(entry.path)
    windows = PureWindowsPath(entry.path)
    leaves = path.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    if leaves or "\\" in entry.path or "\0" in entry.path or path.suffix != ".onnx":
        raise fields.wrong("path", "the path of an .onnx file inside the model's folder, with / and without ..")
    fields.finish()
    return entry


def _input(fields: Fields, *, any_size: bool) -> ModelInput:
    shape = fields.array("shape")
    sides = shape[1:2] if any_size and shape[2:] == (None, None) else shape[1:]
    good = len(shape) == 4 and (shape[0] is None or shape[0] == 1) and all(_is_side(side) for side in sides)
    if not good:
        raise fields.wrong("shape", "[null or 1, channels, rows, columns]")
    low_high = fields.array("value_range", default=(0.0, 1.0))
    if len(low_high) != 2 or not all(is_number(value) for value in low_high):
        raise fields.wrong("value_range", "two numbers")
    low, high = (float(str(value)) for value in low_high)
    if not low < high:
        raise fields.wrong("value_range", "[lowest, highest]")
    pixel_size = fields.number("pixel_size_mm", 0.001, 10.0) if fields.has("pixel_size_mm") else None
    entry = ModelInput(
        name=fields.text("name", pattern=TENSOR_PATTERN, expected="the name of the input tensor"),
        shape=tuple(None if side is None else int(str(side)) for side in shape),
        pixel_size_mm=pixel_size,
        value_range=(low, high),
        dtype=fields.choice("dtype", ("float32",)),
    )
    fields.finish()
    return entry


def _preprocessing(fields: Fields) -> tuple[PreparationStep, ...]:
    steps = fields.array("preprocessing")
    mappings = [step for step in steps if isinstance(step, dict)]
    if len(mappings) != len(steps) or len(steps) > 32:
        raise fields.wrong("preprocessing", "a list of at most 32 steps")
    try:
        return tuple(MappingProxyType(step) for step in check_steps(mappings))
    except ArgumentError as error:
        raise ModelError(f"preprocessing: {error.reason}", hint=error.hint) from error


def _accepts(fields: Fields) -> Acceptance:
    kinds = fields.texts("kinds")
    if not kinds or not set(kinds) <= set(IMAGE_KINDS):
        raise fields.wrong("kinds", "some of " + ", ".join(IMAGE_KINDS))
    views = fields.texts("views", default=("*",))
    if not views:
        raise fields.wrong("views", 'a list of view positions, or ["*"]')
    entry = Acceptance(kinds, views, fields.texts("presentation_intent", default=("FOR PRESENTATION", "")))
    fields.finish()
    return entry


def _tiling_of(fields: Fields, task: str, version: int) -> Tiling | None:
    if task == PATCHES:
        return _tiling(fields.inner("tiling"), proven=version > 1)
    if fields.has("tiling"):
        raise ModelError(f"tiling belongs to the task {PATCHES}, not to {task}")
    return None


def _tiling(fields: Fields, *, proven: bool) -> Tiling:
    """Read ``tiling``; where nothing proves that the dense form gives what the patches give, it is not used."""
    patch = fields.array("patch")
    if len(patch) != 2 or not all(_is_side(side) for side in patch):
        raise fields.wrong("patch", "[rows, columns] in model pixels")
    modes = fields.texts("modes", default=("patches",))
    if "patches" not in modes or not set(modes) <= {"patches", "dense"}:
        raise fields.wrong("modes", '["patches"] or ["patches", "dense"]')
    dense_stride = fields.integer("dense_stride", 1, MAX_SIDE) if "dense" in modes else None
    agreement = _agreement(fields.inner("dense_patch_agreement")) if fields.has("dense_patch_agreement") else None
    if "dense" in modes and agreement is None:
        if proven:
            raise fields.wrong("dense_patch_agreement", "the measured agreement that the dense mode needs")
        modes, dense_stride = ("patches",), None
    scales = fields.array("scales", default=(1.0,))
    if not 1 <= len(scales) <= _MAX_SCALES or not all(is_number(scale) and 0.1 <= scale <= 10 for scale in scales):
        raise fields.wrong("scales", f"one to {_MAX_SCALES} numbers from 0.1 to 10")
    rows, columns = (int(str(side)) for side in patch)
    entry = Tiling(
        patch=(rows, columns),
        stride=fields.integer("stride", 1, MAX_SIDE),
        min_breast_fraction=fields.number("min_breast_fraction", 0.0, 1.0, default=0.1),
        modes=modes,
        dense_stride=dense_stride,
        dense_patch_agreement=agreement,
        dense_halo=fields.integer("dense_halo", 0, MAX_SIDE) if fields.has("dense_halo") else None,
        scales=tuple(float(str(scale)) for scale in scales),
    )
    fields.finish()
    return entry


def _agreement(fields: Fields) -> DenseAgreement:
    entry = DenseAgreement(
        spearman=fields.number("spearman", -1.0, 1.0),
        mean_abs_dp=fields.number("mean_abs_dp", 0.0, 1.0),
        max_abs_dp=fields.number("max_abs_dp", 0.0, 1.0),
        auc_difference=fields.number("auc_difference", -1.0, 1.0),
    )
    fields.finish()
    return entry


def _outputs(fields: Fields, *, boxes: bool) -> ModelOutputs:
    classes = fields.texts("classes")
    if not 2 <= len(classes) <= 1000 or len(set(classes)) != len(classes) or not all(classes):
        raise fields.wrong("classes", "two or more different class names")
    entry = ModelOutputs(
        logits=fields.text("logits", pattern=TENSOR_PATTERN),
        features=fields.text("features", pattern=TENSOR_PATTERN),
        classes=classes,
        activation=fields.choice("activation", ("sigmoid", "softmax")),
        positive_class=fields.choice("positive_class", classes),
        operating_threshold=fields.number("operating_threshold", 0.0, 1.0),
        marking_threshold=fields.number("marking_threshold", 0.0, 1.0) if fields.has("marking_threshold") else None,
        boxes=fields.text("boxes", pattern=TENSOR_PATTERN, expected="the tensor of the boxes") if boxes else "",
        apart_px=fields.number("apart_px", 0.0, MAX_SIDE) if boxes and fields.has("apart_px") else 0.0,
    )
    if boxes and (entry.activation != "softmax" or entry.positive_index == 0):
        raise ModelError("outputs of a detection model need softmax over the classes, the first of them the background")
    fields.finish()
    return entry


def _cam(fields: Fields) -> CamSettings:
    entry = CamSettings(
        features=fields.text("features", pattern=TENSOR_PATTERN),
        head_grad=fields.choice("head_grad", ("head_grad", ""), default=""),
        method=fields.choice("method", CAM_METHODS),
    )
    fields.finish()
    return entry


def _objects(fields: Fields, key: str) -> tuple[JsonObject, ...]:
    entries = fields.array(key, default=())
    objects = tuple(entry for entry in entries if isinstance(entry, dict))
    if len(objects) != len(entries):
        raise fields.wrong(key, "a list of objects")
    return objects


def _check_together(manifest: ModelManifest) -> None:
    """Check what no field can tell alone."""
    _check_preparation(manifest)
    if manifest.cam.features != manifest.outputs.features:
        raise ModelError("cam.features differs from outputs.features")
    if (manifest.cam.head_grad == "head_grad") != ("head_grad" in manifest.files):
        raise ModelError("cam.head_grad and files.head_grad must both be there or both be absent")
    if manifest.cam.method in GRADIENT_METHODS and not manifest.cam.head_grad:
        raise ModelError(f"cam.method {manifest.cam.method} needs a head_grad file")
    if manifest.tiling is not None and "dense" in manifest.tiling.modes and "dense" not in manifest.files:
        raise ModelError("tiling.modes speaks of a dense model, files does not")


def _check_preparation(manifest: ModelManifest) -> None:
    """Check that the preprocessing gives what the input takes."""
    if manifest.tiling is not None and manifest.size != manifest.tiling.patch:
        raise ModelError("tiling.patch differs from the rows and columns of input.shape")
    if manifest.tiling is None and manifest.size is not None and size_after(manifest.preprocessing) != manifest.size:
        rows, columns = manifest.size
        raise ModelError(f"preprocessing must end at the size of input.shape: a step resize to {rows} x {columns}")
    made = channels_after(manifest.preprocessing)
    if made not in (1, manifest.channels):
        raise ModelError(f"preprocessing gives {made} channels where input.shape has {manifest.channels}")
    resamples = any(step["op"] == "resample_pixel_size" for step in manifest.preprocessing)
    if resamples != (manifest.input.pixel_size_mm is not None):
        raise ModelError("input.pixel_size_mm and the step resample_pixel_size need each other")


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_SIDE
