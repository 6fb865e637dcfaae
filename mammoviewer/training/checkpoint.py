"""What a fit goes on from: written whole after every epoch, so that a power cut loses one epoch at most."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mammoviewer.base.errors import TrainingError
from mammoviewer.base.paths import atomic_path


def _never() -> None:
    """Hold nothing up."""


@dataclass(frozen=True)
class Checkpoint:
    """The file of one fit, and what holds the fit up while it is paused (called before every batch)."""

    path: Path
    hold: Callable[[], None] = _never

    def save(self, state: Mapping[str, Any]) -> None:
        """Write tensors, numbers, texts, lists and dicts; the file is the old one or the new one, never half of one.

        Raises
        ------
        TrainingError
            The disk is full or cannot be written to.
        """
        try:
            with atomic_path(self.path) as temporary:
                torch.save(dict(state), temporary)
        except (OSError, RuntimeError) as error:
            hint = "make room on the disk and resume the run"
            raise TrainingError("the state of the training cannot be written", hint=hint, path=self.path) from error

    def load(self) -> dict[str, Any] | None:
        """Return what was saved, or ``None``; no code in the file is run.

        Raises
        ------
        TrainingError
            The file is damaged or holds something else.
        """
        if not self.path.is_file():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            hint = "start anew without --resume"
            raise TrainingError("the state of the interrupted run cannot be read", hint=hint, path=self.path) from error
        if not isinstance(state, dict):
            raise TrainingError("the state of the interrupted run cannot be read", path=self.path)
        return state
