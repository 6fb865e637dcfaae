"""What a network said of the pictures of each part of a run on films, as a report shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.datasets.splits import PARTS
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.baselines import intensity_statistics
from mammoviewer.training.bundle import BundleFacts
from mammoviewer.training.evaluation_figures import classification_figures, curves
from mammoviewer.training.evaluation_gallery import Gallery
from mammoviewer.training.films import Film
from mammoviewer.training.patient_bootstrap import RESAMPLES
from mammoviewer.training.scored import Scored, ScoredUnit

MOST_TRAINING_PICTURES = 600
"""Of the training part no more are counted, evenly spread: its figures only show how much was learnt by heart."""
_RESAMPLES = {"train": 400, "validation": 400, "test": RESAMPLES}


@dataclass(frozen=True, eq=False)
class FilmPictures:
    """Pictures of one part.

    Attributes
    ----------
    films
        The film that each picture is of.
    values
        float32 (n, channels, rows, columns) as the network sees them.
    truth
        0 or 1 for each class (n, k).
    """

    films: Sequence[Film]
    values: FloatArray
    truth: NDArray[np.int64]

    def sample(self, most: int) -> FilmPictures:
        """Return at most so many, evenly spread."""
        chosen = np.unique(np.linspace(0, len(self.films) - 1, min(most, len(self.films))).round().astype(np.intp))
        return FilmPictures([self.films[index] for index in chosen.tolist()], self.values[chosen], self.truth[chosen])


Predict = Callable[[FilmPictures], DoubleArray]
"""Probabilities (n, k) of the pictures of a part."""


def one_hot(labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return class indices (n,) as 0 and 1 for each class (n, k)."""
    return np.eye(classes, dtype=np.int64)[labels]


def scored_pictures(pictures: FilmPictures, scores: DoubleArray, facts: BundleFacts, unit: str = "patch") -> Scored:
    """Return pictures with what is true of them and what the network said, float64 (n, k)."""
    described = intensity_statistics(pictures.values[:, 0])
    units = tuple(
        ScoredUnit(
            name=f"{film.case.name}/{index}",
            patient=film.case.patient,
            breast=film.case.breast,
            image=film.case.name,
            truth=tuple(pictures.truth[index].tolist()),
            scores=tuple(scores[index].tolist()),
            strata=film.case.strata,
            statistics=tuple(described[index].tolist()),
        )
        for index, film in enumerate(pictures.films)
    )
    return Scored(facts.classes, facts.positive_class, facts.operating_threshold, facts.multi_label, unit, units)


def report_parts(
    parts: Mapping[str, FilmPictures],
    predict: Predict,
    facts: BundleFacts,
    manifest: ModelManifest,
    *,
    known: Mapping[str, DoubleArray],
    seed: int,
    unit: str = "patch",
) -> dict[str, Any]:
    """Return ``parts`` and ``gallery`` of a report, see :mod:`mammoviewer.training.report_html`.

    ``known`` are the probabilities of parts that were predicted before; ``predict`` gives those of the others.
    """
    found, gallery = {}, Gallery(OnnxModel(manifest, threads=1))
    for name in PARTS:
        pictures = parts[name].sample(MOST_TRAINING_PICTURES) if name == "train" else parts[name]
        scores = known[name] if name in known else predict(pictures)
        scored = scored_pictures(pictures, scores, facts, unit)
        figures = classification_figures(scored, seed=seed, resamples=_RESAMPLES[name])
        found[name] = {"metrics": figures, "curves": curves(scored, seed=seed)}
        if name == "test":
            for one, values in zip(scored.units, pictures.values, strict=True):
                gallery.offer(one.name, one.truth, one.scores, values)
    return {"parts": found, "gallery": gallery.pictures()}
