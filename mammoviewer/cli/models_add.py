"""``mammoviewer models add``: a bundle, a zip file of one, or an ONNX file made elsewhere."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from mammoviewer.base.errors import ArgumentError, InputError, ModelError
from mammoviewer.base.paths import user_models_dir
from mammoviewer.imaging.preparation_steps import PreparationStep, check_steps
from mammoviewer.inference.foreign import (
    TEMPLATES,
    ForeignFacts,
    ForeignModel,
    inspect_foreign,
    model_name,
    write_foreign,
)
from mammoviewer.inference.installing import install_model, publish_model, staged_model
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.registry import ModelRegistry

_MAX_STEPS_BYTES = 100_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``add``."""
    group = parser.add_argument_group("add")
    group.add_argument("--replace", action="store_true", help="take the place of a model of the same name and tag")
    group.add_argument("--classes", metavar="A,B", help="names of the classes, in the order of the file's values")
    group.add_argument("--positive", metavar="NAME", help="the class that is mapped (default: the last)")
    group.add_argument("--activation", choices=("sigmoid", "softmax"), help="default: as found in the file")
    group.add_argument("--pixel-size", metavar="MM", help="pixel size the model was trained at, or any")
    group.add_argument(
        "--preprocessing",
        default="mammogram-01",
        metavar="NAME|FILE",
        help=f"{', '.join(TEMPLATES)}, or a JSON file with a list of steps (default %(default)s)",
    )
    group.add_argument("--threshold", type=float, default=0.5, metavar="P", help="default %(default)s")
    group.add_argument("--size", metavar="RxC", help="rows and columns, for files that take images of any size")
    group.add_argument("--stride", type=int, metavar="N", help="model pixels between windows (default: a third)")
    group.add_argument("--whole-image", action="store_true", help="it looks at whole images and not at patches")
    group.add_argument("--name", dest="model_name", metavar="TEXT", help="default: that of the file")
    group.add_argument("--title", default="", metavar="TEXT", help="one line for people")
    group.add_argument("--trained-on", default="", metavar="TEXT", help="which data, for the card")


def add_model(args: argparse.Namespace, registry: ModelRegistry) -> int:
    """Add what ``args.name`` is to the user's models; return the exit code."""
    if args.name is None:
        raise ArgumentError("models add needs a folder, a zip file or an ONNX file")
    source = Path(args.name)
    if not source.exists():
        raise InputError("there is no such file or folder", path=source)
    directory, taken = user_models_dir(), {model.identity for model in registry.models}
    if source.suffix.lower() == ".onnx":
        found = inspect_foreign(source)
        facts = _facts(args, source, found)
        with staged_model(directory) as staging:
            write_foreign(staging, found, facts)
            manifest = publish_model(staging, directory, taken=taken, replace=args.replace)
    else:
        manifest = install_model(source, directory, taken=taken, replace=args.replace)
    _tell(manifest, as_json=args.json)
    return 0


def _tell(manifest: ModelManifest, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"added": manifest.identity, "folder": str(manifest.folder)}, indent=2))
    else:
        print(f"added {manifest.identity} to {manifest.folder}; its checks passed")


def found_text(found: ForeignModel) -> str:
    """Return in one line what an ONNX file takes and gives."""
    shape = " x ".join("any" if side is None else str(side) for side in found.shape)
    places = " x ".join("any" if side is None else str(side) for side in found.feature_shape)
    return (
        f"input {shape}, {found.logit_count} value{'s' if found.logit_count > 1 else ''} ({found.activation}), "
        f"last feature map {found.features_from} ({places})"
    )


def _facts(args: argparse.Namespace, source: Path, found: ForeignModel) -> ForeignFacts:
    if not args.classes or args.pixel_size is None:
        hint = "state --classes a,b and --pixel-size MM (or any)"
        raise ArgumentError(f"the file does not tell enough; found: {found_text(found)}", hint=hint)
    template, steps = args.preprocessing, None
    if template not in TEMPLATES:
        template, steps = "mammogram-01", _steps(Path(template))
    try:
        return ForeignFacts(
            name=model_name(args.model_name or source.stem),
            classes=tuple(name.strip() for name in args.classes.split(",")),
            positive_class=args.positive or "",
            title=args.title,
            activation=args.activation or "",
            pixel_size_mm=None if args.pixel_size == "any" else float(args.pixel_size),
            template=template,
            steps=steps,
            threshold=args.threshold,
            patch=_size(args.size),
            stride=args.stride,
            whole_image=args.whole_image,
            trained_on=args.trained_on,
        )
    except ValueError as error:
        raise ArgumentError("--pixel-size is a number of millimetres, or any") from error


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    numbers = re.fullmatch(r"(\d{1,5})(?:[xX](\d{1,5}))?", text)
    if numbers is None:
        raise ArgumentError("--size is a number of pixels, or rows and columns such as 256x224")
    return int(numbers[1]), int(numbers[2] or numbers[1])


def _steps(path: Path) -> tuple[PreparationStep, ...]:
    """Return the chain of a JSON file."""
    if not path.is_file():
        raise ArgumentError(f"there is no preprocessing or file {path.name!r}", hint="one of " + ", ".join(TEMPLATES))
    try:
        if path.stat().st_size > _MAX_STEPS_BYTES:
            raise ModelError("the file is too large to be a list of steps", path=path)
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("is not a JSON file", path=path) from error
    if not isinstance(document, list) or not all(isinstance(step, dict) for step in document):
        raise ModelError("is not a list of steps", path=path)
    try:
        return check_steps(document)
    except ArgumentError as error:
        raise ModelError(error.reason, hint=error.hint, path=path) from error
