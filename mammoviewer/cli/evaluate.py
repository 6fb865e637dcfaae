"""``mammoviewer evaluate``: a model judged on a data set, with intervals by patient and a report.

The folder holds a data set in its own layout: INFN patches (patches.csv), mini-MIAS (Info.txt), VinDr-Mammo, RSNA,
CBIS-DDSM, INbreast, Duke BCS-DBT, or images with exported findings of this program. ``metrics.json``, ``report.html``
and ``units.csv`` (every score) are written.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mammoviewer.base.errors import ExportError, InputError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.cli.opening import results_cache
from mammoviewer.datasets.cases import CaseList
from mammoviewer.datasets.layouts import LAYOUTS, load_cases
from mammoviewer.datasets.splits import PARTS, read_split
from mammoviewer.inference.manifest import ModelManifest, load_manifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import MODES
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.training.evaluation import EvaluationOptions, evaluate
from mammoviewer.training.evaluation_files import write_evaluation
from mammoviewer.training.scored import UNITS

NAME = "evaluate"
_WIDTH = 79
_MOST_PROBLEMS = 10


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="judge a model on a data set", description=__doc__)
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="a model of `mammoviewer models list`, or a folder"
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the figures and the report")
    parser.add_argument("--layout", choices=LAYOUTS, help="the kind of data set; by default told by its tables")
    parser.add_argument("--split", type=Path, metavar="FILE", help="a split.json; take only the patients of one part")
    parser.add_argument("--part", choices=PARTS, default="test", help="of the split; default %(default)s")
    parser.add_argument("--unit", choices=UNITS, default="", help="what is judged; by default what fits the data")
    parser.add_argument("--mode", choices=MODES, default="patches", help="over whole images")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="at most N images, evenly over the list")
    parser.add_argument(
        "--seed", type=int, default=20, metavar="N", help="of the drawing of patients; default %(default)s"
    )
    parser.add_argument("--force", action="store_true", help="run although the model was not made for the images")
    parser.add_argument("--no-cache", action="store_true", help="neither take results from the cache nor keep them")
    parser.add_argument("--json", action="store_true", help="write metrics.json on stdout too")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; return 0, or 1 when something of the data set could not be used at all."""
    options = EvaluationOptions(args.unit, args.mode, args.limit, args.force, args.seed)
    model = OnnxModel(find_model(args.model))
    cases = _cases(args)
    _make_folder(args.out)
    cache = None if args.no_cache else results_cache()
    result = evaluate(model, cases, options, cache=cache, progress=_progress())
    sys.stderr.write("\r" + " " * _WIDTH + "\r" if sys.stderr.isatty() else "")
    for problem in result.problems[:_MOST_PROBLEMS]:
        print(f"mammoviewer: {problem}", file=sys.stderr)
    if len(result.problems) > _MOST_PROBLEMS:
        print(f"mammoviewer: and {len(result.problems) - _MOST_PROBLEMS} more problems", file=sys.stderr)
    written = write_evaluation(args.out, result, model.manifest)
    if args.json:
        print(json.dumps(result.metrics, indent=2))
    else:
        print(summary(result.metrics))
        print(written)
    return 0


def find_model(name: str) -> ModelManifest:
    """Return the manifest of a model by its name, or of a model folder."""
    folder = Path(name)
    return load_manifest(folder) if (folder / "manifest.json").is_file() else ModelRegistry().get(name)


def summary(metrics: dict[str, object]) -> str:
    """Return the main figures in a few lines."""
    lines = [
        f"{metrics['model']} on {metrics['layout']}: {metrics['n']} x {metrics['unit']}, "
        f"{metrics['n_patients']} patients"
    ]
    for name in ("auc", "accuracy"):
        value, interval = metrics[name], metrics[f"{name}_ci"]
        shown = f"{value:.3f}" if isinstance(value, float) else "not known"
        told = f" (95 % {interval[0]:.3f} to {interval[1]:.3f})" if isinstance(interval, list) else ""
        lines.append(f"  {name}: {shown}{told}")
    rates = metrics.get("sensitivity_at_fp")
    if isinstance(rates, dict):
        lines.append("  sensitivity at false marks per image: " + ", ".join(f"{k}: {v:.3f}" for k, v in rates.items()))
    if metrics.get("training_patients_among_them"):
        seen, all_ = metrics["training_patients_among_them"], metrics["n_patients"]
        lines.append(
            f"  not a test: the model learned from {seen} of these {all_} patients (--split takes a part alone)"
        )
    if "note" in metrics:
        lines.append(f"  {metrics['note']}")
    return "\n".join(lines)


def _cases(args: argparse.Namespace) -> CaseList:
    cases = load_cases(args.data, args.layout)
    if args.split is None:
        return cases
    chosen = cases.of_patients(read_split(args.split).part(args.part))
    if not len(chosen):
        raise InputError(f"no patient of the part {args.part!r} is in {args.data}", path=args.split)
    return chosen


def _make_folder(folder: Path) -> None:
    """Make the folder of the results before the hours that it may take to have any."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"the folder cannot be made: {error.strerror or 'unknown error'}", path=folder) from error


def _progress() -> Progress:
    if not sys.stderr.isatty():
        return no_progress

    def show(fraction: float, message: str) -> None:
        sys.stderr.write("\r" + f"{fraction:4.0%} {message}"[:_WIDTH].ljust(_WIDTH))
        sys.stderr.flush()

    return show
