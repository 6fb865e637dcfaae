"""``mammoviewer batch``: a classifier over many images, one task each, here or on the machines of a Dask cluster.

Each image gets a folder of its own with what ``mammoviewer predict`` writes; ``batch.csv`` lists all. A batch that was
broken off goes on where it stopped, and an image whose machine was lost is done again on another.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import InputError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.base.progress import no_progress
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.training.cluster import run_tasks

NAME = "batch"
LIST_NAME = "batch.csv"
_COLUMNS = ("path", "image", "score", "marks", "folder", "failure")


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="run a classifier over many images", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or folders that are searched")
    parser.add_argument("--model", required=True, metavar="NAME", help="a model of `mammoviewer models list`")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="of a Dask cluster, such as tcp://HOST:8786")
    parser.add_argument(
        "--option", action="append", default=[], metavar="OPTION", help="for predict, such as --option=--pixel-size=.05"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand; return 0 when every image was done, 1 when one could not be."""
    model = ModelRegistry().get(arguments.model).identity
    files = files_of(arguments.paths)
    out = arguments.out.resolve()
    items = {_name(path): _item(path, model, out, arguments.option) for path in files}
    progress = _progress if sys.stderr.isatty() else no_progress
    results, failures = run_tasks(analyse, items, out / "results", scheduler=arguments.scheduler, progress=progress)
    write_list(out / LIST_NAME, items, results, failures)
    for name, reason in failures.items():
        print(f"mammoviewer: {items[name]['path']}: {reason}", file=sys.stderr)
    print(f"{out / LIST_NAME}: {len(results)} of {len(items)} files done")
    return 1 if failures else 0


def files_of(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files named, and all in the folders named, hidden ones left aside.

    Raises
    ------
    InputError
        A path is not there, or there is no file at all.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError("there is no such file or folder", path=path)
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [one.resolve() for one in inside if one.is_file() and not one.name.startswith(".")]
    if not found:
        raise InputError("there are no files", path=paths[0])
    return tuple(dict.fromkeys(found))


def analyse(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run ``mammoviewer predict`` on one file, in a process of its own so that a decoder's crash costs one image.

    Returns
    -------
    mapping
        The document ``predictions.json``.

    Raises
    ------
    InputError
        The file holds no image that the model can be run on.
    """
    folder = Path(item["folder"])
    command = [sys.executable, "-m", "mammoviewer", "predict", item["path"], "--model", item["model"]]
    command += ["--out", str(folder), *item["options"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise InputError(lines[-1].removeprefix("mammoviewer: ") if lines else f"exit code {done.returncode}")
    document: dict[str, Any] = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
    return document


def write_list(
    path: Path,
    items: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Mapping[str, Any]],
    failures: Mapping[str, str],
) -> None:
    """Write one line per image, and per file that failed."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for name, item in items.items():
        for image in results.get(name, {}).get("images", ()):
            marks = len(image["detections"])
            table.writerow((item["path"], image["uid"], image["score"], marks, item["folder"], ""))
        if name in failures:
            table.writerow((item["path"], "", "", "", "", failures[name]))
    write_text_atomically(path, text.getvalue())


def _name(path: Path) -> str:
    """Return a name for the results of a file that tells it from one of the same name elsewhere."""
    return f"{path.stem[:40]}-{hashlib.sha256(str(path).encode()).hexdigest()[:10]}"


def _item(path: Path, model: str, out: Path, options: Sequence[str]) -> dict[str, Any]:
    return {"path": str(path), "model": model, "folder": str(out / _name(path)), "options": list(options)}


def _progress(fraction: float, name: str) -> None:
    print(f"\r{fraction:4.0%} {name:60}", end="\n" if fraction >= 1 else "", file=sys.stderr, flush=True)
