"""The recipe ``rsna-breast`` (S3): whole mammograms, batches of prediction IDs, scores per image and per breast.

A prediction ID is one breast of one patient with all its images, as the RSNA screening set has it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.base.progress import subprogress
from mammoviewer.datasets.splits import PARTS
from mammoviewer.training.architectures import Network
from mammoviewer.training.breast_card import INTENDED_USE, card
from mammoviewer.training.breast_figures import breast_figures
from mammoviewer.training.bundle import BundleFacts, published_folder, write_bundle
from mammoviewer.training.epoch_event import confusion_matrix
from mammoviewer.training.film_folds import cross_validated, fit_plan
from mammoviewer.training.film_report import write_film_report
from mammoviewer.training.film_scores import FilmPictures, one_hot, report_parts
from mammoviewer.training.films import Film, FilmSets, data_facts, film_counts, load_films
from mammoviewer.training.int8_step import AN_INNER_PART, add_int8, evenly
from mammoviewer.training.metrics import Truth, area_under_curve, finite_or_none
from mammoviewer.training.networks.breast_cnn import BreastCnn
from mammoviewer.training.networks.pretrained import load_backbone, read_state_dict
from mammoviewer.training.networks.zoo import ZooClassifier
from mammoviewer.training.patch_figures import balanced_threshold, statistics_baseline
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.step_training import EarlyStop, Plateau, StepPlan, share_of, train_steps

LAYOUTS = ("mini-mias", "rsna")
SMALL = "small"
_KINDS = ("MAMMOGRAM", "SYNTHETIC_2D", "SECONDARY", "RASTER")
_LAST_BLOCKS = 2
_MAX_SHIFT, _MAX_SHEAR, _MAX_DEGREES = 0.08, 0.1, 15.0


def preprocessing(run: RecipeRun) -> tuple[Mapping[str, Any], ...]:
    """Return the chain of S3: window, minimum to maximum of the breast, empty rows and columns off, resized."""
    return (
        {"op": "voi", "window": "default", "rule": run.text("window")},
        {"op": "minmax_breast"},
        {"op": "crop_empty"},
        {"op": "resize", "rows": run.integer("rows"), "columns": run.integer("columns")},
    )


def run_rsna_breast(run: RecipeRun) -> Mapping[str, Any]:
    """Train, cross-validate where asked, count on the test patients, publish; return the metrics."""
    films = prepared_films(run)
    crossed = cross_validated(run, films, prepared_films, judge)
    network, curves = _trained(run, films)
    run.tell("counting", 0.96)
    found = {name: predict(network, getattr(films, name)) for name in ("validation", "test")}
    facts = _facts(run, films, network, found=found, more={"curves": curves, "cross_validation": crossed})
    with published_folder(run.spec.output, replace=True) as folder:
        manifest = write_bundle(folder, network, facts)
        pictures = {name: _pictures(getattr(films, name), run) for name in PARTS}
        parts = report_parts(
            pictures,
            lambda part: _of_both(predict(network, part.films)),
            facts,
            manifest,
            known={name: _of_both(scores) for name, scores in found.items()},
            seed=run.spec.seed,
            unit="image",
        )
        write_film_report(folder, run, facts, films, parts)
        aside = [films.validation[place] for place in evenly(len(films.validation))]
        values, patients = np.stack([film.values for film in aside]), [film.case.patient for film in aside]
        add_int8(run, folder, values, _truth(aside, run).tolist(), patients, data=AN_INNER_PART)
    return facts.metrics


def prepared_films(run: RecipeRun) -> FilmSets:
    """Return the films of the run's data, prepared and split."""
    return load_films(
        run.spec.data,
        steps=preprocessing(run),
        pixel_size_mm=None,
        validation=run.number("validation"),
        seed=run.spec.seed,
        progress=subprogress(lambda done, text: run.tell(text, done), 0.0, 0.05),
        layouts=LAYOUTS,
        located=False,
        allow_leak=run.flag("allow_leak"),
    )


def judge(run: RecipeRun, films: FilmSets, number: int) -> Mapping[str, Any]:
    """Train on a fold's training part and return the area on the images of its test part."""
    network, _ = _trained(run, films, number)
    area = area_under_curve(_truth(films.test, run), predict(network, films.test))
    patients = {film.case.patient for film in films.test}
    return {"auc": finite_or_none(area), "n": len(films.test), "n_patients": len(patients)}


def _trained(run: RecipeRun, films: FilmSets, number: int | None = None) -> tuple[Network, list[dict[str, Any]]]:
    """Return a network that learnt from the training part, and its curves; ``number`` is that of a fold."""
    torch.manual_seed(run.spec.seed)
    network = make_network(run)
    if isinstance(network, BreastCnn):
        with torch.no_grad():
            measures = [network.front(torch.from_numpy(film.values)[None]) for film in films.train]
        network.scaling.settle(torch.cat(measures))
    freeze_all_but_last(network, run.text("unfreeze"))
    return network, _train(run, network, films, number)


def _of_both(positive: DoubleArray) -> DoubleArray:
    """Return probabilities (n,) of the positive class as those of both classes (n, 2)."""
    return np.column_stack([1 - positive, positive])


def make_network(run: RecipeRun) -> Network:
    """Return the network of the settings with one logit; weights of its backbone from a file where one is named."""
    name, weights = run.text("network"), run.text("weights")
    if name == SMALL:
        if weights:
            raise TrainingError("the small network takes no weights", hint="they belong to efficientnet_b4")
        return BreastCnn(rate=run.number("dropout"))
    shape = (run.integer("rows"), run.integer("columns"))
    network = ZooClassifier(name, 1, shape=shape, head="linear", rate=run.number("dropout"))
    if weights:
        load_backbone(network.backbone, read_state_dict(Path(weights)))
    return network


def freeze_all_but_last(network: Network, unfreeze: str) -> None:
    """Let only the head and the last blocks of the trunk learn ("last-block"), or everything ("all")."""
    if unfreeze == "all":
        return
    for weight in network.trunk.parameters():
        weight.requires_grad_(False)
    layers = getattr(network.trunk, "features", network.trunk)
    for block in list(layers.children())[-_LAST_BLOCKS:]:
        for weight in block.parameters():
            weight.requires_grad_(True)


def target_of(film: Film, run: RecipeRun) -> int:
    """Return 1 for what is looked for: a malignant image, or any that is not normal."""
    return int(film.case.severity == "malignant" if run.text("target") == "malignant" else not film.normal)


class BreastSampler:
    """Draws prediction IDs, positive and negative ones equally often, with all their images, changed at random."""

    def __init__(self, films: Sequence[Film], run: RecipeRun) -> None:
        self._run = run
        groups: dict[tuple[str, str], list[Film]] = {}
        for film in films:
            groups.setdefault((film.case.patient, film.case.breast), []).append(film)
        self._groups: tuple[list[list[Film]], list[list[Film]]] = ([], [])
        for members in groups.values():
            self._groups[max(target_of(film, run) for film in members)].append(members)
        if not all(self._groups):
            raise TrainingError("the training part lacks positive or negative images")

    def batch(self, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures (n, 1, rows, columns) and targets (n, 1)."""
        films: list[Film] = []
        for _ in range(self._run.integer("batch")):
            members = self._groups[int(generator.random() < 0.5)]
            films += members[int(generator.integers(len(members)))]
        pictures = np.stack([changed(film.values[0], generator) for film in films])
        wanted = [[float(target_of(film, self._run))] for film in films]
        return torch.from_numpy(pictures[:, None]), torch.tensor(wanted)


def changed(values: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return a picture (rows, columns) mirrored, turned, moved and sheared at random."""
    rows, columns = values.shape
    angle = math.radians(generator.uniform(-_MAX_DEGREES, _MAX_DEGREES))
    shear, zoom = generator.uniform(-_MAX_SHEAR, _MAX_SHEAR), math.exp(generator.uniform(-0.08, 0.08))
    turned = zoom * np.array([[math.cos(angle), -math.sin(angle) + shear], [math.sin(angle), math.cos(angle)]])
    turned = turned @ np.diag([-1.0 if generator.random() < 0.5 else 1.0, -1.0 if generator.random() < 0.5 else 1.0])
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    moved = middle + generator.uniform(-_MAX_SHIFT, _MAX_SHIFT, 2) * (columns, rows)
    matrix = np.column_stack([turned, moved - turned @ middle])
    result = cv2.warpAffine(values, matrix, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    gain = math.exp(generator.uniform(-0.15, 0.15))
    stretched: FloatArray = np.clip(result * gain, 0.0, 1.0).astype(np.float32)
    return stretched


def predict(network: nn.Module, films: Sequence[Film]) -> DoubleArray:
    """Return the probability (n,) of each film."""
    network.eval()
    with torch.no_grad():
        logits = [network(torch.from_numpy(film.values)[None])[0] for film in films]
    result: DoubleArray = torch.sigmoid(torch.cat(logits).double())[:, 0].numpy()
    return result


def _train(run: RecipeRun, network: Network, films: FilmSets, number: int | None) -> list[dict[str, Any]]:
    sampler = BreastSampler(films.train, run)
    truth = _truth(films.validation, run)
    plan = StepPlan(
        run.integer("epochs"),
        run.integer("steps"),
        run.number("learning_rate"),
        weight_decay=run.number("weight_decay"),
        plateau=Plateau(run.integer("patience"), minimum=1e-6) if run.text("schedule") == "plateau" else None,
        stop=EarlyStop(run.integer("stop_after"), 0.01) if run.integer("stop_after") else None,
        share=(0.05, 0.95),
    )

    def loss(_epoch: int, generator: np.random.Generator) -> tuple[Tensor, int]:
        pictures, wanted = share_of(*sampler.batch(generator))
        return functional.binary_cross_entropy_with_logits(network(pictures)[0], wanted), len(pictures)

    positive = run.text("target")

    def validate() -> Mapping[str, Any]:
        found = np.clip(predict(network, films.validation), 1e-6, 1 - 1e-6)
        errors = -np.where(truth == 1, np.log(found), np.log(1 - found))
        # classes weigh the same, as they do in the batches
        error = np.mean([errors[truth == k].mean() for k in (0, 1) if (truth == k).any()])
        return {
            "validation_loss": float(error),
            "auc": finite_or_none(area_under_curve(truth, found)),
            "confusion": confusion_matrix(truth, np.column_stack([1 - found, found])),
            "classes": ["not " + positive, positive],
        }

    return train_steps(network, loss, fit_plan(run, plan, number), run, validate)


def _pictures(films: Sequence[Film], run: RecipeRun) -> FilmPictures:
    return FilmPictures(films, np.stack([film.values for film in films]), one_hot(_truth(films, run), 2))


def _truth(films: Sequence[Film], run: RecipeRun) -> Truth:
    return np.asarray([target_of(film, run) for film in films], dtype=np.int64)


def _facts(
    run: RecipeRun, films: FilmSets, network: Network, *, found: Mapping[str, DoubleArray], more: Mapping[str, Any]
) -> BundleFacts:
    """Return what the manifest says; ``found`` are the scores of two parts, ``more`` further metrics."""
    threshold = balanced_threshold(_truth(films.validation, run), found["validation"])
    truth = _truth(films.test, run)
    grey = statistics_baseline(
        np.stack([film.values[0] for film in films.train]),
        _truth(films.train, run),
        np.stack([film.values[0] for film in films.test]),
    )[:, 1]
    breasts = [(film.case.patient, film.case.breast) for film in films.test]
    metrics: dict[str, Any] = {
        "task": "image-classification",
        "unit": "image, patients of the project's test split",
        "target": run.text("target"),
        **breast_figures(truth, found["test"], breasts, threshold=threshold, seed=run.spec.seed),
        "baseline_statistics_auc": finite_or_none(area_under_curve(truth, grey)),
        "baseline_majority_accuracy": float(max(truth.mean(), 1 - truth.mean())),
        "films": film_counts(films),
        **more,
    }
    positive = run.text("target")
    shape = (run.integer("rows"), run.integer("columns"))
    return BundleFacts(
        name=run.spec.name,
        tag=run.spec.tag,
        title=run.spec.title or f"Whole mammogram: {positive} or not",
        classes=("not " + positive, positive),
        positive_class=positive,
        operating_threshold=round(threshold, 3),
        patch=shape,
        pixel_size_mm=None,
        preprocessing=preprocessing(run),
        kinds=_KINDS,
        card=card(run, network, metrics, data_facts(films)),
        intended_use=INTENDED_USE,
        training_data=(data_facts(films),),
        metrics=metrics,
        task="image-classification",
        cam_method="cam",
    )
