"""Scores of the chosen model over what is open: of the slice, the volume, the breasts and the patient."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np

from mammoviewer.dicom.image import Image
from mammoviewer.dicom.study import Study
from mammoviewer.inference.aggregate import DEFAULT_RULE, PatientScore, patient_score, volume_score
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.session.heatmap_runs import HeatmapRuns

TOP_RULE = "top-3"
LARGEST = "largest of "
"""How the mode of a map over several slices begins."""


def study_score(runs: HeatmapRuns, study: Study, model: str) -> PatientScore:
    """Return the scores of the breasts and of the patient from the images a model has looked at.

    An image has the largest score of its slices, a breast of its images, the patient of the breasts. Slices with a
    heatmap that is not complete count as far as it goes.
    """
    parts = [
        (image.attributes.view.laterality, volume_score(runs.slice_scores(image, model))) for image in study.images
    ]
    return patient_score(part for part in parts if math.isfinite(part[1]))


def score_facts(runs: HeatmapRuns, study: Study, image: Image, frame: int, model: str) -> list[tuple[str, str]]:
    """Return (what, score) for a reader: the classes of the frame, the volume, the breasts, the patient."""
    identity = image.attributes.identity
    facts = [(name, f"{score:.2f}") for name, score in runs.scores(identity, frame, model).items()]
    if image.attributes.frames > 1:
        scores = runs.slice_scores(image, model)
        known = sum(score is not None for score in scores)
        if known:
            top = volume_score(scores, TOP_RULE)
            facts.append(("Volume", f"{volume_score(scores):.2f}  (mean of the top 3: {top:.2f}; {known} slices)"))
    found = study_score(runs, study, model)
    sides = {"R": "Right breast", "L": "Left breast"}
    for breast in found.breasts:
        if breast.laterality in sides:
            images = "1 image" if breast.images == 1 else f"{breast.images} images"
            facts.append((sides[breast.laterality], f"{breast.score:.2f}  ({DEFAULT_RULE} of {images})"))
    if len(found.breasts) > 1:
        facts.append(("Patient", f"{found.score:.2f}  ({DEFAULT_RULE} of the breasts)"))
    return facts


def largest_over_slices(runs: HeatmapRuns, image: Image, frame: int, model: str) -> Heatmap | None:
    """Return the largest value at every place over the slices that were looked at; None before there is one.

    It is told as the map of ``frame``. Maps on another grid than the first are left out.
    """
    identity = image.attributes.identity
    maps = [runs.heatmap(identity, number, model) for number in range(image.attributes.frames)]
    known = tuple(one for one in maps if one is not None)
    return _largest(known, frame) if known else None


@functools.lru_cache(maxsize=4)
def _largest(maps: tuple[Heatmap, ...], frame: int) -> Heatmap:
    first = maps[0]
    alike = [
        one
        for one in maps
        if (one.values.shape, one.origin, one.step, one.mask.shape)
        == (first.values.shape, first.origin, first.step, first.mask.shape)
    ]
    return replace(
        first,
        values=functools.reduce(np.fmax, (one.values for one in alike)),
        scores=functools.reduce(np.fmax, (one.scores for one in alike)),
        mask=functools.reduce(np.logical_or, (one.mask for one in alike)),
        complete=all(one.complete for one in alike),
        frame=frame,
        mode=f"{LARGEST}{len(alike)} slices",
    )
