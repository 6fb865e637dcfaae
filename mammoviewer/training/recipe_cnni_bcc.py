"""The recipe ``cnni-bcc`` (S4): normal, benign or malignant patches of 128x128 pixels of mini-MIAS films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.base.progress import subprogress
from mammoviewer.datasets.cases import SEVERITIES
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM
from mammoviewer.datasets.mini_mias_patches import COLUMNS, PATCH_PX, corners, grid_patches, overlap
from mammoviewer.datasets.splits import PARTS
from mammoviewer.training.bundle import BundleFacts, published_folder, write_bundle
from mammoviewer.training.cnni_card import INTENDED_USE, card
from mammoviewer.training.crops import UNCHANGED, Crop, CropChange, crop
from mammoviewer.training.epoch_event import confusion_matrix
from mammoviewer.training.film_folds import cross_validated, fit_plan
from mammoviewer.training.film_report import write_film_report
from mammoviewer.training.film_scores import FilmPictures, one_hot, report_parts
from mammoviewer.training.films import Film, FilmSets, data_facts, load_films
from mammoviewer.training.int8_step import AN_INNER_PART, add_int8, evenly
from mammoviewer.training.loop import probabilities_of
from mammoviewer.training.metrics import Truth, finite_or_none, log_loss, macro_area
from mammoviewer.training.networks.cnni import CnniBcc, Form, Kernels
from mammoviewer.training.patch_figures import balanced_threshold, class_figures, statistics_baseline
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.step_training import StepPlan, share_of, train_steps
from mammoviewer.training.synthetic_lesions import draw_cluster, draw_mass

PREPROCESSING: tuple[Mapping[str, Any], ...] = (
    {"op": "voi", "window": "default"},
    {"op": "resample_pixel_size"},
    {"op": "percentile_range", "low": 1.0, "high": 99.0},
)
CHANGE = CropChange(zoom=0.2, gamma=0.2, contrast=0.2, brightness=0.05)
_KINDS = ("MAMMOGRAM", "SYNTHETIC_2D", "SECONDARY", "RASTER")
_SMOOTHING = 0.03
_DRAWN_UNTIL = 0.7
_EACH_NORMAL = 8
_MOST_TRIES = 2000


@dataclass(frozen=True, eq=False)
class GridSet:
    """The patches of the grid of some films: float32 (n, 128, 128), class index and patient of each."""

    images: FloatArray
    labels: Truth
    groups: tuple[str, ...]


def run_cnni_bcc(run: RecipeRun) -> Mapping[str, Any]:
    """Train, cross-validate where asked, count on the test patients, publish; return the metrics."""
    films = prepared_films(run)
    crossed = cross_validated(run, films, prepared_films, judge)
    grids = {name: grid_set(getattr(films, name), run) for name in PARTS}
    network, curves = _trained(run, films.train, grids["validation"])
    run.tell("counting", 0.96)
    found = {name: predict(network, grids[name].images) for name in ("validation", "test")}
    facts = _facts(run, films, grids, network, found=found, more={"curves": curves, "cross_validation": crossed})
    with published_folder(run.spec.output, replace=True) as folder:
        manifest = write_bundle(folder, network.plain().eval(), facts)
        pictures = {name: _pictures(getattr(films, name), grid) for name, grid in grids.items()}
        parts = report_parts(
            pictures, lambda part: predict(network, part.values[:, 0]), facts, manifest, known=found, seed=run.spec.seed
        )
        write_film_report(folder, run, facts, films, parts)
        aside = grids["validation"]
        some = evenly(len(aside.labels))
        groups = [aside.groups[place] for place in some]
        add_int8(run, folder, aside.images[some, None], aside.labels[some].tolist(), groups, data=AN_INNER_PART)
    return facts.metrics


def prepared_films(run: RecipeRun) -> FilmSets:
    """Return the films of the run's data, prepared and split."""
    return load_films(
        run.spec.data,
        steps=PREPROCESSING,
        pixel_size_mm=PIXEL_SIZE_MM,
        validation=run.number("validation"),
        seed=run.spec.seed,
        progress=subprogress(lambda done, text: run.tell(text, done), 0.0, 0.05),
        allow_leak=run.flag("allow_leak"),
    )


def judge(run: RecipeRun, films: FilmSets, number: int) -> Mapping[str, Any]:
    """Train on a fold's training part and return the area on the patches of its test part."""
    network, _ = _trained(run, films.train, grid_set(films.validation, run), number)
    test = grid_set(films.test, run)
    area = macro_area(test.labels, predict(network, test.images))
    return {"auc": finite_or_none(area), "n": len(test.labels), "n_patients": len(set(test.groups))}


def _trained(
    run: RecipeRun, films: Sequence[Film], aside: GridSet, number: int | None = None
) -> tuple[CnniBcc, list[dict[str, Any]]]:
    """Return a network that learnt from some films, and its curves; ``number`` is that of a fold."""
    torch.manual_seed(run.spec.seed)
    network = CnniBcc(
        cast(Kernels, run.text("kernels")), form=cast(Form, run.text("form")), dropout=run.number("dropout")
    )
    return network, _train(run, network, PatchSampler(films, run), _some(aside), number)


def _train(
    run: RecipeRun, network: CnniBcc, sampler: PatchSampler, held_out: GridSet, number: int | None
) -> list[dict[str, Any]]:
    plan = StepPlan(
        run.integer("epochs"),
        run.integer("steps"),
        run.number("learning_rate"),
        run.number("weight_decay"),
        share=(0.05, 0.95),
        average=run.number("average"),
    )

    fine = round(run.number("fine_share") * plan.epochs) if run.text("form") == "squares" else 0

    def loss(epoch: int, generator: np.random.Generator) -> tuple[Tensor, int]:
        network.set_fine_only(epoch <= fine)
        pictures, wanted = share_of(*sampler.batch(epoch, generator))
        return functional.cross_entropy(network(pictures)[0], wanted), len(pictures)

    def validate() -> Mapping[str, Any]:
        found = predict(network, held_out.images)
        auc = finite_or_none(macro_area(held_out.labels, found))
        table = confusion_matrix(held_out.labels, found)
        return {
            "validation_loss": log_loss(held_out.labels, found),
            "auc": auc,
            "confusion": table,
            "classes": SEVERITIES,
        }

    curves = train_steps(network, loss, fit_plan(run, plan, number), run, validate)
    network.set_fine_only(False)
    return curves


class PatchSampler:
    """Draws training patches: normal ones, and lesions of each severity equally often; see the recipe's settings.

    Not ``augmented``, it shows what each patch is made from: the same place, neither changed nor drawn into.
    """

    def __init__(self, films: Sequence[Film], run: RecipeRun, *, augmented: bool = True) -> None:
        self._augmented = augmented
        self._films = films
        self._run = run
        self._whole = run.text("label") == "film"
        self._lesions: dict[int, list[tuple[Film, tuple[float, float, float]]]] = {1: [], 2: []}
        for film in films:
            for circle, finding in zip(film.circles, film.case.findings, strict=True):
                self._lesions[SEVERITIES.index(finding.label)].append((film, circle))
        if not self._whole and not all(self._lesions.values()):
            hint = "add such films, ask for fewer folds, or set label=film"
            raise TrainingError("the films to learn from show no benign or no malignant lesion", hint=hint)

    def batch(self, epoch: int, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures (n, 1, 128, 128) and target probabilities (n, 3)."""
        drawn = [self.example(epoch, generator) for _ in range(self._run.integer("batch"))]
        pictures = torch.from_numpy(np.stack([part.values for part, _ in drawn]))
        return pictures, torch.stack([self._target(label) for _, label in drawn])

    def _target(self, label: int) -> Tensor:
        """Return a softened target: severities are confused with each other sooner than with normal tissue."""
        target = torch.full((3,), _SMOOTHING / 3)
        target[label] += 1 - _SMOOTHING
        if label > 0:
            moved = self._run.number("severity_smoothing")
            target[label] -= moved
            target[3 - label] += moved
        return target

    def example(self, epoch: int, generator: np.random.Generator) -> tuple[Crop, int]:
        """Return one patch of an epoch, and its class."""
        if self._whole:
            film = self._films[int(generator.integers(len(self._films)))]
            return self._crop(film, _grid_place(generator), generator), SEVERITIES.index(film.case.severity)
        if generator.random() < self._run.number("normal_share"):
            return self._normal(generator), 0
        label = int(generator.integers(1, 3))
        fade = max(0.0, 1 - epoch / (_DRAWN_UNTIL * self._run.integer("epochs")))
        if generator.random() < self._run.number("synthetic") * fade:
            return self._drawn(label, generator), label
        film, circle = self._lesions[label][int(generator.integers(len(self._lesions[label])))]
        reach = PATCH_PX / 2 + circle[2]
        for _ in range(_MOST_TRIES):
            place = tuple(at + generator.uniform(-reach, reach) for at in circle[:2])
            if _overlap_at(circle, place) >= self._run.number("overlap"):
                return self._crop(film, (place[0], place[1]), generator), label
        # no patch shows so much of this one: it does so best from its middle
        return self._crop(film, circle[:2], generator), label

    def _normal(self, generator: np.random.Generator) -> Crop:
        while True:
            film = self._films[int(generator.integers(len(self._films)))]
            place = _grid_place(generator)
            shown = film.mask[int(place[0]), int(place[1])] or generator.random() < 0.15
            if shown and all(_overlap_at(circle, place) < 0.05 for circle in film.circles):
                return self._crop(film, place, generator)

    def _drawn(self, label: int, generator: np.random.Generator) -> Crop:
        """Return a normal patch with a drawn lesion, a smooth one for benign and a spiculated one for malignant."""
        result = self._normal(generator)
        if not self._augmented:
            return result
        place = generator.uniform(0.15, 0.85, 2) * PATCH_PX
        circle = (float(place[0]), float(place[1]), float(np.exp(generator.uniform(np.log(12), np.log(60)))))
        if generator.random() < 0.75:
            draw_mass(result.values[0], circle, generator, spiculated=label == SEVERITIES.index("malignant"))
        else:
            draw_cluster(result.values[0], circle, generator, speck_px=(0.6, 1.6))
        np.clip(result.values, 0.0, 1.0, out=result.values)
        return result

    def _crop(self, film: Film, place: tuple[float, float], generator: np.random.Generator) -> Crop:
        return crop(film.values, place, PATCH_PX, generator, CHANGE if self._augmented else UNCHANGED)


def grid_set(films: Sequence[Film], run: RecipeRun) -> GridSet:
    """Return the 32 patches of the middle columns of each film, labelled as the settings say."""
    images, labels, groups = [], [], []
    for film in films:
        images.append(grid_patches(film.values[0]))
        for corner in corners():
            shown = [
                SEVERITIES.index(finding.label)
                for circle, finding in zip(film.circles, film.case.findings, strict=True)
                if overlap(circle, corner) >= run.number("overlap")
            ]
            whole = SEVERITIES.index(film.case.severity)
            labels.append(whole if run.text("label") == "film" else max(shown, default=0))
            groups.append(film.case.patient)
    return GridSet(np.concatenate(images), np.asarray(labels, dtype=np.int64), tuple(groups))


def _pictures(films: Sequence[Film], grid: GridSet) -> FilmPictures:
    each = len(grid.labels) // len(films)
    listed = [film for film in films for _ in range(each)]
    return FilmPictures(listed, grid.images[:, None], one_hot(grid.labels, len(SEVERITIES)))


def _some(grid: GridSet) -> GridSet:
    """Return all patches with a lesion and one of eight normal ones, enough for the curves."""
    chosen = np.flatnonzero((grid.labels > 0) | (np.arange(len(grid.labels)) % _EACH_NORMAL == 0))
    return GridSet(grid.images[chosen], grid.labels[chosen], tuple(grid.groups[i] for i in chosen.tolist()))


def predict(network: CnniBcc, images: FloatArray) -> DoubleArray:
    """Return the probabilities (n, 3) of patches (n, 128, 128)."""
    network.eval()
    with torch.no_grad():
        parts = [network(part[:, None])[0] for part in torch.split(torch.from_numpy(images), 64)]
    return probabilities_of(torch.cat(parts))


def _facts(
    run: RecipeRun,
    films: FilmSets,
    grids: Mapping[str, GridSet],
    network: CnniBcc,
    *,
    found: Mapping[str, DoubleArray],
    more: Mapping[str, Any],
) -> BundleFacts:
    """Return what the manifest says; ``found`` are the probabilities of two parts, ``more`` further metrics."""
    test, train, held_out = grids["test"], grids["train"], grids["validation"]
    some = _some(train)
    figures = class_figures(test.labels, found["test"], test.groups, SEVERITIES, seed=run.spec.seed)
    grey = class_figures(
        test.labels,
        statistics_baseline(some.images, some.labels, test.images, len(SEVERITIES)),
        test.groups,
        SEVERITIES,
        seed=run.spec.seed,
    )
    malignant = SEVERITIES.index("malignant")
    scores = found["validation"][:, malignant]
    threshold = balanced_threshold((held_out.labels == malignant).astype(np.int64), scores)
    metrics = {
        "task": "patch-classification",
        "unit": "patch of the grid, patients of the project's test split",
        **figures,
        "baseline_statistics": {key: grey[key] for key in ("auc", "auc_ci", "accuracy", "balanced_accuracy")},
        "baseline_majority_accuracy": float(np.bincount(test.labels, minlength=3).max() / len(test.labels)),
        "films": {name: len(getattr(films, name)) for name in ("train", "validation", "test")},
        "patches_train": np.bincount(train.labels, minlength=3).tolist(),
        "validation_auc": finite_or_none(macro_area(held_out.labels, found["validation"])),
        **more,
    }
    return BundleFacts(
        name=run.spec.name,
        tag=run.spec.tag,
        title=run.spec.title or "Normal, benign or malignant patch (CNNI-BCC)",
        classes=SEVERITIES,
        positive_class="malignant",
        operating_threshold=round(threshold, 3),
        patch=(PATCH_PX, PATCH_PX),
        pixel_size_mm=PIXEL_SIZE_MM,
        preprocessing=PREPROCESSING,
        kinds=_KINDS,
        card=card(run, network.plain(), metrics),
        intended_use=INTENDED_USE,
        training_data=(data_facts(films),),
        metrics=metrics,
    )


def _grid_place(generator: np.random.Generator) -> tuple[float, float]:
    """Return a place in the middle columns of the grid, away from the upper and lower edge."""
    first, last = COLUMNS[0] * PATCH_PX + PATCH_PX / 2, (COLUMNS[-1] + 1) * PATCH_PX - PATCH_PX / 2
    return float(generator.uniform(PATCH_PX / 2, 7.5 * PATCH_PX)), float(generator.uniform(first, last))


def _overlap_at(circle: tuple[float, float, float], place: Sequence[float]) -> float:
    reach = PATCH_PX / 2 + circle[2]
    if any(abs(at - middle) > reach for at, middle in zip(circle[:2], place, strict=True)):
        return 0.0
    corner = (round(place[0] - PATCH_PX / 2), round(place[1] - PATCH_PX / 2))
    return overlap(circle, corner)
