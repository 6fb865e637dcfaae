"""Prepared mammograms with their lesions, split by patient, as the recipes of S2, S3 and S4 learn from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.base.progress import Progress
from mammoviewer.datasets.cases import Box, Case, CaseList
from mammoviewer.datasets.layouts import MINI_MIAS, load_cases
from mammoviewer.datasets.leaks import LeakReport, image_leak_report, stop_leak
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM
from mammoviewer.datasets.mini_mias_patches import read_film
from mammoviewer.datasets.splits import PARTS, Split, fixed_split
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.preparation import PreparedPixels, prepare_pixels
from mammoviewer.imaging.preparation_steps import PreparationStep
from mammoviewer.imaging.voi import VoiFunction, Window

AS_STORED = Window(127.5, 255.0, VoiFunction.LINEAR_EXACT)
DATA = {
    "name": "mini-MIAS (Suckling 1994)",
    "terms": "research only, not redistributed here; cite Suckling J et al. 1994, Excerpta Medica 1069, 375-378",
}
OTHER_DATA = {"name": "data of the user", "terms": "those of the data set"}
Circle = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Film:
    """One film as a network sees it.

    Attributes
    ----------
    case
        What the data set says of it, in stored pixels.
    values, mask
        float32 (channels, rows, columns) and bool (rows, columns).
    circles
        Row, column and radius of each finding of the case, in pixels of ``values``; of a box the circle that has its
        area.
    boxes
        First row, first column, last row, last column of each finding, in the same pixels.
    """

    case: Case
    values: FloatArray
    mask: BoolArray
    circles: tuple[Circle, ...]
    boxes: tuple[Box, ...]

    @property
    def normal(self) -> bool:
        """Return whether nothing abnormal is known of it."""
        return self.case.severity == "normal"


@dataclass(frozen=True, eq=False)
class FilmSets:
    """Films for training, validation and test; no patient is in two of them, and what the search for leaks found.

    ``problems`` tells of each film that could not be read and was left out.
    """

    split: Split
    train: tuple[Film, ...]
    validation: tuple[Film, ...]
    test: tuple[Film, ...]
    leaks: LeakReport
    problems: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Return a SHA-256 of the prepared pictures of all parts and of what they are called."""
        found = hashlib.sha256()
        for part in PARTS:
            for film in getattr(self, part):
                found.update(f"{part}/{film.case.name}/{film.case.severity}".encode())
                found.update(np.ascontiguousarray(film.values).tobytes())
        return found.hexdigest()


def load_films(
    directory: Path,
    *,
    steps: Sequence[PreparationStep],
    pixel_size_mm: float | None,
    validation: float,
    seed: int,
    progress: Progress,
    layouts: Sequence[str] = (MINI_MIAS,),
    located: bool = True,
    allow_leak: bool = False,
) -> FilmSets:
    """Prepare all images of a folder and split them.

    The test part is the project's own (20 % of the patients, never chosen on). Of the others the share ``validation``
    is set aside by ``seed`` for the threshold.

    Parameters
    ----------
    layouts
        Those that the recipe takes.
    located
        Leave out films with an abnormality whose place is not known.
    allow_leak
        Go on where almost the same picture stands in two parts; what is made of it then says so.

    Raises
    ------
    TrainingError
        A part has no films, none can be read, the folder holds another data set, or the split leaks.
    """
    cases = _cases(directory, layouts)
    split = _split(cases, validation, seed)
    chosen = [case for case in cases.cases if case.located or not located]
    films, problems = [], []
    for index, case in enumerate(chosen):
        said = "preparing films"
        try:
            films.append(_prepared(case, cases.layout, steps, pixel_size_mm))
        except MammoViewerError as error:
            problems.append(f"{case.name}: {error.reason}")
            said = f"left out {problems[-1]}"
        progress((index + 1) / len(chosen), said)
    parts = [tuple(film for film in films if film.case.patient in set(split.part(part))) for part in PARTS]
    if not all(parts):
        raise _nothing_to_learn(directory, problems)
    leaks = stop_leak(_leaks(dict(zip(PARTS, parts, strict=True))), override=allow_leak)
    train, held_out, test = parts
    return FilmSets(split, train, held_out, test, leaks, tuple(problems))


def some_training_films(
    directory: Path,
    *,
    steps: Sequence[PreparationStep],
    pixel_size_mm: float | None,
    validation: float,
    seed: int,
    layouts: Sequence[str],
    located: bool,
    count: int,
    hold: Callable[[], None],
) -> tuple[Film, ...]:
    """Return a few films of the training part, of each severity in turn; see :func:`load_films`.

    ``hold`` is called before each film, and may raise. At least one film is returned.

    Raises
    ------
    TrainingError
        None of them can be read.
    """
    cases = _cases(directory, layouts)
    train = set(_split(cases, validation, seed).train)
    waiting: dict[str, list[Case]] = {}
    for case in cases.cases:
        if case.patient in train and (case.located or not located):
            waiting.setdefault(case.severity, []).append(case)
    films: list[Film] = []
    problems: list[str] = []
    while len(films) < count and any(waiting.values()):
        for severity in sorted(name for name, some in waiting.items() if some):
            hold()
            case = waiting[severity].pop(0)
            try:
                films.append(_prepared(case, cases.layout, steps, pixel_size_mm))
            except MammoViewerError as error:
                problems.append(f"{case.name}: {error.reason}")
    if not films:
        raise _nothing_to_learn(directory, problems)
    return tuple(films)


def _nothing_to_learn(directory: Path, problems: Sequence[str]) -> TrainingError:
    if problems:
        return TrainingError("too few of the films can be read", hint=f"first {problems[0]}", path=directory)
    return TrainingError("a part of the split has no films", hint="more patients are needed", path=directory)


def _cases(directory: Path, layouts: Sequence[str]) -> CaseList:
    cases = load_cases(directory)
    if cases.layout not in layouts:
        hint = "it takes " + ", ".join(layouts)
        raise TrainingError(f"the recipe does not take data of the layout {cases.layout}", hint=hint, path=directory)
    return cases


def _prepared(case: Case, layout: str, steps: Sequence[PreparationStep], pixel_size_mm: float | None) -> Film:
    pixels = _film_pixels if layout == MINI_MIAS else _image_pixels
    return _film(case, pixels(case, steps, pixel_size_mm))


def _leaks(parts: Mapping[str, Sequence[Film]]) -> LeakReport:
    """Look for patients and for almost the same picture in two parts."""
    listed = [(part, film) for part, films in parts.items() for film in films]
    sides = [part for part, _ in listed]
    cases = [film.case for _, film in listed]
    images = [film.values[0] for _, film in listed]
    return image_leak_report(sides, [case.patient for case in cases], [case.name for case in cases], images)


def _split(cases: CaseList, validation: float, seed: int) -> Split:
    whole = cases.project_split()
    rest = cases.of_patients(whole.train)
    fractions = (1 - validation, validation, 0.0)
    inner = fixed_split(rest.patients, fractions, seed, strata=rest.classes, layout=cases.layout)
    return Split(inner.train, inner.validation, whole.test, seed, cases.layout)


def data_facts(films: FilmSets) -> dict[str, object]:
    """Return what a manifest says of the training data."""
    facts = DATA if films.split.layout == MINI_MIAS else OTHER_DATA
    leaks = {} if films.leaks.clean else {"leaks": films.leaks.to_json()}
    left_out = {"left_out": list(films.problems)} if films.problems else {}
    return {**facts, "films": film_counts(films), **left_out, **leaks}


def film_counts(films: FilmSets) -> dict[str, int]:
    """Return the number of films of each part."""
    return {part: len(getattr(films, part)) for part in PARTS}


def _film_pixels(case: Case, steps: Sequence[PreparationStep], pixel_size_mm: float | None) -> PreparedPixels:
    spacing = (PIXEL_SIZE_MM, PIXEL_SIZE_MM)
    return prepare_pixels(read_film(case.path), steps=steps, spacing_mm=spacing, target_mm=pixel_size_mm, voi=AS_STORED)


def _image_pixels(case: Case, steps: Sequence[PreparationStep], pixel_size_mm: float | None) -> PreparedPixels:
    image = _opened(case)
    attributes = image.attributes
    known = attributes.pixel_spacing
    vois = attributes.vois_for_frame(0)
    return prepare_pixels(
        image.frame(0),
        steps=steps,
        spacing_mm=(known.row_mm, known.column_mm) if known is not None else None,
        target_mm=pixel_size_mm,
        voi=vois[0] if vois else None,
        padding=attributes.padding,
        rescale=attributes.rescale_for_frame(0),
        inverse=attributes.inverse,
    )


def _opened(case: Case) -> Image:
    images = open_paths([case.path], pixel_spacing_mm=case.pixel_size_mm).images
    if not images:
        raise TrainingError("the image cannot be opened", path=case.path)
    return images[0]


def _film(case: Case, pixels: PreparedPixels) -> Film:
    (top, left), (height, width) = pixels.origin, pixels.scale
    boxes: list[Box] = []
    circles: list[Circle] = []
    for finding in case.findings:
        rows = [(row - top) / height - 0.5 for row in finding.box[::2]]
        columns = [(column - left) / width - 0.5 for column in finding.box[1::2]]
        boxes.append((rows[0], columns[0], rows[1], columns[1]))
        radius = math.sqrt((rows[1] - rows[0]) * (columns[1] - columns[0])) / 2
        circles.append((sum(rows) / 2, sum(columns) / 2, radius))
    values = np.clip(pixels.values, 0.0, 1.0).astype(np.float32)
    return Film(case, values, pixels.mask, tuple(circles), tuple(boxes))
