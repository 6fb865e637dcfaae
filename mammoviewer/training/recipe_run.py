"""What a recipe is given when it is carried out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.cluster import Task, run_tasks
from mammoviewer.training.control import holder
from mammoviewer.training.recipe_files import Value
from mammoviewer.training.spec import Emit, TrainingSpec

if TYPE_CHECKING:
    from mammoviewer.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class RecipeRun:
    """One run of a recipe.

    Attributes
    ----------
    spec
        What was asked for: data folder, output, name, seed.
    settings
        Every parameter of the recipe's file, checked, defaults filled in.
    emit
        Tells an event (see :mod:`mammoviewer.training.spec`).
    checkpoints
        Folder for what an interrupted run goes on from; it exists, and is removed when the model is published.
    """

    spec: TrainingSpec
    settings: Mapping[str, Value]
    emit: Emit
    checkpoints: Path

    def integer(self, name: str) -> int:
        """Return a whole-number setting."""
        return int(self.settings[name])

    def number(self, name: str) -> float:
        """Return a setting that is a number."""
        return float(self.settings[name])

    def text(self, name: str) -> str:
        """Return a setting that is a text or a choice."""
        return str(self.settings[name])

    def flag(self, name: str) -> bool:
        """Return a setting that is true or false."""
        return bool(self.settings[name])

    def checkpoint(self, name: str) -> Checkpoint:
        """Return where the fit of that name keeps its state; it waits while the run is paused.

        The file is named after what decides the fit, too: another machine may still be at a fold of a run that was
        cancelled when one of other settings has begun in the same folder.
        """
        from mammoviewer.training.checkpoint import Checkpoint

        return Checkpoint(self.checkpoints / f"{name}.{self._digest}.pt", holder(self.checkpoints, self.emit))

    @property
    def _digest(self) -> str:
        decides = [self.spec.recipe, str(self.spec.data), self.spec.seed, dict(self.settings)]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]

    def tasks(self, name: str, function: Task, items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Run a function on many items, here or on the machines of the spec's scheduler; return the results by name.

        What was done before the run was interrupted is not done again.

        Raises
        ------
        TrainingError
            An item failed.
        """

        def told(fraction: float, item: str) -> None:
            self.tell(f"{name}: {item} is done", fraction)

        folder = self.checkpoints / name
        results, failures = run_tasks(function, items, folder, scheduler=self.spec.scheduler, progress=told)
        for item, reason in failures.items():
            raise TrainingError(f"{name} {item}: {reason}")
        return results

    def tell(self, text: str, fraction: float) -> None:
        """Tell what is being done, and how much of the run is done, in [0, 1]."""
        self.emit({"event": "log", "text": text, "fraction": fraction})
