"""The recipe ``lesion-ssd`` (S4): boxes around lesions of whole mini-MIAS films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.progress import subprogress
from mammoviewer.datasets.mini_mias import SIDE_PX as STORED_PX
from mammoviewer.inference.detections import Detection, detections_of_boxes
from mammoviewer.inference.froc import FrocCurve, FrocImage, TruthBox, froc_curve, sensitivity_intervals
from mammoviewer.training.bundle import BundleFacts, published_folder, write_bundle
from mammoviewer.training.crops import UNCHANGED, Circle, Crop, CropChange, breast_place, crop
from mammoviewer.training.film_report import write_film_report
from mammoviewer.training.films import Film, FilmSets, data_facts, load_films
from mammoviewer.training.networks.ssd import SsdNetwork, boxes_of_circles, default_boxes, detection_loss, match
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.ssd_card import INTENDED_USE, RATES, card
from mammoviewer.training.step_training import StepPlan, share_of, train_steps
from mammoviewer.training.synthetic_lesions import draw_cluster, draw_mass

SIDE_PX = 256
CLASSES = ("background", "lesion")
PREPROCESSING: tuple[Mapping[str, Any], ...] = (
    {"op": "voi", "window": "default"},
    {"op": "percentile_range", "low": 1.0, "high": 99.0},
    {"op": "resize", "rows": SIDE_PX, "columns": SIDE_PX, "keep_aspect": True},
)
CHANGE = CropChange(zoom=0.3, gamma=0.25, contrast=0.2, brightness=0.04)
_KINDS = ("MAMMOGRAM", "SYNTHETIC_2D", "SECONDARY", "RASTER")
_LEAST_SCORE = 0.02
_DRAWN_UNTIL = 0.7
_ACCEPTED_FALSE_MARKS = 1.0
_MOST_FALSE_TOLD = 8.0


def run_lesion_ssd(run: RecipeRun) -> Mapping[str, Any]:
    """Train, count on the test patients, publish; return the metrics."""
    films = load_films(
        run.spec.data,
        steps=PREPROCESSING,
        pixel_size_mm=None,
        validation=run.number("validation"),
        seed=run.spec.seed,
        progress=subprogress(lambda done, text: run.tell(text, done), 0.0, 0.05),
        allow_leak=run.flag("allow_leak"),
    )
    torch.manual_seed(run.spec.seed)
    network = SsdNetwork(len(CLASSES), width=run.integer("width"), shape=(SIDE_PX, SIDE_PX))
    curves = _train(run, network, films)
    facts = _facts(run, films, network, curves)
    with published_folder(run.spec.output, replace=True) as folder:
        write_bundle(folder, network, facts)
        write_film_report(folder, run, facts, films)
    return facts.metrics


class CropSampler:
    """Draws crops of training films: with a lesion, normal, or normal with a drawn lesion.

    Not ``augmented``, it shows what each crop is made from: the same place, neither changed nor drawn into.
    """

    def __init__(self, films: Sequence[Film], run: RecipeRun, *, augmented: bool = True) -> None:
        self._augmented = augmented
        self._change = CHANGE if augmented else UNCHANGED
        self._run = run
        self._normal = [film for film in films if film.normal]
        self._places = [(film, circle) for film in films for circle in film.circles]
        self._side = run.integer("crop")
        self._defaults = default_boxes(self._side, self._side)

    def batch(self, epoch: int, generator: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures (n, 1, side, side), classes (n, a) and offsets (n, a, 4) of the default boxes."""
        crops = [self.example(epoch, generator) for _ in range(self._run.integer("batch"))]
        targets = [_target(part.circles, self._defaults, self._run) for part in crops]
        pictures = torch.from_numpy(np.stack([part.values for part in crops]))
        return pictures, torch.stack([one for one, _ in targets]), torch.stack([two for _, two in targets])

    def example(self, epoch: int, generator: np.random.Generator) -> Crop:
        """Return one crop of an epoch."""
        fade = max(0.0, 1 - epoch / (_DRAWN_UNTIL * self._run.integer("epochs")))
        lesion = generator.random() < self._run.number("lesion_share")
        if lesion and generator.random() >= self._run.number("synthetic") * fade:
            film, circle = self._places[int(generator.integers(len(self._places)))]
            shift = generator.uniform(-0.4, 0.4, 2) * self._side
            place = (circle[0] + float(shift[0]), circle[1] + float(shift[1]))
            return crop(film.values, place, self._side, generator, self._change, circles=film.circles)
        film = self._normal[int(generator.integers(len(self._normal)))]
        part = crop(film.values, breast_place(film.mask, generator), self._side, generator, self._change)
        return self._drawn(part, generator) if lesion and self._augmented else part

    def _drawn(self, part: Crop, generator: np.random.Generator) -> Crop:
        """Draw a lesion on the breast of a normal crop."""
        row, column = breast_place(part.values[0] > 0, generator)
        radius = float(np.exp(generator.uniform(np.log(4), np.log(24))))
        if generator.random() < 0.85:
            draw_mass(part.values[0], (row, column, radius), generator)
        else:
            draw_cluster(part.values[0], (row, column, radius), generator, speck_px=(0.3, 0.7))
        return Crop(np.clip(part.values, 0.0, 1.0), ((row, column, radius),))


def _train(run: RecipeRun, network: SsdNetwork, films: FilmSets) -> list[dict[str, Any]]:
    sampler = CropSampler(films.train, run)
    plan = StepPlan(
        run.integer("epochs"),
        run.integer("steps"),
        run.number("learning_rate"),
        run.number("weight_decay"),
        warm_up=0.1,
        share=(0.05, 0.95),
    )

    def loss(epoch: int, generator: np.random.Generator) -> tuple[Tensor, int]:
        pictures, classes, offsets = share_of(*sampler.batch(epoch, generator))
        logits, found, _ = network.raw(pictures)
        alpha, negatives = run.number("alpha"), run.number("negatives")
        error = detection_loss(logits, found, classes, offsets, alpha=alpha, negatives=negatives)
        return error, len(pictures)

    held_out = _whole_films(films.validation, run)

    def validate() -> Mapping[str, Any]:
        with torch.no_grad():
            logits, found, _ = network.raw(held_out[0])
            return {"validation_loss": float(detection_loss(logits, found, *held_out[1:], alpha=run.number("alpha")))}

    return train_steps(network, loss, plan, run, validate)


def _whole_films(films: Sequence[Film], run: RecipeRun) -> tuple[Tensor, Tensor, Tensor]:
    defaults = default_boxes(SIDE_PX, SIDE_PX)
    pictures = torch.from_numpy(np.stack([film.values for film in films]))
    targets = [_target(film.circles, defaults, run) for film in films]
    return pictures, torch.stack([one for one, _ in targets]), torch.stack([two for _, two in targets])


def _target(circles: Sequence[Circle], defaults: Tensor, run: RecipeRun) -> tuple[Tensor, Tensor]:
    """Return class and offsets of each default box; edges lie half a pixel beyond the centres of pixels."""
    boxes = boxes_of_circles([(row + 0.5, column + 0.5, max(radius, 2.0)) for row, column, radius in circles])
    labels = torch.ones(len(boxes), dtype=torch.int64)
    return match(boxes, labels, defaults, least_overlap=run.number("least_overlap"))


def froc_images(network: SsdNetwork, films: Sequence[Film]) -> list[FrocImage]:
    """Return each film's lesions and the network's marks, in stored pixels."""
    images = []
    for film in films:
        truths = tuple(TruthBox(finding.box) for finding in film.case.findings)
        images.append(FrocImage(film.case.patient, truths, marks_of(network, film.values)))
    return images


def marks_of(network: SsdNetwork, values: FloatArray) -> tuple[Detection, ...]:
    """Return the marks on a prepared film (1, 256, 256), in stored pixels."""
    network.eval()
    with torch.no_grad():
        logits, boxes, _ = network(torch.from_numpy(values)[None])
    scale = STORED_PX / SIDE_PX
    return detections_of_boxes(
        (boxes[0].numpy() * scale - 0.5).astype(np.float32),
        torch.softmax(logits[0], dim=1).numpy().astype(np.float32),
        CLASSES,
        frame=0,
        shape=(STORED_PX, STORED_PX),
        threshold=_LEAST_SCORE,
    )


def _facts(run: RecipeRun, films: FilmSets, network: SsdNetwork, curves: Sequence[Mapping[str, Any]]) -> BundleFacts:
    run.tell("counting", 0.96)
    validation = froc_curve(froc_images(network, films.validation))
    threshold = _threshold(validation)
    images = froc_images(network, films.test)
    found, blind = froc_curve(images), _same_places(images, films)
    intervals = sensitivity_intervals(images, RATES)
    chance = sensitivity_intervals(blind, RATES)
    kinds = [finding.kind for film in films.test for finding in film.case.findings]
    metrics: dict[str, Any] = {
        "task": "detection",
        "unit": "lesion, patients of the project's test split",
        "n": len(images),
        "n_patients": found.patients,
        "lesions": found.lesions,
        "lesions_by_kind": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "sensitivity_at_fp": {f"{rate:g}": one.value for rate, one in zip(RATES, intervals, strict=True)},
        "sensitivity_at_fp_ci": {f"{r:g}": [one.low, one.high] for r, one in zip(RATES, intervals, strict=True)},
        "baseline_same_places": {f"{rate:g}": one.value for rate, one in zip(RATES, chance, strict=True)},
        "validation_sensitivity_at_fp": {f"{rate:g}": validation.sensitivity_at(rate) for rate in RATES},
        "froc": [point for point in found.points() if point["false_per_image"] <= _MOST_FALSE_TOLD],
        "films": {name: len(getattr(films, name)) for name in ("train", "validation", "test")},
        "lesions_train": sum(len(film.circles) for film in films.train),
        "curves": [dict(row) for row in curves],
    }
    return BundleFacts(
        name=run.spec.name,
        tag=run.spec.tag,
        title=run.spec.title or "Lesion locator (SSD)",
        classes=CLASSES,
        positive_class=CLASSES[1],
        operating_threshold=round(threshold, 4),
        patch=(SIDE_PX, SIDE_PX),
        pixel_size_mm=None,
        preprocessing=PREPROCESSING,
        kinds=_KINDS,
        card=card(run, network, metrics, threshold),
        intended_use=INTENDED_USE,
        training_data=(data_facts(films),),
        metrics=metrics,
        task="detection",
        cam_method="eigencam",
        head_gradient=False,
    )


def _threshold(curve: FrocCurve) -> float:
    """Return the lowest threshold with at most one false mark per validation film."""
    allowed = curve.thresholds[curve.false_per_image <= _ACCEPTED_FALSE_MARKS]
    return float(allowed.min()) if len(allowed) else 0.5


def _same_places(images: Sequence[FrocImage], films: FilmSets) -> list[FrocImage]:
    """Return the images with marks that know nothing of them: the commonest places of the training lesions.

    What the rule of counting gives to anyone who marks the middle of the breast.
    """
    generator = np.random.default_rng(0)
    result = []
    centres = np.array([finding.centre for film in films.train for finding in film.case.findings])
    for image in images:
        drawn = centres[generator.permutation(len(centres))[:8]]
        marks = tuple(
            Detection(float(r), float(c), 0, 1.0 - 0.1 * place, (r - 25, c - 25, r + 25, c + 25))
            for place, (r, c) in enumerate(drawn.tolist())
        )
        result.append(FrocImage(image.patient, image.truths, marks))
    return result
