"""What a model marks on whole images and volumes: image scores and the material of FROC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mammoviewer.datasets.cases import Case
from mammoviewer.datasets.class_names import ABNORMAL, ClassMap
from mammoviewer.dicom.image import Image
from mammoviewer.inference.detections import Detection, grouped_over_frames, merged
from mammoviewer.inference.froc import FrocImage, TruthBox, froc_curve, sensitivity_intervals
from mammoviewer.inference.predict import Mode
from mammoviewer.training.evaluation_scoring import Scoring, case_words, finding_words
from mammoviewer.training.scored import ScoredUnit
from mammoviewer.training.spec import FEWEST_PATIENTS_TO_ASSESS

RATES = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
_LOWEST_MARK = 0.01
_DBTEX_PX, _DBTEX_MM = 100.0, 8.5
_MOST_POINTS = 400


@dataclass(frozen=True)
class Marked:
    """Images by their highest mark, and images with places and marks; ``pixel_size_mm`` of them, 0 if they differ."""

    units: tuple[ScoredUnit, ...]
    images: tuple[FrocImage, ...]
    pixel_size_mm: float


def score_marks(run: Scoring, cases: Sequence[Case], classes: ClassMap, *, mode: Mode = "patches") -> Marked:
    """Run a model over whole images and volumes, as the window does, with all its marks from a score of .01 on.

    Lesions are the findings of which a class of the model other than the normal one holds. Images with an abnormality
    without a place have a score, but no part in FROC.
    """
    units: list[ScoredUnit] = []
    images: list[FrocImage] = []
    sizes: set[float] = set()
    looked_for = {word for index, word in enumerate(classes.words) if index != classes.normal_index}

    def work(case: Case, image: Image) -> None:
        frames = range(*_frames(case, image))
        marks: list[Detection] = []
        highest = 0.0
        for frame in frames:
            found = run.predicted(image, frame, case, mode=mode, threshold=_LOWEST_MARK)
            marks += [replace(mark, class_name="") for mark in found.detections]
            known = [found.score(name) for name in classes.classes]
            highest = max([highest, *(score for score in known if math.isfinite(score))])
        together = merged([marks]) if len(frames) == 1 else grouped_over_frames(marks)
        truth = _image_truth(case, looked_for)
        if truth is None:
            run.left_out += 1
        else:
            scores = np.array([1.0 - highest, highest])
            units.append(run.unit(case, case.name, (1 - truth, truth), scores))
        if case.located:
            spacing = image.attributes.pixel_spacing
            sizes.add(round(spacing.row_mm, 4) if spacing is not None else case.pixel_size_mm or 0.0)
            lesions = [found for found in case.findings if finding_words(found) & looked_for]
            truths = tuple(TruthBox(found.box, sum(found.frames) / 2) for found in lesions)
            images.append(FrocImage(case.patient, truths, together, len(frames)))

    run.each(cases, work)
    return Marked(tuple(units), tuple(images), sizes.pop() if len(sizes) == 1 else 0.0)


def froc_figures(marked: Marked, *, seed: int, resamples: int) -> dict[str, Any]:
    """Return froc (points), sensitivity_at_fp and its intervals; the same with 8.5 mm for 100 pixels where known.

    100 pixels are 8.5 mm in the volumes that the rule of DBTex was made for; on coarser films they are more, and the
    rule is easier to meet.
    """
    lesions = sum(len(image.truths) for image in marked.images)
    if not lesions:
        return {"froc": None, "sensitivity_at_fp": None, "froc_images": len(marked.images), "froc_lesions": 0}
    figures = _froc(marked, _DBTEX_PX, seed, resamples)
    figures.update(froc_images=len(marked.images), froc_lesions=lesions, froc_rule=f"DBTex, {_DBTEX_PX:g} px")
    if marked.pixel_size_mm:
        strict = _froc(marked, _DBTEX_MM / marked.pixel_size_mm, seed, resamples)
        figures["sensitivity_at_fp_within_8.5_mm"] = strict["sensitivity_at_fp"]
        figures["sensitivity_at_fp_within_8.5_mm_ci"] = strict["sensitivity_at_fp_ci"]
    return figures


def _froc(marked: Marked, least_px: float, seed: int, resamples: int) -> dict[str, Any]:
    curve = froc_curve(marked.images, least_px=least_px)
    points = curve.points()
    step = max(1, len(points) // _MOST_POINTS)
    assessable = curve.patients >= FEWEST_PATIENTS_TO_ASSESS
    names = [f"{rate:g}" for rate in RATES]
    intervals: dict[str, list[float] | None] = dict.fromkeys(names)
    if assessable:
        found = sensitivity_intervals(marked.images, RATES, least_px=least_px, samples=resamples, seed=seed)
        intervals = {name: [one.low, one.high] for name, one in zip(names, found, strict=True)}
    return {
        "froc": points[::step],
        "sensitivity_at_fp": {name: curve.sensitivity_at(rate) for name, rate in zip(names, RATES, strict=True)},
        "sensitivity_at_fp_ci": intervals,
    }


def _frames(case: Case, image: Image) -> tuple[int, int]:
    first, last = case.frames or (0, image.attributes.frames - 1)
    return first, last + 1


def _image_truth(case: Case, looked_for: set[str]) -> int | None:
    """Return whether an image shows what the model looks for; ``None`` where it shows something else or is not told."""
    words = case_words(case)
    if words & looked_for:
        return 1
    return 0 if ABNORMAL not in words and case.severity == "normal" else None
