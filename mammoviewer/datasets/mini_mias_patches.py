"""The patches of mini-MIAS films that N/B/M networks learn from and are judged on (learning.md, S4).

A film of 1024x1024 pixels is laid out in a grid of 8x8 fields of 128; the middle four columns are the film's 32
patches, row by row. A patch has the severity of the lesion whose circle it overlaps, else it is normal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import ByteArray, StoredArray
from mammoviewer.base.errors import ArgumentError, InputError
from mammoviewer.datasets.mini_mias import SIDE_PX, Film
from mammoviewer.datasets.patch_set import PatchSet

CLASSES = ("normal", "benign", "malignant")
PATCH_PX = 128
COLUMNS = (2, 3, 4, 5)
GRID_ROWS = SIDE_PX // PATCH_PX
PATCHES_PER_FILM = GRID_ROWS * len(COLUMNS)
OVERLAP = 0.2
_SEVERITY = {"B": 1, "M": 2}

Prepare = Callable[[StoredArray], NDArray[Any]]


def read_film(path: Path) -> ByteArray:
    """Return a film, uint8 (1024, 1024).

    Raises
    ------
    InputError
        The file cannot be read or is no such film.
    """
    try:
        encoded = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise InputError("the film cannot be read", hint=error.strerror or "", path=path) from error
    film = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if film is None or film.shape != (SIDE_PX, SIDE_PX) or film.dtype != np.uint8:
        raise InputError("not a mini-MIAS film", hint="a film is a grey picture of 1024x1024, 8 bits", path=path)
    result: ByteArray = film
    return result


def corners() -> tuple[tuple[int, int], ...]:
    """Return the first (row, column) of each of the 32 patches of a film."""
    return tuple((row * PATCH_PX, column * PATCH_PX) for row in range(GRID_ROWS) for column in COLUMNS)


def grid_patches(film: NDArray[Any]) -> NDArray[Any]:
    """Return the 32 patches of a film, (32, 128, 128), or of a film with channels, (32, channels, 128, 128).

    Parameters
    ----------
    film
        (1024, 1024) or (channels, 1024, 1024), any dtype: as stored, or prepared at 200 um.

    Raises
    ------
    ArgumentError
        The film has another size.
    """
    if film.shape[-2:] != (SIDE_PX, SIDE_PX):
        raise ArgumentError(f"a film has 1024x1024 pixels, not {film.shape[-1]}x{film.shape[-2]}")
    return np.stack([film[..., r : r + PATCH_PX, c : c + PATCH_PX] for r, c in corners()])


def overlap(circle: tuple[float, float, float], corner: tuple[int, int], side: int = PATCH_PX) -> float:
    """Return how much of the smaller of the two, circle and square patch, the other covers, in [0, 1].

    ``circle`` is the row, column and radius of a lesion in pixels; the pixels whose centres lie inside are counted.
    """
    row, column, radius = circle
    rows = np.arange(corner[0], corner[0] + side)[:, None] - row
    columns = np.arange(corner[1], corner[1] + side)[None, :] - column
    inside = int((rows**2 + columns**2 <= radius**2).sum())
    reach = np.arange(-np.ceil(radius) - 1, np.ceil(radius) + 2)
    offset = row - round(row), column - round(column)
    whole = int(((reach[:, None] - offset[0]) ** 2 + (reach[None, :] - offset[1]) ** 2 <= radius**2).sum())
    return inside / max(1, min(whole, side * side))


def patch_labels(lines: Sequence[Film], *, least_overlap: float = OVERLAP) -> tuple[int, ...]:
    """Return the class (index into ``CLASSES``) of each of the 32 patches of one film.

    Parameters
    ----------
    lines
        All lines of the film in ``Info.txt``.
    least_overlap
        From which :func:`overlap` a patch shows a lesion. A lesion smaller than a patch reaches .25 in one of four.
    """
    labels = []
    for corner in corners():
        shown = [
            _SEVERITY[line.severity]
            for line in lines
            if line.centre is not None
            and line.radius_px is not None
            and line.severity in _SEVERITY
            and overlap((*line.centre, line.radius_px), corner) >= least_overlap
        ]
        labels.append(max(shown, default=0))
    return tuple(labels)


def films_with_places(films: Sequence[Film]) -> dict[Path, list[Film]]:
    """Return the lines of each film, without the films that have an abnormality whose place the list lacks."""
    lines: dict[Path, list[Film]] = {}
    for film in films:
        lines.setdefault(film.path, []).append(film)
    unknown = {film.path for film in films if film.abnormality != "NORM" and film.centre is None}
    return {path: found for path, found in lines.items() if path not in unknown}


def film_patches(
    films: Sequence[Film], *, least_overlap: float = OVERLAP, prepare: Prepare | None = None, whole_film: bool = False
) -> PatchSet:
    """Return the patches of films as a set with the classes normal, benign and malignant, grouped by patient.

    Parameters
    ----------
    films
        Lines of ``Info.txt``, all of each film. Films with an abnormality that has no place are left out.
    prepare
        Turns a stored film into the values the patches are cut from, (1024, 1024); the stored ones by default.
    whole_film
        Give every patch the severity of its film instead (films without places stay in).
    """
    lines: dict[Path, list[Film]] = {}
    if whole_film:
        for film in films:
            lines.setdefault(film.path, []).append(film)
    else:
        lines = films_with_places(films)
    images: list[NDArray[Any]] = []
    labels: list[int] = []
    groups: list[str] = []
    names: list[str] = []
    for path, found in lines.items():
        film_pixels = read_film(path)
        images.append(grid_patches(prepare(film_pixels) if prepare is not None else film_pixels))
        worst = max((_SEVERITY.get(line.severity, 0) for line in found), default=0)
        labels += [worst] * PATCHES_PER_FILM if whole_film else patch_labels(found, least_overlap=least_overlap)
        groups += [found[0].patient] * PATCHES_PER_FILM
        names += [f"{path.stem} r{row // PATCH_PX} c{column // PATCH_PX}" for row, column in corners()]
    if not images:
        raise ArgumentError("there are no films to cut patches from")
    return PatchSet(np.concatenate(images), tuple(labels), tuple(groups), tuple(names), CLASSES)
