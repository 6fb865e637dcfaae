"""Slices of tomosynthesis volumes as a recipe learns from them: chosen, prepared once, read batch by batch."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.datasets.cache import CacheReader, CacheWriter, cache_key, cached
from mammoviewer.datasets.cases import Case, CaseList
from mammoviewer.datasets.layouts import load_cases
from mammoviewer.datasets.leaks import LeakReport, image_leak_report, stop_leak
from mammoviewer.datasets.slices import ChosenSlice, choose_slices, merged_cases
from mammoviewer.datasets.splits import PARTS, PROJECT_SEED, PROJECT_TEST_FRACTION, Split, fixed_split
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.preparation import prepare_pixels
from mammoviewer.training.networks.dbt_cnn import SLICE_PX
from mammoviewer.training.recipe_run import RecipeRun

PREPROCESSING: tuple[Mapping[str, Any], ...] = (
    {"op": "voi", "window": "default"},
    {"op": "resize", "rows": SLICE_PX, "columns": SLICE_PX, "keep_aspect": True},
    {"op": "zscore_nonzero"},
)
VALUE_RANGE = (-20.0, 20.0)


@dataclass(frozen=True, eq=False)
class StreamedSlices:
    """Some slices of a cache as examples of a fit; only the pictures of a batch are in memory."""

    reader: CacheReader
    places: tuple[int, ...]

    @property
    def labels(self) -> Tensor:
        """Return the class of each slice, int64 (n,)."""
        return torch.from_numpy(self.reader.labels[list(self.places)])

    def batch(self, indices: Tensor) -> Tensor:
        """Return float32 (n, 1, 300, 300)."""
        chosen = [self.places[index] for index in indices.tolist()]
        return torch.from_numpy(np.asarray(self.reader.at(chosen).pictures, dtype=np.float32))[:, None]

    @property
    def patients(self) -> tuple[str, ...]:
        """Return the patient of each slice."""
        return tuple(self.reader.groups[place] for place in self.places)

    @property
    def names(self) -> tuple[str, ...]:
        """Return "volume/frame" of each slice."""
        return tuple(self.reader.names[place] for place in self.places)


class SliceData(AbstractContextManager["SliceData"]):
    """All slices of a run, and which patients are for what."""

    def __init__(self, reader: CacheReader, split: Split, cases: Mapping[str, Case], problems: Sequence[str]) -> None:
        self.reader, self.split, self.cases, self.problems = reader, split, cases, tuple(problems)
        self.leaks: LeakReport | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file of slices."""
        self.reader.__exit__(kind, error, trace)

    def part(self, name: str) -> StreamedSlices:
        """Return the slices of "train", "validation" or "test"."""
        return StreamedSlices(self.reader, self.split.indices(name, self.reader.groups))

    def of(self, places: Sequence[int]) -> StreamedSlices:
        """Return the slices of these places."""
        return StreamedSlices(self.reader, tuple(int(place) for place in places))


def load_slices(run: RecipeRun, classes: Sequence[str]) -> SliceData:
    """Choose and prepare the slices that the settings of a run ask for.

    The test part is a fifth of the patients by the project's seed; ``validation`` is a share of all patients, or all
    of the folder ``validation_data``.

    Raises
    ------
    TrainingError
        There are no volumes of the wanted projection, a part of the split lacks a class, or the split leaks.
    """
    cases = _of_projection(merged_cases([load_cases(root) for root in _folders(run)]), run.text("projections"))
    reserved = _of_projection(_reserved(run), run.text("projections"))

    def make(writer: CacheWriter) -> None:
        every, problems = (*cases, *reserved), []
        for number, case in enumerate(every):
            run.tell(f"preparing volume {number + 1} of {len(every)}", 0.1 * number / len(every))
            try:
                _prepare(case, run, classes, writer)
            except MammoViewerError as error:
                problems.append(f"{case.path}: {error.reason}")
        write_text_atomically(told, json.dumps(problems) + "\n")
        if not len(writer):
            hint = "choose a folder of volumes, or all projections"
            raise TrainingError("there are no tomosynthesis volumes of the projection", hint=hint, path=run.spec.data)

    names = [f"{case.patient}/{case.path}/{case.path.stat().st_mtime_ns}" for case in (*cases, *reserved)]
    numbers = [run.integer(name) for name in ("positives", "negatives", "margin")]
    key = cache_key("\n".join(names), steps=PREPROCESSING, classes=list(classes), numbers=numbers)
    told = run.checkpoints / f"{key}.problems.json"
    reader = cached(run.checkpoints, key, make, budget_bytes=run.integer("memory_mib") << 20)
    split = _split(run, cases, reserved)
    problems = json.loads(told.read_text(encoding="utf-8"))
    data = SliceData(reader, split, {_name(case): case for case in (*cases, *reserved)}, problems)
    _check_parts(data, classes)
    data.leaks = stop_leak(_leaks(data), override=run.flag("allow_leak"))
    return data


def some_training_slices(
    run: RecipeRun, classes: Sequence[str], count: int, hold: Callable[[], None]
) -> list[FloatArray]:
    """Return a few prepared slices (300, 300) of the training part, of volumes with and without lesions in turn.

    ``hold`` is called before each volume, and may raise.
    """
    cases = _of_projection(merged_cases([load_cases(root) for root in _folders(run)]), run.text("projections"))
    train = set(_split(run, cases, _of_projection(_reserved(run), run.text("projections"))).train)
    inside = [case for case in cases if case.patient in train]
    order = sorted(inside, key=lambda case: not case.findings)
    slices: list[FloatArray] = []
    for case in (*order[::2], *order[1::2]):
        hold()
        with contextlib.suppress(MammoViewerError):
            slices += _some_of(case, run, classes)
        if len(slices) >= count:
            break
    if not slices:
        raise TrainingError("there are no tomosynthesis volumes of the projection", path=run.spec.data)
    return slices[:count]


def _some_of(case: Case, run: RecipeRun, classes: Sequence[str]) -> list[FloatArray]:
    """Return one slice of each class in a volume."""
    with _volume(case) as image:
        if image.attributes.kind is not ImageKind.TOMO:
            return []
        chosen = {one.label: one.frame for one in _chosen(case, image.attributes.frames, run, classes)}
        return [prepared_slice(image, frame) for _, frame in sorted(chosen.items(), reverse=True)]


@contextlib.contextmanager
def _volume(case: Case) -> Iterator[Image]:
    opened = open_paths([case.path])
    if not opened.images:
        raise TrainingError(opened.rejected[0].reason, hint=opened.rejected[0].hint, path=case.path)
    try:
        yield opened.images[0]
    finally:
        opened.images[0].close()


def prepared_slice(image: Image, frame: int) -> FloatArray:
    """Return a frame as the model sees it, float32 (300, 300)."""
    attributes = image.attributes
    vois = attributes.vois_for_frame(frame)
    pixels = prepare_pixels(
        image.frame(frame),
        steps=PREPROCESSING,
        voi=vois[0] if vois else None,
        padding=attributes.padding,
        rescale=attributes.rescale_for_frame(frame),
        inverse=attributes.inverse,
    )
    low, high = (np.float32(limit) for limit in VALUE_RANGE)
    clipped: FloatArray = np.clip(pixels.values[0], low, high)
    return clipped


def depth_of(name: str) -> float:
    """Return where a slice of that name lies in its volume, 0 to 1."""
    return float(name.rpartition("@")[2])


def volume_of(name: str) -> str:
    """Return the name of the volume of a slice."""
    return name.rpartition("/")[0]


def _name(case: Case) -> str:
    return f"{case.patient}/{case.name}"


def _prepare(case: Case, run: RecipeRun, classes: Sequence[str], writer: CacheWriter) -> None:
    with _volume(case) as image:
        frames = image.attributes.frames
        if image.attributes.kind is not ImageKind.TOMO:
            # a mammogram beside the volumes
            return
        for one in _chosen(case, frames, run, classes):
            name = f"{_name(case)}/{one.frame}@{(one.frame + 0.5) / frames:.3f}"
            writer.append(prepared_slice(image, one.frame).astype(np.float16), one.label, case.patient, name)


def _chosen(case: Case, frames: int, run: RecipeRun, classes: Sequence[str]) -> tuple[ChosenSlice, ...]:
    numbers = {name: run.integer(name) for name in ("positives", "negatives", "margin")}
    return choose_slices(case, frames, classes, **numbers)


def _folders(run: RecipeRun) -> list[Path]:
    more = [Path(text) for text in run.text("merge").split(os.pathsep) if text]
    return [run.spec.data, *more]


def _reserved(run: RecipeRun) -> tuple[Case, ...]:
    text = run.text("validation_data")
    return load_cases(Path(text)).cases if text else ()


def _of_projection(cases: Sequence[Case], projections: str) -> tuple[Case, ...]:
    return tuple(case for case in cases if projections in ("all", case.view))


def _split(run: RecipeRun, cases: Sequence[Case], reserved: Sequence[Case]) -> Split:
    share = 0.0 if reserved else run.number("validation")
    listed = CaseList("", run.spec.data, tuple(cases))
    fractions = (1 - PROJECT_TEST_FRACTION - share, share, PROJECT_TEST_FRACTION)
    made = fixed_split(listed.patients, fractions, PROJECT_SEED, strata=listed.classes)
    validation = tuple(sorted({case.patient for case in reserved})) or made.validation
    return Split(made.train, validation, made.test, PROJECT_SEED)


def _leaks(data: SliceData) -> LeakReport:
    """Look for patients in two parts, and for almost the same picture among the first slices of the volumes."""
    first: dict[str, int] = {}
    for place, name in enumerate(data.reader.names):
        first.setdefault(volume_of(name), place)
    part_of = {patient: part for part in PARTS for patient in data.split.part(part)}
    patients = [data.reader.groups[place] for place in first.values()]
    images = [np.asarray(data.reader.at([place]).pictures[0], dtype=np.float32) for place in first.values()]
    return image_leak_report([part_of[patient] for patient in patients], patients, list(first), images)


def _check_parts(data: SliceData, classes: Sequence[str]) -> None:
    for part in ("train", "validation", "test"):
        there = set(data.part(part).labels.tolist())
        missing = [name for index, name in enumerate(classes) if index not in there]
        if missing:
            reason = f"the {part} part has no {missing[0]} slice"
            raise TrainingError(reason, hint="more patients are needed, or another share for validation")
