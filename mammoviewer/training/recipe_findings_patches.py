"""The recipe ``findings-patches`` (S2): what kinds of findings a window shows, several at once, on mini-MIAS films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.base.progress import subprogress
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM
from mammoviewer.inference.model_records import DenseAgreement, Tiling
from mammoviewer.training.architectures import Network
from mammoviewer.training.bundle import BundleFacts, published_folder, write_bundle
from mammoviewer.training.crops import breast_place
from mammoviewer.training.epoch_event import confusion_matrix
from mammoviewer.training.film_agreement import dense_agreement
from mammoviewer.training.film_folds import cross_validated, fit_plan
from mammoviewer.training.film_report import write_film_report
from mammoviewer.training.film_scores import FilmPictures, report_parts
from mammoviewer.training.films import Film, FilmSets, data_facts, film_counts, load_films
from mammoviewer.training.findings_card import INTENDED_USE, card
from mammoviewer.training.findings_figures import label_figures
from mammoviewer.training.int8_step import AN_INNER_PART, add_int8, evenly
from mammoviewer.training.metrics import Truth, area_under_curve, finite_or_none
from mammoviewer.training.networks.pretrained import load_backbone, read_state_dict
from mammoviewer.training.networks.window_cnn import STRIDE_PX, WINDOW_PX, WindowCnn
from mammoviewer.training.networks.zoo import ZooClassifier
from mammoviewer.training.patch_figures import balanced_threshold, statistics_baseline
from mammoviewer.training.proposals import Box, ProposalRule, at_least, covered, cut, proposal, toned
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.step_training import Plateau, StepPlan, share_of, train_steps

KINDS = {
    "CALC": "calcification",
    "CIRC": "circumscribed mass",
    "SPIC": "spiculated mass",
    "MISC": "other mass",
    "ARCH": "architectural distortion",
    "ASYM": "asymmetry",
}
ANY = "any finding"
CHANNELS = 3
PREPROCESSING: tuple[Mapping[str, Any], ...] = (
    {"op": "voi", "window": "default"},
    {"op": "resample_pixel_size"},
    {"op": "clahe_channels", "tiles": "8,16", "clip": 0.015},
    {"op": "scale", "divide_by": 255.0},
)
SMALL = "small"
LAYOUTS = ("mini-mias", "vindr")
_KINDS_OF_IMAGE = ("MAMMOGRAM", "SYNTHETIC_2D", "SECONDARY", "RASTER")
_SHOWN = 0.3
_GRID_STEP = 128
_BREAST_SHARE = 0.4
_LEAST_BOX_PX = 24.0
_MOST_KINDS = 10
_COUNTED_TRAINING_FILMS = 20


@dataclass(frozen=True, eq=False)
class WindowSet:
    """Windows of a grid over films: float32 (n, 3, 256, 256), labels 0/1 (n, k), and the film of each."""

    images: FloatArray
    labels: FloatArray
    films: tuple[Film, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the patient of each window."""
        return tuple(film.case.patient for film in self.films)

    @property
    def any_finding(self) -> Truth:
        """Return 1 for each window that shows something, int64 (n,)."""
        found: Truth = (self.labels[:, 0] > 0).astype(np.int64)
        return found


def run_findings_patches(run: RecipeRun) -> Mapping[str, Any]:
    """Train, cross-validate where asked, count on the test patients, publish; return the metrics."""
    films = prepared_films(run)
    crossed = cross_validated(run, films, prepared_films, judge)
    classes = classes_of(films.train)
    held_out = window_set(films.validation, classes)
    network, curves = _trained(run, films.train, held_out, classes)
    windows = {"validation": held_out, "test": window_set(films.test, classes)}
    run.tell("counting", 0.92)
    found = {name: predict(network, part.images) for name, part in windows.items()}
    more = {"curves": curves, "cross_validation": crossed}
    facts = _facts(run, films, network, windows, classes=classes, found=found, more=more)
    with published_folder(run.spec.output, replace=True) as folder:
        manifest = write_bundle(folder, network, facts)
        some = films.train[:: max(1, len(films.train) // _COUNTED_TRAINING_FILMS)]
        every = {"train": window_set(some, classes), **windows}
        pictures = {name: FilmPictures(s.films, s.images, s.labels.astype(np.int64)) for name, s in every.items()}
        parts = report_parts(
            pictures, lambda part: predict(network, part.values), facts, manifest, known=found, seed=run.spec.seed
        )
        write_film_report(folder, run, facts, films, parts)
        chosen = evenly(len(held_out.films))
        # any finding is the first class
        labels = (1 - held_out.any_finding[chosen]).tolist()
        groups = [held_out.groups[place] for place in chosen]
        add_int8(run, folder, held_out.images[chosen], labels, groups, data=AN_INNER_PART)
    return facts.metrics


def prepared_films(run: RecipeRun) -> FilmSets:
    """Return the films of the run's data, prepared and split."""
    return load_films(
        run.spec.data,
        steps=PREPROCESSING,
        pixel_size_mm=PIXEL_SIZE_MM,
        validation=run.number("validation"),
        seed=run.spec.seed,
        progress=subprogress(lambda done, text: run.tell(text, done), 0.0, 0.1),
        layouts=LAYOUTS,
        allow_leak=run.flag("allow_leak"),
    )


def judge(run: RecipeRun, films: FilmSets, number: int) -> Mapping[str, Any]:
    """Train on a fold's training part; return the area of any finding on the windows of its test part."""
    classes = classes_of(films.train)
    network, _ = _trained(run, films.train, window_set(films.validation, classes), classes, number)
    test = window_set(films.test, classes)
    area = area_under_curve(test.any_finding, predict(network, test.images)[:, 0])
    return {"auc": finite_or_none(area), "n": len(test.films), "n_patients": len(set(test.groups))}


def make_network(run: RecipeRun, classes: int) -> Network:
    """Return the network that the setting ``backbone`` names, for windows of 256x256 with three channels."""
    name, weights = run.text("backbone"), run.text("weights")
    if name == SMALL:
        if weights:
            raise TrainingError("the small backbone takes no weights", hint="they belong to one of the six others")
        return WindowCnn(CHANNELS, classes, rate=run.number("dropout"))
    shape = (WINDOW_PX, WINDOW_PX)
    network = ZooClassifier(name, classes, shape=shape, inputs=CHANNELS, head="mlp", rate=run.number("dropout"))
    if weights:
        load_backbone(network.backbone, read_state_dict(Path(weights)))
    return network


class ProposalSampler:
    """Draws training pictures; lesions of each kind equally often (the weighted sampler), the rest from breasts.

    Not ``augmented``, it shows what each is made from: the window around the finding or place, as it is.
    """

    def __init__(
        self, films: Sequence[Film], classes: Sequence[str], run: RecipeRun, *, augmented: bool = True
    ) -> None:
        self._augmented = augmented
        self._films, self._classes, self._run = films, classes, run
        self._rule = ProposalRule()
        self._places: dict[str, list[tuple[Film, int]]] = {}
        for film in films:
            for index, finding in enumerate(film.case.findings):
                self._places.setdefault(finding.kind, []).append((film, index))
        if not self._places:
            raise TrainingError("the films to learn from show no finding", hint="add films with findings")

    def batch(self, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures (n, 3, 256, 256) and labels (n, k)."""
        drawn = [self.example(generator) for _ in range(self._run.integer("batch"))]
        return torch.from_numpy(np.stack([a for a, _ in drawn])), torch.from_numpy(np.stack([b for _, b in drawn]))

    def example(self, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return one picture, and which of the classes it shows."""
        native = float(WINDOW_PX) if generator.random() < self._run.number("native_share") else None
        if generator.random() < self._run.number("normal_share"):
            film = self._films[int(generator.integers(len(self._films)))]
            row, column = breast_place(film.mask, generator)
            half = float(generator.uniform(30, 130))
            start = (row - half, column - half, row + half, column + half)
        else:
            kinds = sorted(self._places)
            places = self._places[kinds[int(generator.integers(len(kinds)))]]
            film, index = places[int(generator.integers(len(places)))]
            start = at_least(film.boxes[index], _LEAST_BOX_PX)
        if not self._augmented:
            box = proposal(start, generator, ProposalRule(shift_px=0.0), native_px=float(WINDOW_PX))
            return cut(film.values, box, WINDOW_PX, generator, turn=False), labels_of(film, box, self._classes)
        box = proposal(start, generator, self._rule, native_px=native)
        picture = toned(cut(film.values, box, WINDOW_PX, generator), generator)
        return picture, labels_of(film, box, self._classes)


def classes_of(films: Sequence[Film]) -> tuple[str, ...]:
    """Return any finding and the kinds of the training films, the ten commonest where there are more."""
    kinds = [finding.kind for film in films for finding in film.case.findings]
    if set(kinds) <= set(KINDS):
        return (ANY, *KINDS.values())
    common = sorted(set(kinds), key=lambda kind: (-kinds.count(kind), kind))[:_MOST_KINDS]
    return (ANY, *sorted(common))


def labels_of(film: Film, box: Box, classes: Sequence[str]) -> FloatArray:
    """Return which of the classes a box of a film shows, 0/1 float32 (k,)."""
    labels = np.zeros(len(classes), dtype=np.float32)
    for place, finding in zip(film.boxes, film.case.findings, strict=True):
        if covered(box, place) >= _SHOWN:
            labels[0] = 1.0
            kind = KINDS.get(finding.kind, finding.kind)
            if kind in classes:
                labels[classes.index(kind)] = 1.0
    return labels


def focal_loss(logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """Return the mean of (1 - p)^gamma times the cross entropy, p the probability of what is true (Lin 2017)."""
    errors = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return ((1 - torch.exp(-errors)) ** gamma * errors).sum(dim=1).mean()


def window_set(films: Sequence[Film], classes: Sequence[str]) -> WindowSet:
    """Return the windows of a grid with steps of 128 pixels that lie on the breast, by 40 % at least."""
    images, labels, shown = [], [], []
    for film in films:
        values, mask = _at_least_a_window(film)
        rows, columns = mask.shape
        for row in range(0, rows - WINDOW_PX + 1, _GRID_STEP):
            for column in range(0, columns - WINDOW_PX + 1, _GRID_STEP):
                place = np.s_[row : row + WINDOW_PX, column : column + WINDOW_PX]
                if mask[place].mean() >= _BREAST_SHARE * min(1.0, film.mask.size / WINDOW_PX**2):
                    images.append(values[:, *place])
                    box = (float(row), float(column), float(row + WINDOW_PX), float(column + WINDOW_PX))
                    labels.append(labels_of(film, box, classes))
                    shown.append(film)
    if not shown:
        raise TrainingError("no window of a part lies on the breast", hint="look at the films, or add patients")
    return WindowSet(np.stack(images), np.stack(labels), tuple(shown))


def _at_least_a_window(film: Film) -> tuple[FloatArray, BoolArray]:
    spare = [(0, max(0, WINDOW_PX - size)) for size in film.mask.shape]
    return np.pad(film.values, [(0, 0), *spare]), np.pad(film.mask, spare)


def predict(network: Network, images: FloatArray) -> DoubleArray:
    """Return the probabilities (n, k) of windows."""
    network.eval()
    with torch.no_grad():
        parts = [network(part)[0] for part in torch.split(torch.from_numpy(images), 32)]
    result: DoubleArray = torch.sigmoid(torch.cat(parts).double()).numpy()
    return result


def _trained(
    run: RecipeRun, films: Sequence[Film], held_out: WindowSet, classes: Sequence[str], number: int | None = None
) -> tuple[Network, list[dict[str, Any]]]:
    """Return a network that learnt from some films, and its curves; ``number`` is that of a fold."""
    torch.manual_seed(run.spec.seed)
    network = make_network(run, len(classes))
    sampler = ProposalSampler(films, classes, run)
    chosen = np.flatnonzero((held_out.labels[:, 0] > 0) | (np.arange(len(held_out.labels)) % 4 == 0))
    some = WindowSet(
        held_out.images[chosen], held_out.labels[chosen], tuple(held_out.films[i] for i in chosen.tolist())
    )
    plan = StepPlan(
        run.integer("epochs"),
        run.integer("steps"),
        run.number("learning_rate"),
        run.number("weight_decay"),
        plateau=Plateau(run.integer("patience")) if run.text("schedule") == "plateau" else None,
        share=(0.1, 0.9),
        average=run.number("average"),
    )

    def loss(_epoch: int, generator: np.random.Generator) -> tuple[Tensor, int]:
        pictures, labels = share_of(*sampler.batch(generator))
        return focal_loss(network(pictures)[0], labels, run.number("gamma")), len(pictures)

    def validate() -> Mapping[str, Any]:
        found = predict(network, some.images)
        clipped = np.clip(found, 1e-6, 1 - 1e-6)
        error = -np.where(some.labels > 0, np.log(clipped), np.log(1 - clipped)).sum(axis=1).mean()
        truth = some.any_finding
        return {
            "validation_loss": float(error),
            "auc": finite_or_none(area_under_curve(truth, found[:, 0])),
            "confusion": confusion_matrix(truth, np.column_stack([1 - found[:, 0], found[:, 0]])),
            "classes": ["no finding", ANY],
        }

    return network, train_steps(network, loss, fit_plan(run, plan, number), run, validate)


def _facts(
    run: RecipeRun,
    films: FilmSets,
    network: Network,
    windows: Mapping[str, WindowSet],
    *,
    classes: tuple[str, ...],
    found: Mapping[str, DoubleArray],
    more: Mapping[str, Any],
) -> BundleFacts:
    """Return what the manifest says; ``found`` are the probabilities of the windows, ``more`` further metrics."""
    held_out, test = windows["validation"], windows["test"]
    threshold = balanced_threshold(held_out.any_finding, found["validation"][:, 0])
    train = window_set(films.train[:: max(1, len(films.train) // 60)], classes)
    grey = statistics_baseline(train.images[:, 0], train.any_finding, test.images[:, 0])
    metrics: dict[str, Any] = {
        "task": "patch-classification",
        "unit": "window of a grid on the breast, patients of the project's test split",
        **label_figures(test.labels, found["test"], test.groups, classes, threshold=threshold, seed=run.spec.seed),
        "baseline_statistics_auc": finite_or_none(area_under_curve(test.any_finding, grey[:, 1])),
        "films": film_counts(films),
        **more,
    }
    dense = network.dense() if isinstance(network, WindowCnn) else None
    agreement = None
    if dense is not None:
        agreement = dense_agreement(network, dense, films.test, WINDOW_PX, STRIDE_PX)
        metrics["dense_patch_agreement"] = vars(agreement).copy()
    return BundleFacts(
        name=run.spec.name,
        tag=run.spec.tag,
        title=run.spec.title or "Findings in windows (mini-MIAS kinds)",
        classes=classes,
        positive_class=ANY,
        operating_threshold=round(threshold, 3),
        patch=(WINDOW_PX, WINDOW_PX),
        pixel_size_mm=PIXEL_SIZE_MM,
        preprocessing=PREPROCESSING,
        kinds=_KINDS_OF_IMAGE,
        card=card(run, network, metrics, data_facts(films)),
        intended_use=INTENDED_USE,
        training_data=(data_facts(films),),
        metrics=metrics,
        channels=CHANNELS,
        tiling=_tiling(agreement),
        multi_label=True,
        dense=dense,
    )


def _tiling(agreement: DenseAgreement | None) -> Tiling:
    patch = (WINDOW_PX, WINDOW_PX)
    if agreement is None:
        return Tiling(patch, STRIDE_PX)
    modes = ("patches", "dense")
    return Tiling(patch, STRIDE_PX, modes=modes, dense_stride=STRIDE_PX, dense_patch_agreement=agreement, dense_halo=0)
