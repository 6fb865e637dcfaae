"""A model judged on a data set it brings the labels for: which unit, which truth, all figures. No torch here.

How a model meets a data set is told by its task and by what the set marks:

- patches (INFN): a patch model looks at each; the unit is the patch
- images with places (mini-MIAS, VinDr, CBIS-DDSM, INbreast, our own): a patch model looks at windows, each labelled by
  the findings it shows; by the unit "image" and larger ones it slides over whole images, and FROC counts its marks
- images without places (RSNA): a patch model slides over them; the unit is the image
- volumes (Duke): slices give the score of the volume, marks are grouped over slices
- a model of whole images has one score per image; a detection model marks lesions, its image score is the highest mark
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mammoviewer
from mammoviewer.base.errors import ArgumentError, InputError, MammoViewerError, ModelError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.datasets import duke_volumes, rsna
from mammoviewer.datasets.cases import Case, CaseList
from mammoviewer.datasets.class_names import NORMAL, ClassMap, class_map, words_of
from mammoviewer.datasets.layouts import INFN
from mammoviewer.datasets.splits import Split, read_split
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import Mode
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.training.evaluation_figures import classification_figures, curves
from mammoviewer.training.evaluation_marks import froc_figures, score_marks
from mammoviewer.training.evaluation_scoring import (
    Scoring,
    case_words,
    finding_words,
    score_images,
    score_patch_files,
    score_windows,
)
from mammoviewer.training.patient_bootstrap import RESAMPLES
from mammoviewer.training.scored import UNITS, Scored, ScoredUnit, grouped_units

PATCHES, IMAGES, DETECTION = "patch-classification", "image-classification", "detection"
SPLIT_NAME = "split.json"
_WITHOUT_PLACES = (rsna.LAYOUT, duke_volumes.LAYOUT)
_MARK_CLASSES = ("nothing to mark", "something to mark")


@dataclass(frozen=True)
class EvaluationOptions:
    """What may be asked for; ``unit`` "" is the one that fits, ``limit`` 0 takes all cases."""

    unit: str = ""
    mode: Mode = "patches"
    limit: int = 0
    force: bool = False
    seed: int = 20
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.unit and self.unit not in UNITS:
            raise ArgumentError(f"there is no unit {self.unit!r}", hint="units: " + ", ".join(UNITS))
        if self.limit < 0 or self.resamples < 1:
            raise ArgumentError("the limit and the number of resamples must be positive")


@dataclass(frozen=True)
class Evaluation:
    """The figures (``metrics.json``), curves for the report, each unit's scores, and what was passed over."""

    metrics: dict[str, Any]
    curves: dict[str, Any]
    scored: Scored
    problems: tuple[str, ...]
    gallery: tuple[dict[str, str], ...] = ()


def evaluate(
    model: OnnxModel,
    cases: CaseList,
    options: EvaluationOptions | None = None,
    *,
    cache: ResultCache | None = None,
    progress: Progress = no_progress,
) -> Evaluation:
    """Run a model over the cases of a data set and return all figures.

    What is found of whole images is taken from ``cache`` and kept there, where there is one.

    Raises
    ------
    ArgumentError
        The data set does not tell the model's classes, or the unit does not fit.
    InputError
        Not one image could be used.
    ModelError
        The model's file is not the one of its manifest, or does not load.
    Cancelled
        From ``progress``.
    """
    chosen = options or EvaluationOptions()
    taken = limited(cases.cases, chosen.limit)
    run = Scoring(model, force=chosen.force, progress=progress, cache=cache)
    run.load(chosen.mode)
    scored, extra = scored_units(run, cases, taken, chosen)
    if not len(scored):
        raise InputError("no image of the data set has a label that the model tells", path=cases.root)
    figures = classification_figures(scored, seed=chosen.seed, resamples=chosen.resamples)
    metrics: dict[str, Any] = {
        "task": model.manifest.task,
        "model": model.manifest.identity,
        "layout": cases.layout,
        **figures,
        **extra,
        "images": len(taken),
        "left_out": run.left_out,
        "problems": len(run.problems) + len(cases.missing),
        "training_patients_among_them": training_patients_among(model.manifest, cases.layout, scored.patients),
        "program": f"MammoViewer {mammoviewer.__version__}",
        "data_hash": data_hash(taken),
        "mode": chosen.mode,
    }
    if not figures["assessable"]:
        metrics["note"] = "not assessable: fewer than ten patients"
    problems = (*(str(item) for item in cases.missing), *run.problems)
    return Evaluation(metrics, curves(scored, seed=chosen.seed), scored, problems, _pictures(run))


def limited(cases: Sequence[Case], limit: int) -> tuple[Case, ...]:
    """Return at most ``limit`` cases, evenly over the list; all for 0."""
    if not limit or limit >= len(cases):
        return tuple(cases)
    return tuple(cases[index * len(cases) // limit] for index in range(limit))


def data_hash(cases: Sequence[Case]) -> str:
    """Return the SHA-256 of the names, sizes and labels of the cases: the same for the same data, wherever it lies."""
    digest = hashlib.sha256()
    for case in sorted(cases, key=lambda one: (one.patient, one.path.name)):
        size = case.path.stat().st_size if case.path.is_file() else 0
        digest.update(f"{case.patient}|{case.path.name}|{size}|{','.join(case.labels)}\n".encode())
    return digest.hexdigest()


def training_patients_among(manifest: ModelManifest, layout: str, patients: Sequence[str]) -> int | None:
    """Return how many of the patients the model has learned from, by the split beside it; ``None`` without one."""
    try:
        split: Split = read_split(manifest.folder / SPLIT_NAME)
    except MammoViewerError:
        return None
    if split.layout and split.layout != layout:
        return 0
    return len(set(patients) & {*split.train, *split.validation})


def _pictures(run: Scoring) -> tuple[dict[str, str], ...]:
    """Return the surest examples; none where the model cannot be explained."""
    try:
        return tuple(run.gallery.pictures())
    except ModelError:
        return ()


def scored_units(
    run: Scoring, data: CaseList, cases: Sequence[Case], options: EvaluationOptions
) -> tuple[Scored, dict[str, Any]]:
    """Return the scored units and what there is beside: FROC, and the windows of an image that were put together."""
    manifest = run.manifest
    layout = data.layout
    of_images = [case_words(case) for case in data.cases]
    if manifest.task == IMAGES:
        classes = _classes(manifest, of_images)
        return _unit(_record(manifest, classes, "image", score_images(run, cases, classes)), options), {}
    slides = layout in _WITHOUT_PLACES or options.unit in UNITS[1:]
    if manifest.task == DETECTION or (layout != INFN and slides):
        return _marked(run, data, cases, options)
    if layout == INFN:
        classes = _classes(manifest, of_images)
        return _unit(_record(manifest, classes, "patch", score_patch_files(run, cases, classes)), options), {}
    of_places = [finding_words(finding) for case in data.cases for finding in case.findings]
    classes = _classes(manifest, [*of_places, words_of(NORMAL, ())])
    return _record(manifest, classes, "patch", score_windows(run, cases, classes)), {}


def _marked(
    run: Scoring, data: CaseList, cases: Sequence[Case], options: EvaluationOptions
) -> tuple[Scored, dict[str, Any]]:
    manifest = run.manifest
    names = manifest.outputs.classes[1:] if manifest.task == DETECTION else (manifest.outputs.positive_class,)
    told = [case_words(case) for case in data.cases]
    told += [finding_words(found) for case in data.cases for found in case.findings]
    classes = class_map(names, told, multi_label=True)
    marked = score_marks(run, cases, classes, mode=options.mode)
    threshold = manifest.outputs.marks_from
    scored = Scored(_MARK_CLASSES, _MARK_CLASSES[1], threshold, False, "image", marked.units, normal_index=0)
    figures = froc_figures(marked, seed=options.seed, resamples=options.resamples)
    return _unit(scored, options), {**figures, "marked_classes": list(names)}


def _classes(manifest: ModelManifest, told: Sequence[frozenset[str]]) -> ClassMap:
    outputs = manifest.outputs
    multi_label = outputs.activation == "sigmoid" and len(outputs.classes) > 2
    return class_map(outputs.classes, told, multi_label=multi_label)


def _record(manifest: ModelManifest, classes: ClassMap, unit: str, units: tuple[ScoredUnit, ...]) -> Scored:
    outputs = manifest.outputs
    return Scored(
        outputs.classes,
        outputs.positive_class,
        outputs.operating_threshold,
        classes.multi_label,
        unit,
        units,
        classes.normal_index,
    )


def _unit(scored: Scored, options: EvaluationOptions) -> Scored:
    wanted = options.unit or scored.unit
    return grouped_units(scored, wanted)
