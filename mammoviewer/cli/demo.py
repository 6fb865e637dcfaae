"""``mammoviewer demo``: the built-in exam in the window, or the whole job headless."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.paths import bundled_models_dir, user_models_dir
from mammoviewer.cli.display import display_problem
from mammoviewer.inference.registry import DEFAULT_MODEL, ModelRegistry
from mammoviewer.session.demo import demo_exam
from mammoviewer.session.demo_run import DemoOptions, run_demo
from mammoviewer.session.window_request import WindowRequest

NAME = "demo"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="the built-in demo exam", description=__doc__)
    parser.add_argument("--headless", action="store_true", help="no window: do the whole job and write what it makes")
    parser.add_argument("--out", type=Path, default=Path("demo-output"), metavar="DIR", help="default %(default)s")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default %(default)s")
    parser.add_argument("--scale", type=float, default=1.0, help="linear size of the exam's images, for quick trials")
    parser.add_argument("--no-train", action="store_true", help="leave the retraining out")
    parser.add_argument("--no-screenshots", action="store_true", help="leave the pictures of the window out")


def run(arguments: argparse.Namespace) -> int:
    """Open the demo exam, or do the job headless; return the exit code."""
    exam = demo_exam(_show_progress, scale=arguments.scale)
    _end_line()
    unseen = os.environ.get("QT_QPA_PLATFORM") in {"offscreen", "minimal"}
    if not arguments.headless and not unseen and not display_problem():
        return int(arguments.show(WindowRequest((exam,))))
    start = time.monotonic()
    arguments.out.mkdir(parents=True, exist_ok=True)
    chosen = ModelRegistry([bundled_models_dir(), user_models_dir()]).get(arguments.model)
    with _home_of_its_own():
        if chosen.folder.parent != bundled_models_dir():
            shutil.copytree(chosen.folder, user_models_dir() / chosen.folder.name)
        registry = ModelRegistry([bundled_models_dir(), user_models_dir()])
        options = DemoOptions(arguments.out, arguments.model, train=not arguments.no_train)
        run_demo(exam, options, registry, _say, _show_progress)
        if not arguments.no_screenshots:
            _screenshots(arguments, exam)
    _say(f"done in {time.monotonic() - start:.0f} s: {arguments.out.resolve()}")
    return 0


@contextlib.contextmanager
def _home_of_its_own() -> Iterator[None]:
    """Keep the findings and models of the demo out of the user's own."""
    before = os.environ.get("MAMMOVIEWER_HOME")
    with tempfile.TemporaryDirectory(prefix="mammoviewer-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["MAMMOVIEWER_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["MAMMOVIEWER_HOME"]
            else:
                os.environ["MAMMOVIEWER_HOME"] = before


def _screenshots(arguments: argparse.Namespace, exam: Path) -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    folder = arguments.out / "window"
    try:
        code = arguments.show(WindowRequest((exam,), model=arguments.model, tour=folder))
    except ImportError as error:
        _say(f"no pictures of the window: Qt cannot be loaded here ({error})")
        return
    if code:
        raise MammoViewerError("the walk through the window did not come to its end", path=folder)
    _say("took pictures of the window, step by step")


def _say(text: str) -> None:
    _end_line()
    print(text, flush=True)


def _show_progress(fraction: float, message: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{100 * fraction:3.0f} % {message:<60.60}", end="", file=sys.stderr, flush=True)


def _end_line() -> None:
    if sys.stderr.isatty():
        print("\r" + " " * 68 + "\r", end="", file=sys.stderr, flush=True)
