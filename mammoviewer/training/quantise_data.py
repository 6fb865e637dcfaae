"""What a model is calibrated and measured with when its int8 form is made: a data set as ``evaluate`` looks at it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import ArgumentError, InputError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.datasets.cases import Case, CaseList
from mammoviewer.dicom.image import Image
from mammoviewer.inference.manifest import CARD_NAME
from mammoviewer.inference.manifest_schema import DETECTION
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.evaluation import EvaluationOptions, limited, scored_units
from mammoviewer.training.evaluation_scoring import Scoring

HEADING = "## int8 form"
_WIDTH = 120
_MOST_SLICES = 8
"""Of a volume, evenly over it: neighbouring slices tell the same."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Prepared patches or images float32 (n, channels, rows, columns), the class index and the patient of each."""

    patches: FloatArray
    labels: tuple[int, ...]
    patients: tuple[str, ...]


@dataclass
class _Collecting(Scoring):
    """Keeps what a model looks at, and what is known of it, in the order in which it comes."""

    waiting: list[FloatArray] = field(default_factory=list)
    kept: list[FloatArray] = field(default_factory=list)
    units: list[tuple[int, str]] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)

    def each(self, cases: Sequence[Case], work: Callable[[Case, Image], None]) -> None:
        """Do ``work`` as usual; what was looked at of a case that failed half-way is not that of the next."""

        def begun(case: Case, image: Image) -> None:
            self.close()
            work(case, image)

        super().each(cases, begun)

    def scores(self, patches: FloatArray) -> DoubleArray:
        """Return the scores as usual; what was known of the patches before is complete."""
        if self.units:
            self.close()
        self.waiting += list(patches)
        return super().scores(patches)

    def unit(self, case: Any, name: str, truth: tuple[int, ...], scores: DoubleArray, **facts: Any) -> Any:
        """Return the record as usual."""
        index = self.manifest.outputs.positive_index
        other = int(np.argmax([*truth[:index], -1, *truth[index + 1 :]]))
        self.units.append((index if truth[index] else other, case.patient))
        return super().unit(case, name, truth, scores, **facts)

    def close(self) -> None:
        """Give the patches since the last time to the units since then: one each, or slices of one volume.

        Those without a unit are of a case that failed, and are dropped.
        """
        if len(self.units) == 1 and len(self.waiting) > 1:
            chosen = np.unique(np.linspace(0, len(self.waiting) - 1, _MOST_SLICES).astype(int)).tolist()
            self.kept += [self.waiting[place] for place in chosen]
            self.told += self.units * len(chosen)
        elif self.units:
            self.kept += self.waiting
            self.told += self.units
        self.waiting, self.units = [], []


def examples_of(
    model: OnnxModel, cases: CaseList, *, limit: int = 0, force: bool = False, progress: Progress = no_progress
) -> Examples:
    """Return what a model looks at in a data set, with the labels that ``mammoviewer evaluate`` gives it.

    Of a volume up to eight slices are taken, with the label of the volume.

    Parameters
    ----------
    limit
        At most so many images, evenly over the list; 0 for all.
    force
        Take images that the model was not made for too.

    Raises
    ------
    ArgumentError
        The model gives boxes, or the data set does not tell its classes.
    InputError
        Not one image can be used by the patch or as a whole.
    """
    if model.manifest.task == DETECTION:
        raise ArgumentError(f"model {model.manifest.identity} gives boxes: int8 forms are made of classifiers alone")
    run = _Collecting(model, force=force, progress=progress)
    scored_units(run, cases, limited(cases.cases, limit), EvaluationOptions(force=force))
    run.close()
    if not run.kept:
        raise InputError("the data set has no labelled patches or images for the model", path=cases.root)
    labels, patients = zip(*run.told, strict=True)
    return Examples(np.stack(run.kept), labels, patients)


def write_int8_section(
    folder: Path, facts: dict[str, Any], data: str, made_by: str = "mammoviewer models quantise"
) -> None:
    """Write how far the int8 form agrees, or why there is none, into the card of a bundle in place of what stood there.

    ``facts`` are those of :func:`mammoviewer.training.quantise.quantised`, ``data`` the name of the data set,
    ``made_by`` the command.
    """
    path = folder / CARD_NAME
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, found, after = text.partition(HEADING)
    following = after.find("\n## ")
    rest = after[following + 1 :] if found and following >= 0 else ""
    section = f"{HEADING}\n{_told(facts, data, made_by)}\n"
    write_text_atomically(path, f"{before.rstrip()}\n\n{section}" + (f"\n{rest}" if rest else ""))


def _told(facts: dict[str, Any], data: str, made_by: str) -> str:
    shown = [f"mean |dp| {facts['mean_abs_dp']:.4f}, largest {facts['max_abs_dp']:.3f}"]
    if facts["auc_int8"] is not None:
        shown.append(
            f"AUC {facts['auc_int8']:.4f} instead of {facts['auc_float']:.4f}, patients that it learned from among them"
        )
    size = f"{facts['bytes_int8'] / 1024:.0f} KiB instead of {facts['bytes_float'] / 1024:.0f}"
    speed = f"{facts['speed_up']:.2f} times as fast"
    kept = "It is kept, and runs on request alone." if facts["kept"] else f"It is not kept: {facts['reason']}."
    text = (
        f"Static quantisation, calibrated on {facts['calibrated_on']} examples of {data}, measured on "
        f"{facts['measured_on']} of other patients: {'; '.join(shown)}; {size}; {speed} on the machine that made it, "
        f"whose processor {'has' if facts['vnni'] else 'has not'} VNNI. {kept} Made by `{made_by}`."
    )
    return textwrap.fill(text, _WIDTH, break_on_hyphens=False)
