"""The child process of a training run: ``python -m mammoviewer.training.worker SPEC.json``.

Prints JSON lines (see :mod:`mammoviewer.training.spec`). Exit code 0 done, 1 expected failure (told as "failed"),
143 stopped on request. The models that exist are never touched before the new one is whole.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.training.spec import TrainingSpec, read_patches

_STOPPED = 143


class _Stopped(BaseException):
    """The run was asked to stop; raised in the main thread so that every ``finally`` runs."""


def main(arguments: list[str]) -> int:
    """Run the training that the file named by the only argument describes; return the exit code."""
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    try:
        spec = _read_spec(arguments)
        emit({"event": "started", "name": spec.name, "tag": spec.tag, "text": "loading the training libraries"})
        metrics = _run(spec)
        emit({"event": "done", "model_folder": str(spec.output), "metrics": metrics, "fraction": 1.0})
    except MammoViewerError as error:
        reason = f"{error.path}: {error.reason}" if error.path is not None else error.reason
        emit({"event": "failed", "reason": reason, "hint": error.hint})
        return 1
    except _Stopped:
        return _STOPPED
    return 0


def emit(event: Mapping[str, Any]) -> None:
    """Print one event as a line of strict JSON; of several processes the first one alone tells."""
    if os.environ.get("RANK", "0") != "0":
        return
    print(json.dumps(event, allow_nan=False), flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # a second signal must not interrupt the cleaning up
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise _Stopped


def _read_spec(arguments: list[str]) -> TrainingSpec:
    if len(arguments) != 1:
        raise TrainingError("the worker takes the path of one description")
    try:
        return TrainingSpec.from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError("the description of the training run cannot be read", path=arguments[0]) from error


def _run(spec: TrainingSpec) -> Mapping[str, Any]:
    import torch

    torch.set_num_threads(spec.threads or max(1, (os.cpu_count() or 2) - 1))
    if spec.kind == "recipe":
        from mammoviewer.training.distributed import joined_group
        from mammoviewer.training.recipes import run_recipe

        with joined_group():
            return run_recipe(spec, emit)
    from mammoviewer.training.regions_bundle import build_region_model

    return build_region_model(spec, read_patches(spec.data, spec.classes), emit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
