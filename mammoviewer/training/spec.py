"""What a training run is asked to do and what it tells back. No torch here: the window and the CLI import this.

A run is a child process, ``python -m mammoviewer.training.worker SPEC.json``, that prints one JSON object per line
(see :func:`parse_event`). Its result is a model folder that appears under ``output`` when, and only when, it is whole.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.base.paths import atomic_path, write_text_atomically
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.inference.manifest_schema import NAME_PATTERN
from mammoviewer.training.recipe_files import load_recipe

Scalar: TypeAlias = str | int | float | bool
Emit: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Tells one event to whoever watches the run."""

SPEC_NAME = "spec.json"
PATCHES_NAME = "patches.npz"
FEWEST_PATIENTS_TO_ASSESS = 10
GROUP_UNITS = ("patient", "breast", "lesion", "region")
_EVENTS = ("started", "fold", "trial", "epoch", "log", "paused", "unpaused", "done", "failed")


@dataclass(frozen=True)
class TrainingSpec:
    """One run, complete; round-trips through JSON.

    Parameters
    ----------
    kind
        "patches": retrain ``base_model`` on the patches of ``data`` (an .npz of :func:`write_patches`);
        "recipe": run the named ``recipe`` on the data set folder ``data``.
    output
        Folder of the new model. For "patches" it must not exist; a recipe replaces an earlier result.
    name, tag, title
        Of the new model; ``name`` in lower-case letters, digits, - and _.
    classes, positive_class
        The user's labels, and the one that the heatmap shows first.
    pixel_size_mm, preprocessing, kinds
        How the patches were prepared; written to the manifest so that images are prepared alike.
    parameters
        Settings of a recipe, by name.
    epochs, batch, learning_rate, folds, seed
        Of the fine tuning; 0 epochs leave the trunk as it is.
    time_limit_s
        Fine tuning stops early enough to stay within this.
    threads
        torch threads; 0 means one less than there are cores.
    scheduler
        Address of a Dask scheduler, on whose machines the folds of a recipe are run; empty for this machine.
    resume
        Go on from what an interrupted run of the same description left behind; a recipe only.
    group_unit, patients
        What the groups of the patches are, one of ``GROUP_UNITS``, and how many patients the regions are of; 0 when
        that is not known.
    """

    kind: Literal["patches", "recipe"]
    data: Path
    output: Path
    name: str
    tag: str = "1"
    title: str = ""
    base_model: Path | None = None
    classes: tuple[str, ...] = ()
    positive_class: str = ""
    pixel_size_mm: float | None = None
    preprocessing: tuple[Mapping[str, Scalar], ...] = ()
    kinds: tuple[str, ...] = ("MAMMOGRAM", "TOMO", "SYNTHETIC_2D", "SECONDARY", "RASTER")
    recipe: str = ""
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    epochs: int = 12
    batch: int = 32
    learning_rate: float = 1e-4
    folds: int = 3
    seed: int = 1
    time_limit_s: float = 25.0
    threads: int = 0
    group_unit: str = "region"
    patients: int = 0
    resume: bool = False
    scheduler: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if not re.fullmatch(NAME_PATTERN, self.name):
            raise TrainingError(
                f"{self.name[:40]!r} is no name of a model", hint="it is made of lower-case letters, digits, - and _"
            )
        if self.kind == "patches" and (self.base_model is None or len(set(self.classes)) < 2):
            raise TrainingError("retraining needs a base model and regions of at least two classes")
        if self.kind == "patches" and self.positive_class not in self.classes:
            raise TrainingError("the positive class is not one of the classes")
        if self.group_unit not in GROUP_UNITS:
            raise TrainingError(f"regions are grouped by one of {', '.join(GROUP_UNITS)}")
        limits = (self.epochs >= 0, self.batch >= 2, self.folds >= 2, self.threads >= 0, self.patients >= 0)
        numbers = (self.learning_rate, self.time_limit_s)
        if not all(limits) or not all(math.isfinite(value) and value > 0 for value in numbers):
            raise TrainingError("epochs, batch, folds, learning rate, time limit or patients are out of range")

    @property
    def checkpoints(self) -> Path:
        """Return the hidden folder beside ``output`` that an interrupted recipe goes on from."""
        return self.output.with_name(f".{self.output.name}.training")

    def to_json(self) -> str:
        """Return the spec as a JSON object."""
        values = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        return json.dumps(values, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TrainingSpec:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        TrainingError
            The text is not such an object or a value is out of range.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            for key in ("data", "output", "base_model"):
                values[key] = Path(values[key]) if values.get(key) is not None else None
            for key in ("classes", "kinds", "preprocessing"):
                values[key] = tuple(values[key])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TrainingError("the description of the training run is not valid") from error

    def write(self, path: Path) -> Path:
        """Write the spec as JSON and return ``path``."""
        write_text_atomically(path, self.to_json())
        return path

    def with_parameters(self, settings: Mapping[str, str]) -> TrainingSpec:
        """Return the spec with ``name=value`` settings of the command line applied.

        ``seed`` and ``threads`` are the spec's own, all others are parameters of the recipe.

        Raises
        ------
        TrainingError
            The recipe has no such setting, or a value is of another type or out of range.
        """
        own: dict[str, Any] = {key: _whole(key, value) for key, value in settings.items() if key in ("seed", "threads")}
        recipe = load_recipe(self.recipe)
        extra = {name: recipe.parameter(name).checked(value) for name, value in settings.items() if name not in own}
        return replace(self, **own, parameters={**self.parameters, **extra})


def worker_command(spec_path: Path, processes: int = 1) -> list[str]:
    """Return the command line of the child process for a written spec; of several that train one network together."""
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [*start, "-m", "mammoviewer.training.worker", str(spec_path)]


def preview_command() -> list[str]:
    """Return the command line of the child process that previews the augmentation of recipes."""
    return [sys.executable, "-m", "mammoviewer.training.preview"]


def write_patches(path: Path, patches: PatchSet) -> Path:
    """Write patches in [0, 1] as the .npz that ``TrainingSpec.data`` names; no pickle inside; return ``path``."""
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.savez(
            handle,
            images=patches.images.astype(np.float32),
            labels=np.asarray(patches.labels, dtype=np.int64),
            groups=np.asarray(patches.groups, dtype=np.str_),
            names=np.asarray(patches.names, dtype=np.str_),
        )
    return path


def read_patches(path: Path, classes: tuple[str, ...]) -> PatchSet:
    """Read what :func:`write_patches` wrote.

    Raises
    ------
    TrainingError
        The file cannot be read, holds anything but plain arrays, or does not fit the classes.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            images: FloatArray = archive["images"].astype(np.float32)
            labels: NDArray[np.int64] = archive["labels"].astype(np.int64)
            groups, names = archive["groups"].tolist(), archive["names"].tolist()
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError("the patches cannot be read", path=path) from error
    if not np.isfinite(images).all():
        raise TrainingError("a patch holds values that are no numbers", path=path)
    return PatchSet(images, tuple(labels.tolist()), tuple(groups), tuple(names), classes)


@dataclass(frozen=True)
class TrainingEvent:
    """One message of the child.

    ``kind`` is "started", "fold", "trial", "epoch", "log", "paused", "unpaused", "done" or "failed"; ``values`` are
    its fields: for "epoch" epoch, epochs, fold, folds, loss, validation_loss, auc (null when it has none),
    learning_rate, confusion (rows are the truth, columns what was decided, of what is held out; null when nothing is),
    classes (the names of its rows), fraction, seconds, seconds_left, replayed (run before an interruption); for
    "trial" trial, trials, parameters, value; for "done" model_folder and metrics; for "failed" reason and hint; for
    "log" text and fraction.
    """

    kind: str
    values: Mapping[str, Any]

    @property
    def fraction(self) -> float:
        """Return how much of the run is done, in [0, 1]."""
        value = self.values.get("fraction", 0.0)
        return float(value) if isinstance(value, int | float) else 0.0

    @property
    def message(self) -> str:
        """Return the event in one line for a progress bar or a terminal."""
        if self.kind == "epoch":
            parts = [f"epoch {self.values.get('epoch')}/{self.values.get('epochs')}"]
            if self.values.get("fold") is not None:
                parts.insert(0, f"fold {self.values['fold']}/{self.values.get('folds')}")
            for key, title in (("loss", "loss"), ("validation_loss", "validation"), ("auc", "AUC")):
                if isinstance(self.values.get(key), int | float):
                    parts.append(f"{title} {self.values[key]:.3f}")
            if isinstance(self.values.get("seconds_left"), int | float):
                parts.append(f"{self.values['seconds_left']:.0f} s left")
            return ", ".join(parts)
        return str(self.values.get("text") or self.values.get("reason") or self.values.get("model_folder") or self.kind)


def parse_event(values: Mapping[str, object]) -> TrainingEvent | None:
    """Return the event of one JSON object, or ``None`` when it is not one of ours."""
    kind = values.get("event")
    if not isinstance(kind, str) or kind not in _EVENTS:
        return None
    return TrainingEvent(kind, {key: value for key, value in values.items() if key != "event"})


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise TrainingError(f"the setting {name} is a whole number, not {text[:40]!r}") from None
