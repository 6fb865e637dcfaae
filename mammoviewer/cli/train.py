"""``mammoviewer train``: run a recipe on a data set and write a model folder."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import ArgumentError, TrainingError
from mammoviewer.base.progress import no_progress
from mammoviewer.jobs.process_runner import run_json_lines
from mammoviewer.training.recipe_files import load_recipe, recipe_names
from mammoviewer.training.spec import SPEC_NAME, TrainingEvent, TrainingSpec, parse_event, worker_command

NAME = "train"
_MOST_PROCESSES = 64


def add_parser(subparsers: Any) -> None:
    """Add the subcommand's parser."""
    parser = subparsers.add_parser(NAME, help="train a model by a recipe", description=__doc__)
    parser.add_argument("--recipe", choices=recipe_names(), help="what to train")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--out", type=Path, metavar="DIR", help="model folder to write or replace")
    parser.add_argument("--name", help="name of the model; by default that of the recipe")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting of the recipe (epochs=20; --show lists them), or seed, threads",
    )
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run of this output stopped")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes that train one network together"
    )
    parser.add_argument(
        "--scheduler",
        default="",
        metavar="ADDRESS",
        help="of a Dask cluster that runs the folds, such as tcp://HOST:8786",
    )
    parser.add_argument("--list", action="store_true", help="list the recipes and end")
    parser.add_argument("--show", dest="settings", action="store_true", help="list the settings of the recipe and end")
    parser.add_argument("--log", type=Path, help="file for what the training libraries print")


def run(arguments: argparse.Namespace) -> int:
    """Train in a child process and print its progress; return the exit code."""
    if arguments.list:
        for name in recipe_names():
            print(f"{name:24} {load_recipe(name).title}")
        return 0
    if arguments.recipe is None:
        raise ArgumentError("--recipe is missing", hint="--list names the recipes")
    if arguments.settings:
        _show(arguments.recipe)
        return 0
    if arguments.data is None or arguments.out is None:
        raise ArgumentError("--data and --out are needed")
    if not 1 <= arguments.processes <= _MOST_PROCESSES:
        raise ArgumentError(f"--processes must lie between 1 and {_MOST_PROCESSES}")
    if arguments.processes > 1 and arguments.scheduler:
        hint = "a cluster runs the folds, each in one process; several processes train one network on this machine"
        raise ArgumentError("--processes and --scheduler cannot be used together", hint=hint)
    return _train(_spec(arguments), arguments.processes, arguments.log)


def _spec(arguments: argparse.Namespace) -> TrainingSpec:
    spec = TrainingSpec(
        kind="recipe",
        data=arguments.data.resolve(),
        output=arguments.out.resolve(),
        name=arguments.name or arguments.recipe,
        recipe=arguments.recipe,
        resume=arguments.resume,
        scheduler=arguments.scheduler,
    ).with_parameters(_settings(arguments.set))
    if not spec.data.is_dir():
        raise TrainingError("there is no such data folder", path=arguments.data)
    return spec


def _train(spec: TrainingSpec, processes: int, log: Path | None) -> int:
    watch = _Watch()
    errors: deque[str] = deque(maxlen=5)
    with tempfile.TemporaryDirectory(prefix="mammoviewer-train-") as folder, _ended_with_its_child():
        code = run_json_lines(
            worker_command(spec.write(Path(folder) / SPEC_NAME), processes),
            on_event=watch,
            progress=no_progress,
            nice=0,
            log=log,
            stderr_tail=errors,
        )
    if watch.failure is not None:
        raise watch.failure
    if code != 0 or watch.result is None:
        raise TrainingError(f"the training process ended with code {code}", hint=errors[-1].strip() if errors else "")
    _print_result(watch.result)
    return 0


@contextlib.contextmanager
def _ended_with_its_child() -> Iterator[None]:
    """Take a request to end like Ctrl+C, which ends the training process too; it would train on otherwise."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(name: str) -> None:
    recipe = load_recipe(name)
    print(f"{recipe.title}\n{recipe.description}\nData sets: {', '.join(recipe.data)}\n")
    for parameter in recipe.parameters:
        print(f"  {parameter.name}={parameter.default}  ({parameter.expected})  {parameter.help}")


class _Watch:
    """Prints the events of the child and remembers how it ended."""

    def __init__(self) -> None:
        self.result: TrainingEvent | None = None
        self.failure: TrainingError | None = None

    def __call__(self, values: dict[str, object]) -> tuple[float, str] | None:
        event = parse_event(values)
        if event is None:
            return None
        if event.kind == "done":
            self.result = event
        elif event.kind == "failed":
            self.failure = TrainingError(str(event.values.get("reason")), hint=str(event.values.get("hint") or ""))
        else:
            print(f"{event.fraction:4.0%} {event.message}", file=sys.stderr)
        return event.fraction, event.message


def _print_result(event: TrainingEvent) -> None:
    print(event.values["model_folder"])
    for key, value in event.values["metrics"].items():
        print(f"  {key}: {value:.4f}" if isinstance(value, float) else f"  {key}: {value}")


def _settings(pairs: list[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name.isidentifier() or not value:
            raise ArgumentError(f"--set {pair!r} is not NAME=VALUE", hint="for example --set epochs=20")
        settings[name] = value
    return settings
