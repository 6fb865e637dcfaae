"""A model over the cases of a data set: patches, whole images, volumes. What cannot be read is told and passed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import Cancelled, InputError, MammoViewerError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.datasets.cases import Case, CaseFinding
from mammoviewer.datasets.class_names import ClassMap, words_of
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM, SIDE_PX
from mammoviewer.datasets.mini_mias_patches import COLUMNS, GRID_ROWS, OVERLAP, PATCH_PX
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.predict import Mode, Prediction, predict_image, prepare_frame
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.training.baselines import intensity_statistics
from mammoviewer.training.evaluation_gallery import Gallery
from mammoviewer.training.scored import ScoredUnit

BATCH = 32
MOST_FREE_WINDOWS = 32
_TISSUE = "tissue in the patch"
_HALF = 0.5


@dataclass
class Scoring:
    """One run of a model over cases; ``problems`` are those of cases that were passed over, ``left_out`` their number.

    ``left_out`` counts the images and places of which no class of the model is known to hold. What is found of whole
    images and volumes is taken from ``cache`` and kept there, where there is one.
    """

    model: OnnxModel
    force: bool = False
    progress: Progress = no_progress
    problems: list[str] = field(default_factory=list)
    left_out: int = 0
    cache: ResultCache | None = None

    def __post_init__(self) -> None:
        """Make room for examples."""
        self.gallery = Gallery(self.model)

    @property
    def manifest(self) -> ModelManifest:
        """Return the model's manifest."""
        return self.model.manifest

    def load(self, mode: Mode = "patches") -> None:
        """Check and load the model's files now: kept results would say nothing of a file that is not the manifest's.

        Raises
        ------
        ModelError
            A file was changed or damaged, or does not load.
        """
        self.model.load()
        if mode == "dense" and "dense" in self.manifest.files:
            self.model.load("dense")

    def each(self, cases: Sequence[Case], work: Callable[[Case, Image], None]) -> None:
        """Do ``work`` for each case and its open image; an expected failure of one is noted, and the run goes on.

        Raises
        ------
        InputError
            It failed for every case.
        Cancelled
            From ``progress``.
        """
        failed = 0
        for number, case in enumerate(cases):
            self.progress(number / max(1, len(cases)), f"{number + 1} of {len(cases)}: {case.name}")
            try:
                image = _open(case)
                try:
                    work(case, image)
                finally:
                    image.close()
            except Cancelled:
                raise
            except MammoViewerError as error:
                failed += 1
                self.problems.append(f"{case.path}: {error.reason}" + (f" ({error.hint})" if error.hint else ""))
        if cases and failed == len(cases):
            raise InputError("not one image of the data set can be used", hint=self.problems[0])

    def prepared(self, image: Image, frame: int, case: Case) -> PreparedImage:
        """Return what the model sees of a frame."""
        size = _stated_size(image, case)
        return prepare_frame(image, frame, self.manifest, pixel_size_mm=size, override=self.force)

    def predicted(
        self,
        image: Image,
        frame: int,
        case: Case,
        *,
        mode: Mode = "patches",
        threshold: float | None = None,
        prepared: PreparedImage | None = None,
    ) -> Prediction:
        """Return what the model says of a frame; ``prepared`` is the frame as :meth:`prepared` made it, if it did."""
        return predict_image(
            image,
            frame,
            self.model,
            mode=mode,
            threshold=threshold,
            pixel_size_mm=_stated_size(image, case),
            override=self.force,
            prepared=prepared,
            cache=self.cache,
        )

    def scores(self, patches: FloatArray) -> DoubleArray:
        """Return the probabilities (n, classes) of patches or images (n, channels, rows, columns)."""
        size = 1 if self.manifest.input.shape[0] == 1 else BATCH
        parts = [
            self.model.scores(as_batch(patches[start : start + size], self.manifest.channels))
            for start in range(0, len(patches), size)
        ]
        return np.concatenate(parts).astype(np.float64)

    def unit(
        self,
        case: Case,
        name: str,
        truth: tuple[int, ...],
        scores: DoubleArray,
        *,
        statistics: DoubleArray | None = None,
        strata: Mapping[str, str] | None = None,
    ) -> ScoredUnit:
        """Return the record of one unit; ``statistics`` are those of its grey values."""
        told = {**case.strata, **(strata or {})}
        shown = tuple(float(score) for score in scores)
        described = () if statistics is None else tuple(statistics.tolist())
        return ScoredUnit(name, case.patient, case.breast, case.name, truth, shown, told, described)


def _stated_size(image: Image, case: Case) -> float | None:
    return case.pixel_size_mm if image.attributes.pixel_spacing is None else None


def case_words(case: Case) -> frozenset[str]:
    """Return all words that hold for the image of a case."""
    return words_of(case.severity, case.labels)


def finding_words(finding: CaseFinding) -> frozenset[str]:
    """Return all words that hold for a place."""
    return words_of(finding.label, [finding.kind])


def score_patch_files(run: Scoring, cases: Sequence[Case], classes: ClassMap) -> tuple[ScoredUnit, ...]:
    """Return the scores of cases that are patches: each is prepared by itself and brought to the model's size."""
    units: list[ScoredUnit] = []
    waiting: list[tuple[Case, tuple[int, ...], FloatArray]] = []

    def flush() -> None:
        patches = np.stack([values for _, _, values in waiting])
        described = intensity_statistics(patches[:, 0])
        for (case, truth, values), scores, statistics in zip(waiting, run.scores(patches), described, strict=True):
            run.gallery.offer(case.name, truth, scores.tolist(), values)
            units.append(run.unit(case, case.name, truth, scores, statistics=statistics))
        waiting.clear()

    def work(case: Case, image: Image) -> None:
        truth = classes.truth(case_words(case))
        if truth is None:
            run.left_out += 1
            return
        waiting.append((case, truth, _at_centre(run.prepared(image, 0, case).values, run.manifest.windows.patch)))
        if len(waiting) == BATCH:
            flush()

    run.each(cases, work)
    if waiting:
        flush()
    return tuple(units)


def fits_film_grid(manifest: ModelManifest, cases: Sequence[Case]) -> bool:
    """Return whether a model looks at mini-MIAS films by the 32 fields of the fixed grid."""
    size = manifest.input.pixel_size_mm
    at_size = size is None or abs(size - PIXEL_SIZE_MM) < 1e-6
    films = all(case.pixel_size_mm == PIXEL_SIZE_MM for case in cases)
    return manifest.windows.patch == (PATCH_PX, PATCH_PX) and at_size and films


def score_windows(run: Scoring, cases: Sequence[Case], classes: ClassMap) -> tuple[ScoredUnit, ...]:
    """Return the scores of windows of whole images whose findings all have places.

    Models of 128x128 pixels of 200 um look at mini-MIAS films by the fixed grid (see
    :mod:`mammoviewer.datasets.mini_mias_patches`). Others look at one window centred on each finding, and at up to 32
    windows, evenly over those side by side on the breast that no finding reaches into.
    """
    units: list[ScoredUnit] = []
    grid = fits_film_grid(run.manifest, cases)
    located = [case for case in cases if case.located]
    run.left_out += len(cases) - len(located)

    def work(case: Case, image: Image) -> None:
        prepared = run.prepared(image, 0, case)
        places = _film_places(prepared) if grid else _places(prepared, case, run.manifest.windows.patch)
        kept, truths = [], []
        for name, corner in places:
            truth = classes.truth(_window_words(prepared, case, corner, run.manifest.windows.patch))
            if truth is None:
                run.left_out += 1
            else:
                kept.append((name, corner))
                truths.append(truth)
        if not kept:
            return
        patches = np.stack([_cut(prepared.values, corner, run.manifest.windows.patch) for _, corner in kept])
        described = intensity_statistics(patches[:, 0])
        scored = zip(kept, truths, patches, run.scores(patches), described, strict=True)
        for (name, corner), truth, patch, scores, statistics in scored:
            run.gallery.offer(f"{case.name} {name}", truth, scores.tolist(), patch.copy())
            inside = _cut(prepared.mask[None], corner, run.manifest.windows.patch).mean()
            strata = {_TISSUE: "breast in half of it or more" if inside >= _HALF else "mostly air"}
            units.append(run.unit(case, f"{case.name} {name}", truth, scores, statistics=statistics, strata=strata))

    run.each(located, work)
    return tuple(units)


def score_images(run: Scoring, cases: Sequence[Case], classes: ClassMap) -> tuple[ScoredUnit, ...]:
    """Return the scores of a model of whole images; of a volume the highest over its frames, normal by what is left."""
    units: list[ScoredUnit] = []

    def work(case: Case, image: Image) -> None:
        truth = classes.truth(case_words(case))
        if truth is None:
            run.left_out += 1
            return
        frames = case.frames or (0, image.attributes.frames - 1)
        rows = []
        for frame in range(frames[0], frames[1] + 1):
            values = run.prepared(image, frame, case).values
            rows.append(run.scores(values[None])[0])
        scores = over_frames(np.stack(rows), classes)
        run.gallery.offer(case.name, truth, scores.tolist(), values)
        statistics = intensity_statistics(values[:1])[0]
        units.append(run.unit(case, case.name, truth, scores, statistics=statistics))

    run.each(cases, work)
    return tuple(units)


def over_frames(scores: DoubleArray, classes: ClassMap) -> DoubleArray:
    """Return one score per class of a volume (frames, classes): the highest; the normal class has what they leave."""
    if len(scores) == 1:
        only: DoubleArray = scores[0]
        return only
    highest: DoubleArray = scores.max(axis=0)
    if classes.normal_index >= 0 and not classes.multi_label:
        others = np.delete(highest, classes.normal_index)
        highest[classes.normal_index] = 1.0 - others.max()
    return highest if classes.multi_label else highest / highest.sum()


def _open(case: Case) -> Image:
    opened = open_paths([case.path], pixel_spacing_mm=case.pixel_size_mm)
    if not opened.images:
        first = opened.rejected[0] if opened.rejected else None
        raise InputError(first.reason if first else "is no image", hint=first.hint if first else "")
    return opened.images[0]


def _film_places(prepared: PreparedImage) -> list[tuple[str, tuple[int, int]]]:
    if prepared.shape != (SIDE_PX, SIDE_PX):
        raise InputError("the film is not 1024x1024 pixels for the model", hint="it crops or resizes films")
    return [
        (f"r{row} c{column}", (row * PATCH_PX, column * PATCH_PX)) for row in range(GRID_ROWS) for column in COLUMNS
    ]


def _places(prepared: PreparedImage, case: Case, patch: tuple[int, int]) -> list[tuple[str, tuple[int, int]]]:
    """Return a window centred on each finding and those of a grid on the breast that no finding's box reaches into."""
    boxes = [_model_box(prepared, finding) for finding in case.findings]
    places = []
    for number, box in enumerate(boxes):
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        places.append((f"finding {number}", (round(centre[0] - patch[0] / 2), round(centre[1] - patch[1] / 2))))
    free = []
    for row in range(0, prepared.shape[0] - patch[0] + 1, patch[0]):
        for column in range(0, prepared.shape[1] - patch[1] + 1, patch[1]):
            touched = any(
                box[0] < row + patch[0] and row < box[2] and box[1] < column + patch[1] and column < box[3]
                for box in boxes
            )
            if not touched and prepared.mask[row : row + patch[0], column : column + patch[1]].mean() >= _HALF:
                free.append((f"r{row} c{column}", (row, column)))
    count = min(len(free), MOST_FREE_WINDOWS)
    return places + [free[index * len(free) // count] for index in range(count)]


def _window_words(
    prepared: PreparedImage, case: Case, corner: tuple[int, int], patch: tuple[int, int]
) -> frozenset[str]:
    shown = [found for found in case.findings if _shown(prepared, found, corner, patch) >= OVERLAP]
    if not shown:
        return words_of("normal", ())
    severities = {found.label for found in shown}
    worst = "malignant" if "malignant" in severities else "benign" if "benign" in severities else ""
    return words_of(worst, [found.kind for found in shown])


def _shown(prepared: PreparedImage, finding: CaseFinding, corner: tuple[int, int], patch: tuple[int, int]) -> float:
    """Return how much of the smaller of the two, finding and window, the other covers, in [0, 1]."""
    top, left, bottom, right = _model_box(prepared, finding)
    if bottom < corner[0] or right < corner[1] or top > corner[0] + patch[0] or left > corner[1] + patch[1]:
        return 0.0
    rows = np.arange(corner[0], corner[0] + patch[0])[:, None]
    columns = np.arange(corner[1], corner[1] + patch[1])[None, :]
    if finding.circle is None:
        inside = (rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)
        whole = (bottom - top) * (right - left)
    else:
        half = (bottom - top) / 2, (right - left) / 2
        at = (rows - (top + bottom) / 2) / half[0], (columns - (left + right) / 2) / half[1]
        inside = at[0] ** 2 + at[1] ** 2 <= 1.0
        whole = np.pi * half[0] * half[1]
    return float(inside.sum() / max(1.0, min(whole, patch[0] * patch[1])))


def _model_box(prepared: PreparedImage, finding: CaseFinding) -> tuple[float, float, float, float]:
    return (*prepared.to_model(*finding.box[:2]), *prepared.to_model(*finding.box[2:]))


def _cut(values: Any, corner: tuple[int, int], patch: tuple[int, int]) -> Any:
    """Return the window (channels, rows, columns) at a corner; beyond the edge the last pixels go on."""
    rows = np.clip(np.arange(corner[0], corner[0] + patch[0]), 0, values.shape[1] - 1)
    columns = np.clip(np.arange(corner[1], corner[1] + patch[1]), 0, values.shape[2] - 1)
    return values[:, rows[:, None], columns[None, :]]


def _at_centre(values: FloatArray, patch: tuple[int, int]) -> FloatArray:
    corner = (values.shape[1] - patch[0]) // 2, (values.shape[2] - patch[1]) // 2
    centre: FloatArray = _cut(values, corner, patch)
    return centre
