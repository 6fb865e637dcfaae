"""The recipe ``lesion-ssd`` (S4): boxes around lesions of whole mini-MIAS films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.base.progress import subprogress
from mammoviewer.datasets.cases import Box
from mammoviewer.datasets.mini_mias import SIDE_PX as STORED_PX
from mammoviewer.datasets.splits import PARTS
from mammoviewer.inference.detections import Detection, detections_of_boxes
from mammoviewer.inference.froc import FrocCurve, FrocImage, TruthBox, froc_curve, sensitivity_intervals
from mammoviewer.training.bundle import BundleFacts, published_folder, write_bundle
from mammoviewer.training.distributed import present_group
from mammoviewer.training.film_folds import alike, cross_validation, fit_plan, fold_count, leaks_between
from mammoviewer.training.film_report import write_film_report
from mammoviewer.training.film_versions import Version, changed_version
from mammoviewer.training.films import Circle, Film, FilmSets, data_facts, load_films
from mammoviewer.training.fold_tasks import ONE_AT_A_TIME, FoldTask, judged_folds
from mammoviewer.training.networks.film_front import FilmFront
from mammoviewer.training.networks.ssd import SsdNetwork, boxes_of_circles, default_boxes, detection_loss, match
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.ssd_card import APART_PX, INTENDED_USE, RATES, card
from mammoviewer.training.ssd_gallery import ssd_gallery
from mammoviewer.training.step_training import StepPlan, share_of, train_steps

SIDE_PX = 256
CLASSES = ("background", "lesion")
PREPROCESSING: tuple[Mapping[str, Any], ...] = (
    {"op": "voi", "window": "default"},
    {"op": "percentile_range", "low": 1.0, "high": 99.0},
    {"op": "resize", "rows": SIDE_PX, "columns": SIDE_PX, "keep_aspect": True},
)
_KINDS = ("MAMMOGRAM", "SYNTHETIC_2D", "SECONDARY", "RASTER")
_LEAST_SCORE = 0.02
_ACCEPTED_FALSE_MARKS = 1.0
_MOST_FALSE_TOLD = 8.0


def run_lesion_ssd(run: RecipeRun) -> Mapping[str, Any]:
    """Train, count on the test patients, publish; return the metrics."""
    films = _films(run)
    versions = _measured(run, films)
    found = judged_folds(run, fold_count(run), lambda number: _judged(run, films, versions, number), judge_elsewhere)
    crossed = _crossed_figures(found)
    network, curves = _trained(run, versions, films.train, films.validation)
    run.tell("counting", 0.96)
    images = froc_images(network, films.test)
    facts = _facts(run, films, network, curves=curves, images=images, crossed=crossed)
    with published_folder(run.spec.output, replace=True) as folder:
        write_bundle(folder, network, facts)
        gallery = ssd_gallery(network, films.test, images, facts.operating_threshold)
        others = {part: _points(froc_curve(froc_images(network, getattr(films, part)))) for part in PARTS[:2]}
        write_film_report(folder, run, facts, films, {"gallery": gallery, "froc_more": {"others": others}})
    return facts.metrics


def _films(run: RecipeRun) -> FilmSets:
    return load_films(
        run.spec.data,
        steps=PREPROCESSING,
        pixel_size_mm=None,
        validation=run.number("validation"),
        seed=run.spec.seed,
        progress=subprogress(lambda done, text: run.tell(text, done), 0.0, 0.05),
        allow_leak=run.flag("allow_leak"),
    )


def judge_elsewhere(task: FoldTask) -> Mapping[str, Any]:
    """Judge one fold on another machine."""
    with ONE_AT_A_TIME:
        run = task.run()
        films = _films(run)
        return _judged(run, films, _measured(run, films), task.number)


def _judged(run: RecipeRun, films: FilmSets, versions: Versions, number: int) -> Mapping[str, Any]:
    """Return the lesions and marks of the films of a fold, by a network that saw none of their patients, for JSON."""
    same = alike(films.train + films.validation, run)
    folds = list(cross_validation(films, run.integer("folds"), run.spec.seed, groups=same.groups))
    learnt, judged = folds[number]
    network, _ = _trained(run, versions, learnt, judged, number)
    shared = len(leaks_between(films, same, judged).duplicates)
    return {"images": [asdict(one) for one in froc_images(network, judged)], "pictures_on_two_sides": shared}


def froc_image(values: Mapping[str, Any]) -> FrocImage:
    """Return an image from its fields, as JSON gives them."""
    truths = tuple(TruthBox(_box(one["box"])) for one in values["truths"])
    marks = tuple(Detection(**{**one, "box": _box(one["box"])}) for one in values["marks"])
    return FrocImage(values["patient"], truths, marks)


def _box(edges: Sequence[float]) -> Box:
    top, left, bottom, right = (float(edge) for edge in edges)
    return top, left, bottom, right


@dataclass(frozen=True, eq=False)
class _Measured:
    """A version of a film as the readers see it: measures in half precision, class and offsets of each default box."""

    measures: Tensor
    classes: Tensor
    offsets: Tensor
    lesion: bool


Versions = Mapping[int, Sequence[_Measured]]
"""The measured versions of each film, by its identity: the front learns nothing, and so has to see each but once."""


def _measured(run: RecipeRun, films: FilmSets) -> Versions:
    """Measure the films that are not for the test, and changed versions of them."""
    front, every = FilmFront().eval(), films.train + films.validation
    generator, defaults = np.random.default_rng(run.spec.seed), default_boxes(SIDE_PX, SIDE_PX)
    found: dict[int, list[_Measured]] = {}
    for film in every:
        versions = [Version(film.values[0], film.circles)]
        versions += [changed_version(film, generator) for _ in range(run.integer("versions") - 1)]
        found[id(film)] = [
            _Measured(
                _measures_of(front, version.values[None]).half(),
                *_target(version.circles, defaults, run),
                bool(version.circles),
            )
            for version in versions
        ]
        run.tell("measuring films", 0.05 + 0.25 * len(found) / len(every))
    return found


class VersionSampler:
    """Draws batches of the measured versions of some films, those with a lesion as often as the settings say."""

    def __init__(self, versions: Versions, films: Sequence[Film], run: RecipeRun) -> None:
        self._run = run
        every = [version for film in films for version in versions[id(film)]]
        self._lesion = [version for version in every if version.lesion]
        self._none = [version for version in every if not version.lesion]
        if not self._lesion:
            hint = "add films with lesions, or ask for fewer folds"
            raise TrainingError("the films to learn from show no lesion", hint=hint)

    def batch(self, generator: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return measures (n, c, rows, columns), classes (n, a) and offsets (n, a, 4) of the default boxes."""
        drawn = [self._one(generator) for _ in range(self._run.integer("batch"))]
        measures = torch.cat([version.measures for version in drawn]).float()
        classes = torch.stack([version.classes for version in drawn])
        return measures, classes, torch.stack([version.offsets for version in drawn])

    def _one(self, generator: np.random.Generator) -> _Measured:
        wanted = generator.random() < self._run.number("lesion_share")
        kind = self._lesion if wanted or not self._none else self._none
        return kind[int(generator.integers(len(kind)))]


def _measures_of(front: FilmFront, values: FloatArray) -> Tensor:
    """Return the front's measures (1, c, rows, columns) of a prepared film (1, rows, columns)."""
    with torch.no_grad():
        found: Tensor = front(torch.from_numpy(values)[None])
    return found


def _trained(
    run: RecipeRun,
    versions: Versions,
    learnt: Sequence[Film],
    held_out: Sequence[Film],
    number: int | None = None,
) -> tuple[SsdNetwork, list[dict[str, Any]]]:
    """Return a network that learnt from some films, and its curves with the loss on others; of a fold its number."""
    torch.manual_seed(run.spec.seed)
    network = SsdNetwork(
        len(CLASSES),
        width=run.integer("width"),
        readers=run.integer("readers"),
        dropout=run.number("dropout"),
        shape=(SIDE_PX, SIDE_PX),
    )
    network.scaling.settle(torch.cat([versions[id(film)][0].measures for film in learnt]).float())
    sampler = VersionSampler(versions, learnt, run)
    plan = StepPlan(
        run.integer("epochs"),
        run.integer("steps"),
        run.number("learning_rate"),
        run.number("weight_decay"),
        warm_up=0.1,
        share=(0.3, 0.95),
        average=run.number("average"),
    )
    shown = [versions[id(film)][0] for film in held_out]
    measures = torch.cat([version.measures for version in shown]).float()
    wanted = [torch.stack([version.classes for version in shown]), torch.stack([version.offsets for version in shown])]

    def validate() -> Mapping[str, Any]:
        with torch.no_grad():
            return {"validation_loss": float(readers_loss(run, network, measures, *wanted)) / len(network.readers)}

    def loss(_epoch: int, generator: np.random.Generator) -> tuple[Tensor, int]:
        return shared_loss(run, network, *sampler.batch(generator))

    return network, train_steps(network, loss, fit_plan(run, plan, number), run, validate)


def readers_loss(
    run: RecipeRun, network: SsdNetwork, measures: Tensor, *wanted: Tensor, count: float | None = None
) -> Tensor:
    """Return the sum of the losses of all readers; ``count`` see :func:`.networks.ssd.detection_loss`."""
    negatives = run.number("negatives")
    parts = [
        detection_loss(
            logits,
            found,
            *wanted,
            alpha=run.number("alpha"),
            negatives=negatives,
            fewest_negatives=max(1, round(2 * negatives)),
            count=count,
        )
        for logits, found in network.raw(measures)
    ]
    return torch.stack(parts).sum()


def shared_loss(
    run: RecipeRun, network: SsdNetwork, measures: Tensor, classes: Tensor, offsets: Tensor
) -> tuple[Tensor, int]:
    """Return the loss of this process's share of a batch, divided by the positives of all of it, and its weight.

    A share may hold no lesion: the mean of the processes' losses is that of the whole batch all the same.
    """
    batch = share_of(measures, classes, offsets)
    whole = max(1, int((classes > 0).sum())) / present_group().size
    return readers_loss(run, network, *batch, count=whole), 1


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
        apart=APART_PX * scale,
    )


def _facts(
    run: RecipeRun,
    films: FilmSets,
    network: SsdNetwork,
    *,
    curves: Sequence[Mapping[str, Any]],
    images: Sequence[FrocImage],
    crossed: Mapping[str, Any] | None,
) -> BundleFacts:
    """Return what the manifest says; ``images`` are those of the test part."""
    validation = froc_curve(froc_images(network, films.validation))
    threshold = _threshold(validation)
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
        "cross_validation": crossed,
        "froc": _points(found),
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
        apart_px=APART_PX,
        cam_method="eigencam",
        head_gradient=False,
    )


def _points(curve: FrocCurve) -> list[dict[str, float]]:
    return [point for point in curve.points() if point["false_per_image"] <= _MOST_FALSE_TOLD]


def _crossed_figures(found: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the figures of all folds together, from what :func:`_judged` tells of each."""
    images = [froc_image(one) for fold in found for one in fold["images"]]
    if not images:
        return None
    curve, intervals = froc_curve(images), sensitivity_intervals(images, RATES)
    return {
        "n": len(images),
        "n_patients": curve.patients,
        "pictures_on_two_sides": [fold["pictures_on_two_sides"] for fold in found],
        "lesions": curve.lesions,
        "sensitivity_at_fp": {f"{rate:g}": one.value for rate, one in zip(RATES, intervals, strict=True)},
        "sensitivity_at_fp_ci": {f"{r:g}": [one.low, one.high] for r, one in zip(RATES, intervals, strict=True)},
    }


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
