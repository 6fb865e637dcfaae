"""Explanations of the images of a data set: all or a sample, of those a model got right or wrong. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoviewer.base.errors import InputError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.datasets.cases import Case, CaseList
from mammoviewer.datasets.class_names import word_of
from mammoviewer.datasets.layouts import detect_layout, load_cases
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.cam import Cam, cam_for_image, cam_for_patch
from mammoviewer.inference.cam_maps import Explainer
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest_schema import WHOLE_IMAGE
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import Mode
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.training.evaluation_scoring import Scoring, case_words

ANY = "any"
OUTCOMES = (ANY, "tp", "tn", "fp", "fn")
UNKNOWN = "?"


@dataclass(frozen=True)
class ExplainOptions:
    """What is explained, and how.

    Attributes
    ----------
    outcome
        One of ``OUTCOMES``: only images of which the model's decision is that; "any" takes those without a truth too.
    sample
        So many images, drawn at random with ``seed``; 0 for all.
    method
        One of the methods of :mod:`mammoviewer.inference.cam_methods`; that of the model by default.
    quiet
        Leave out what is below the mean plus one standard deviation.
    """

    outcome: str = ANY
    sample: int = 0
    seed: int = 20
    method: str | None = None
    quiet: bool = False
    force: bool = False


@dataclass(frozen=True, eq=False)
class Explained:
    """One explained image, which is open; ``truth`` is 1, 0 or None where the data set does not tell.

    ``outcome`` is "tp", "tn", "fp", "fn" or "?", ``cam`` there where the image is a patch.
    """

    case: Case
    image: Image
    frame: int
    overlay: Heatmap
    score: float
    truth: int | None
    outcome: str
    cam: Cam | None = None


def cases_of(root: Path, layout: str | None = None) -> CaseList:
    """Return the cases of a data set, or the images of a folder that is none, of which nothing is known.

    Raises
    ------
    InputError
        There are no images.
    """
    try:
        return load_cases(root, layout or detect_layout(root))
    except InputError:
        opened = open_paths([root]).images if layout is None and root.exists() else ()
        if not opened:
            raise
    cases = tuple(Case(image.attributes.path, image.attributes.path.stem) for image in opened)
    for image in opened:
        image.close()
    return CaseList("images", root, cases)


def explain_cases(
    model: OnnxModel,
    cases: CaseList,
    options: ExplainOptions,
    take: Callable[[Explained], None],
    *,
    cache: ResultCache | None = None,
    progress: Progress = no_progress,
) -> tuple[str, ...]:
    """Explain images of a data set and give each to ``take`` while it is open; return what could not be read.

    Images are looked at in a random order until the sample is full, so that not all have to be scored. An image of the
    size of the model's patch is explained as one patch, one larger as a whole; of a volume the middle slice of its
    first lesion, else of what the labels speak of. The decision of a whole image is whether its highest score is
    marked. Heatmaps are taken from ``cache`` and kept there, where there is one.

    Raises
    ------
    ModelError
        The method does not fit the model, or its file is not the one of its manifest or does not load.
    InputError
        No image can be used, or none has the outcome.
    """
    Explainer(model, options.method)
    run = Scoring(model, force=options.force, cache=cache)
    run.load("dense")
    order = np.random.default_rng(options.seed).permutation(len(cases)).tolist()
    wanted = options.sample or len(order)
    word = word_of(model.manifest.outputs.positive_class)
    taken = 0

    def work(case: Case, image: Image) -> None:
        nonlocal taken
        found = _explained(run, case, image, _truth(case, word), options)
        if found is not None:
            taken += 1
            take(found)

    for place, index in enumerate(order):
        if taken >= wanted:
            break
        case = cases.cases[index]
        if options.outcome != ANY and _truth(case, word) != int(options.outcome in ("tp", "fn")):
            continue
        progress(max(taken / wanted, place / len(order)), f"{taken} explained, {case.name}")
        before = len(run.problems)
        try:
            run.each([case], work)
        except InputError:
            if len(run.problems) == before:
                raise
    if not taken:
        hint = run.problems[0] if run.problems else "choose another outcome"
        raise InputError(f"no image of the data set is explained ({options.outcome})", hint=hint, path=cases.root)
    return tuple(run.problems)


def frame_of(case: Case, frames: int) -> int:
    """Return the slice that is explained."""
    first, last = case.findings[0].frames if case.findings else case.frames or (0, frames - 1)
    return min((first + last) // 2, frames - 1)


def _truth(case: Case, word: str) -> int | None:
    words = case_words(case)
    return int(word in words) if words else None


def _explained(run: Scoring, case: Case, image: Image, truth: int | None, options: ExplainOptions) -> Explained | None:
    """Return the explanation of an image, None where the outcome is another one than is wanted."""
    model, manifest = run.model, run.manifest
    outputs = manifest.outputs
    frame = frame_of(case, image.attributes.frames)
    prepared = run.prepared(image, frame, case)
    whole = manifest.task == WHOLE_IMAGE
    if whole or max(side / patch for side, patch in zip(prepared.shape, manifest.windows.patch, strict=True)) < 2.0:
        rows, columns = prepared.stored_shape
        cam = cam_for_patch(
            prepared, model, (rows - 1) / 2, (columns - 1) / 2, method=options.method, quiet=options.quiet
        )
        outcome = _outcome(truth, cam.score >= outputs.operating_threshold)
        if options.outcome not in (ANY, outcome):
            return None
        return Explained(case, image, frame, cam.overlay, cam.score, truth, outcome, None if whole else cam)
    mode: Mode = "patches" if manifest.windows.lacks_dense else "dense"
    heatmap = run.predicted(image, frame, case, mode=mode, prepared=prepared).heatmap
    score = heatmap.maximum if heatmap is not None else float("nan")
    outcome = _outcome(truth, score >= outputs.marks_from)
    if options.outcome not in (ANY, outcome):
        return None
    overlay = cam_for_image(prepared, model, heatmap, method=options.method, quiet=options.quiet)
    return Explained(case, image, frame, overlay, score, truth, outcome)


def _outcome(truth: int | None, positive: bool) -> str:
    if truth is None:
        return UNKNOWN
    return ("t" if truth == int(positive) else "f") + ("p" if positive else "n")
