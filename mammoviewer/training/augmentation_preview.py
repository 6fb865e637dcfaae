"""Sample training pictures before and after the augmentation of a recipe's settings, by the very code of the training.

Each sample has a generator of its own, seeded by its number: so what differs between two previews is what the settings
do, and the picture before is drawn from the same place as the one after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import torch

from mammoviewer.base.arrays import ByteArray, FloatArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.layouts import MINI_MIAS
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM
from mammoviewer.datasets.slices import THREE_CLASSES, TWO_CLASSES
from mammoviewer.training import recipe_cnni_bcc, recipe_findings_patches, recipe_lesion_ssd, recipe_rsna_breast
from mammoviewer.training.film_versions import changed_version
from mammoviewer.training.films import Film, some_training_films
from mammoviewer.training.microcalc_data import WaveletOption, read_microcalc_data
from mammoviewer.training.microcalc_recipe import AUGMENTATION
from mammoviewer.training.microcalc_settings import augmentation_of
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.slice_augment import SliceAugmentation
from mammoviewer.training.slice_data import some_training_slices

SAMPLES = 8
_MOST_PX = 192
_FILMS = 6

Hold: TypeAlias = Callable[[], None]
Pair: TypeAlias = tuple[FloatArray, FloatArray]
"""Pictures (rows, columns) of any range before and after."""


@dataclass(frozen=True)
class PreviewWay:
    """How a recipe's pictures are previewed.

    ``load`` reads some of the training part, ``depends`` names the settings that this rests on, ``draw`` returns the
    pair of a sample, by its number.
    """

    load: Callable[[RecipeRun, Hold], Any]
    depends: tuple[str, ...]
    draw: Callable[[RecipeRun, Any, int], Pair]


class AugmentationPreview:
    """Keeps what was read last, so that another setting of the augmentation costs no reading."""

    def __init__(self) -> None:
        self._key: object = None
        self._source: Any = None

    def pairs(self, run: RecipeRun, hold: Hold) -> list[tuple[ByteArray, ByteArray]]:
        """Return :data:`SAMPLES` pairs of pictures uint8 (rows, columns) of one grey scale.

        Parameters
        ----------
        hold
            Called now and then; may raise to end the work.

        Raises
        ------
        TrainingError
            The recipe does not augment, or the data cannot be read.
        """
        way = WAYS.get(run.spec.recipe)
        if way is None:
            raise TrainingError(f"the recipe {run.spec.recipe} has no preview")
        key = (run.spec.recipe, run.spec.data, run.spec.seed, *(run.settings[name] for name in way.depends))
        if key != self._key:
            self._key, self._source = None, None
            self._source = way.load(run, hold)
            self._key = key
        found = []
        for number in range(SAMPLES):
            hold()
            found.append(_shown(way.draw(run, self._source, number)))
        return found


def _shown(pair: Pair) -> tuple[ByteArray, ByteArray]:
    """Return a pair in 256 greys, no larger than needed: from 0 to 1, of other ranges those of the first picture."""
    low, high = float(pair[0].min()), float(pair[0].max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    result = []
    for picture in pair:
        grey = np.clip((picture - low) / max(high - low, 1e-6), 0.0, 1.0) * 255
        largest = max(grey.shape)
        if largest > _MOST_PX:
            size = tuple(max(1, round(side * _MOST_PX / largest)) for side in grey.shape[::-1])
            grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        result.append(np.rint(grey).astype(np.uint8))
    return result[0], result[1]


def _generator(run: RecipeRun, number: int) -> np.random.Generator:
    return np.random.default_rng((run.spec.seed, number))


def _torch_generator(run: RecipeRun, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(run.spec.seed * 1009 + number)


def _read_patches(run: RecipeRun, hold: Hold) -> torch.Tensor:
    hold()
    names = ("wavelet", "wavelet_levels", "wavelet_q")
    chain = [run.settings[name] for name in names] if "wavelet" in run.settings else []
    data = read_microcalc_data(run.spec.data, WaveletOption(*chain))  # type: ignore[arg-type]
    by_class = [data.development[data.truth[data.development] == label] for label in (1, 0)]
    each = [np.random.default_rng(run.spec.seed).permutation(some)[: SAMPLES // 2] for some in by_class]
    return data.tensors.pictures[torch.from_numpy(np.stack(each, axis=1).ravel())]


def _patch(run: RecipeRun, pictures: torch.Tensor, number: int) -> Pair:
    before = pictures[number % len(pictures)][None]
    augmentation = augmentation_of(run) if "augmentation" in run.settings else AUGMENTATION
    after = before if augmentation is None else augmentation(before, _torch_generator(run, number))
    return before[0, 0].numpy(), after[0, 0].numpy()


def _read_slices(run: RecipeRun, hold: Hold) -> Sequence[FloatArray]:
    classes = THREE_CLASSES if run.integer("classes") == 3 else TWO_CLASSES
    return some_training_slices(run, classes, SAMPLES, hold)


def _slice(run: RecipeRun, slices: Sequence[FloatArray], number: int) -> Pair:
    before = torch.from_numpy(slices[number % len(slices)])[None, None]
    after = SliceAugmentation(share=run.number("augmentation"))(before, _torch_generator(run, number))
    return before[0, 0].numpy(), after[0, 0].numpy()


def _films(
    steps: Callable[[RecipeRun], Sequence[Mapping[str, Any]]],
    size: float | None,
    layouts: tuple[str, ...] = (MINI_MIAS,),
    *,
    located: bool = True,
) -> Callable[[RecipeRun, Hold], tuple[Film, ...]]:
    """Return what reads a few films as a recipe prepares them."""

    def read(run: RecipeRun, hold: Hold) -> tuple[Film, ...]:
        return some_training_films(
            run.spec.data,
            steps=steps(run),
            pixel_size_mm=size,
            validation=run.number("validation"),
            seed=run.spec.seed,
            layouts=layouts,
            located=located,
            count=_FILMS,
            hold=hold,
        )

    return read


def _bcc(run: RecipeRun, films: Sequence[Film], number: int) -> Pair:
    pair = [
        recipe_cnni_bcc.PatchSampler(films, run, augmented=augmented).example(1, _generator(run, number))[0]
        for augmented in (False, True)
    ]
    return pair[0].values[0], pair[1].values[0]


def _ssd(run: RecipeRun, films: Sequence[Film], number: int) -> Pair:
    film = films[number % len(films)]
    return film.values[0], changed_version(film, _generator(run, number)).values


def _proposal(run: RecipeRun, films: Sequence[Film], number: int) -> Pair:
    classes = recipe_findings_patches.classes_of(films)
    pair = [
        recipe_findings_patches.ProposalSampler(films, classes, run, augmented=augmented).example(
            _generator(run, number)
        )[0]
        for augmented in (False, True)
    ]
    return pair[0][0], pair[1][0]


def _whole(run: RecipeRun, films: Sequence[Film], number: int) -> Pair:
    before = films[number % len(films)].values[0]
    return before, recipe_rsna_breast.changed(before, _generator(run, number))


_PATCHES = PreviewWay(_read_patches, (), _patch)
_FILM_SETTINGS = ("validation",)

WAYS: Mapping[str, PreviewWay] = {
    "cnni-bcc": PreviewWay(_films(lambda _run: recipe_cnni_bcc.PREPROCESSING, PIXEL_SIZE_MM), _FILM_SETTINGS, _bcc),
    "findings-patches": PreviewWay(
        _films(lambda _run: recipe_findings_patches.PREPROCESSING, PIXEL_SIZE_MM, recipe_findings_patches.LAYOUTS),
        _FILM_SETTINGS,
        _proposal,
    ),
    "lesion-ssd": PreviewWay(_films(lambda _run: recipe_lesion_ssd.PREPROCESSING, None), _FILM_SETTINGS, _ssd),
    "dbt-slices": PreviewWay(
        _read_slices, ("classes", "projections", "positives", "negatives", "margin", "validation"), _slice
    ),
    "microcalc-dense": _PATCHES,
    "microcalc-ensemble": PreviewWay(_read_patches, ("wavelet", "wavelet_levels", "wavelet_q"), _patch),
    "microcalc-hypermodel": _PATCHES,
    "rsna-breast": PreviewWay(
        _films(recipe_rsna_breast.preprocessing, None, recipe_rsna_breast.LAYOUTS, located=False),
        (*_FILM_SETTINGS, "rows", "columns", "window"),
        _whole,
    ),
}
"""All recipes: each augments what it learns from."""
