"""Explanations of whole images against the marked places of a data set. No torch here."""

from __future__ import annotations

import numpy as np

from mammoviewer.base.arrays import BoolArray
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.datasets.cases import Case, CaseFinding, CaseList
from mammoviewer.datasets.class_names import word_of
from mammoviewer.dicom.image import Image
from mammoviewer.inference.cam import cam_for_image
from mammoviewer.inference.cam_checks import Skipped
from mammoviewer.inference.cam_localisation import Localised, localised, verdict
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.evaluation_scoring import Scoring, finding_words

SAMPLE = 20
_SEED = 20
_LONGEST_PX = 400


def data_localisation(
    model: OnnxModel, cases: CaseList, *, sample: int = SAMPLE, force: bool = False, progress: Progress = no_progress
) -> str:
    """Return how the explanations of images with a lesion fare, see :mod:`mammoviewer.inference.cam_localisation`.

    Images are a random sample, the same every time, of those in which a marked place shows what the model looks for.

    Raises
    ------
    ModelError
        The maps point at lesions less often than the middle of the breast does.
    Skipped
        There are too few such images.
    """
    word = word_of(model.manifest.outputs.positive_class)
    fitting = [case for case in cases.cases if any(word in finding_words(found) for found in case.findings)]
    if not fitting:
        raise Skipped(f"no marked place of the data set shows what the model looks for ({word})")
    generator = np.random.default_rng(_SEED)
    picked = sorted(generator.permutation(len(fitting))[:sample].tolist())
    results: list[Localised] = []
    run = Scoring(model, force=force, progress=progress)

    def work(case: Case, image: Image) -> None:
        places = [found for found in case.findings if word in finding_words(found)]
        frame = min((places[0].frames[0] + places[0].frames[1]) // 2, image.attributes.frames - 1)
        here = [found for found in places if found.frames[0] <= frame <= found.frames[1]]
        prepared = run.prepared(image, frame, case)
        shape = _small(prepared.stored_shape)
        overlay = cam_for_image(prepared, model)
        values = overlay.resampled(shape)
        lesion = np.zeros(shape, dtype=np.bool_)
        for found in here:
            lesion |= lesion_mask(found, prepared.stored_shape, shape)
        results.append(localised(values, lesion, np.isfinite(values)))

    run.each([fitting[index] for index in picked], work)
    return verdict(results)


def lesion_mask(found: CaseFinding, stored: tuple[int, int], shape: tuple[int, int]) -> BoolArray:
    """Return the circle of a marked place, or its box, on a grid of ``shape`` over an image of ``stored`` pixels."""
    rows = ((np.arange(shape[0]) + 0.5) * stored[0] / shape[0] - 0.5)[:, np.newaxis]
    columns = ((np.arange(shape[1]) + 0.5) * stored[1] / shape[1] - 0.5)[np.newaxis]
    if found.circle is not None:
        row, column, radius = found.circle
        # Never smaller than a cell, or the smallest lesions would have no mask.
        reach = max(radius, stored[0] / shape[0])
        inside: BoolArray = np.hypot(rows - row, columns - column) <= reach
        return inside
    top, left, bottom, right = found.box
    within: BoolArray = (rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)
    return within


def _small(stored: tuple[int, int]) -> tuple[int, int]:
    factor = min(1.0, _LONGEST_PX / max(stored))
    return max(1, round(stored[0] * factor)), max(1, round(stored[1] * factor))
