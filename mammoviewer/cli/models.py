"""``mammoviewer models``: which classifiers there are, whether they are sound, their cards, and adding more."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.cli.models_add import add_model, add_options
from mammoviewer.cli.models_quantise import quantise_model
from mammoviewer.inference.check import CheckResult, card_text, check_model, outcome
from mammoviewer.inference.manifest import ModelManifest, manifest_to_json
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.training.torch_presence import torch_agreement

NAME = "models"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="list, check and describe the classifiers", description=__doc__)
    parser.add_argument("action", nargs="?", choices=("list", "check", "add", "card", "quantise"), default="list")
    help_text = "a model, all of them are checked without a name; or what to add: a folder, a zip file, an ONNX file"
    parser.add_argument("name", nargs="?", metavar="NAME", help=help_text)
    parser.add_argument("--data", type=Path, metavar="DIR", help="check, quantise: images with labels")
    parser.add_argument("--sample", type=int, default=20, metavar="N", help="check: of --data; default %(default)s")
    parser.add_argument("--force", action="store_true", help="take images that the model was not made for")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="quantise: at most N images of --data")
    parser.add_argument("--json", action="store_true", help="write JSON on stdout")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; return the exit code."""
    registry = ModelRegistry()
    if args.action == "check":
        return _check(registry, args)
    if args.action == "add":
        return add_model(args, registry)
    if args.action == "quantise":
        return quantise_model(args)
    if args.action == "card":
        return _card(registry, args.name, as_json=args.json)
    if args.name is not None:
        raise ArgumentError("models list takes no name")
    return _list(registry, as_json=args.json)


def _list(registry: ModelRegistry, *, as_json: bool) -> int:
    if as_json:
        refused = [{"folder": str(folder), "reason": reason} for folder, reason in registry.refused]
        print(json.dumps({"models": [_summary(model) for model in registry.models], "refused": refused}, indent=2))
        return 0
    for model in registry.models:
        classes = " / ".join(model.outputs.classes)
        size = f"{model.input.pixel_size_mm:g} mm" if model.input.pixel_size_mm is not None else "any pixel size"
        print(f"{model.identity}  {model.title}  [{classes}; {size}]")
    for folder, reason in registry.refused:
        print(f"refused  {folder}: {reason}")
    if not registry.models and not registry.refused:
        print("no models; looked in " + ", ".join(str(folder) for folder in registry.directories))
    return 0


def _summary(model: ModelManifest) -> dict[str, object]:
    return {"identity": model.identity, "folder": str(model.folder), **manifest_to_json(model)}


def _check(registry: ModelRegistry, args: argparse.Namespace) -> int:
    name: str | None = args.name
    as_json: bool = args.json
    models = registry.models if name is None else (registry.get(name),)
    if not models and not registry.refused:
        raise ModelError("there are no models to check")
    sound = True
    document: list[dict[str, object]] = []
    for model in models:
        for result in _checks(model, args):
            sound = sound and result.passed
            document.append({"model": model.identity, **vars(result)})
            if not as_json:
                word = "skip  " if result.skipped else "ok    " if result.passed else "FAILED"
                print(f"{model.identity}  {word}  {result.name}: {result.detail}")
    for folder, reason in registry.refused if name is None else ():
        sound = False
        document.append({"model": folder.name, "name": "manifest", "passed": False, "detail": reason})
        if not as_json:
            print(f"{folder.name}  FAILED  manifest: {reason}")
    if as_json:
        print(json.dumps({"sound": sound, "checks": document}, indent=2))
    if sound:
        return 0
    failed = sorted({str(entry["model"]) for entry in document if not entry["passed"]})
    print(f"mammoviewer: not sound: {', '.join(failed)}", file=sys.stderr)
    return 1


def _checks(manifest: ModelManifest, args: argparse.Namespace) -> Iterator[CheckResult]:
    """Yield all checks; those that need torch, where it is, or a data set, where one is named, follow the others."""
    for result in check_model(manifest):
        yield result
        if not result.passed:
            return
    model = OnnxModel(manifest)
    yield outcome("torch", lambda: torch_agreement(model))
    if args.data is not None:
        from mammoviewer.datasets.layouts import load_cases
        from mammoviewer.training.localisation import data_localisation

        cases = load_cases(args.data)
        yield outcome(
            "pointing game on data", lambda: data_localisation(model, cases, sample=args.sample, force=args.force)
        )


def _card(registry: ModelRegistry, name: str | None, *, as_json: bool) -> int:
    if name is None:
        known = ", ".join(model.identity for model in registry.models)
        raise ArgumentError("models card needs the name of a model", hint=f"known models: {known or 'none'}")
    model = registry.get(name)
    if as_json:
        print(json.dumps({**_summary(model), "card": card_text(model)}, indent=2))
    else:
        print(card_text(model).rstrip())
    return 0
