"""Pausing a recipe, and finding those that were interrupted. No torch here: the panel calls this.

The folder of checkpoints (``TrainingSpec.checkpoints``) holds ``spec.json`` and, while the run is paused, a file
``pause``. A run is cancelled by ending its process; what it left behind is resumed or removed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.training.claim import is_claimed
from mammoviewer.training.spec import SPEC_NAME, Emit, TrainingSpec

_PAUSE = "pause"
_LOOK_S = 0.2


def pause(spec: TrainingSpec) -> None:
    """Ask a run to wait before its next batch; it tells "paused"."""
    write_text_atomically(spec.checkpoints / _PAUSE, "")


def unpause(spec: TrainingSpec) -> None:
    """Let a paused run go on; it tells "unpaused"."""
    (spec.checkpoints / _PAUSE).unlink(missing_ok=True)


def is_paused(spec: TrainingSpec) -> bool:
    """Return whether a run was asked to wait."""
    return (spec.checkpoints / _PAUSE).exists()


def holder(checkpoints: Path, emit: Emit) -> Callable[[], None]:
    """Return what a fit calls before every batch: it comes back at once, or when the pause is over."""

    def hold() -> None:
        if not (checkpoints / _PAUSE).exists():
            return
        emit({"event": "paused", "text": "paused"})
        while (checkpoints / _PAUSE).exists():
            time.sleep(_LOOK_S)
        emit({"event": "unpaused", "text": "going on"})

    return hold


def interrupted_runs(folder: Path) -> tuple[TrainingSpec, ...]:
    """Return the recipes under way or interrupted whose output lies in ``folder``, the latest first."""
    found = []
    for kept in folder.glob(f".*.training/{SPEC_NAME}"):
        try:
            found.append((kept.stat().st_mtime, TrainingSpec.from_json(kept.read_text(encoding="utf-8"))))
        except (OSError, UnicodeDecodeError, MammoViewerError):
            # a folder that is being removed, or of a later release: nothing that can be resumed
            continue
    return tuple(spec for _, spec in sorted(found, key=lambda entry: entry[0], reverse=True))


def forget(spec: TrainingSpec) -> None:
    """Remove what an interrupted run left behind, unless another of that output is at work; no output is touched."""
    if not is_claimed(spec.checkpoints):
        shutil.rmtree(spec.checkpoints, ignore_errors=True)
