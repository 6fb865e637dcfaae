"""Changed versions of whole training films: turned, mirrored, zoomed, in other tones, with lesions laid in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.training.crops import breast_place
from mammoviewer.training.films import Film
from mammoviewer.training.pasted_lesions import Relief, paste, relief_of
from mammoviewer.training.synthetic_lesions import draw_cluster, draw_mass

Circle = tuple[float, float, float]
_DARKEST = 0.005
_MOST_DEGREES, _MOST_SHIFT = 20.0, 0.05
_MASSES = 0.8
_RADII = (0.016, 0.094)


@dataclass(frozen=True, eq=False)
class Version:
    """float32 picture (rows, columns) with the circles of its lesions, real or ``laid_in``."""

    values: FloatArray
    circles: tuple[Circle, ...]
    laid_in: bool = False


class FilmVersions:
    """Makes versions of films; what is pasted comes from the very films that it is given, training films alone.

    Parameters
    ----------
    films
        Training films of one shape.
    drawn
        Share of the lesions laid in that are drawn, not pasted.
    """

    def __init__(self, films: Sequence[Film], *, drawn: float) -> None:
        self._normal = [film for film in films if film.normal]
        reliefs = [relief_of(film.values[0], circle) for film in films for circle in film.circles]
        self._reliefs = [relief for relief in reliefs if relief is not None]
        self._drawn = drawn

    def version(self, film: Film, number: int, generator: np.random.Generator) -> Version:
        """Return version ``number`` of a film: 0 the film, then in turns changed alone, and with a lesion laid in."""
        if number == 0:
            return Version(film.values[0], film.circles)
        picture, circles = film.values[0].copy(), film.circles
        laid_in = number % 2 == 0
        if laid_in:
            circles = (*circles, self._lesion(picture, breast_place(film.mask, generator), generator))
        elif film.normal and generator.random() < 0.5:
            self._tissue(picture, breast_place(film.mask, generator), generator)
        return _changed(Version(picture, circles, laid_in), generator)

    def _lesion(self, picture: FloatArray, place: tuple[float, float], generator: np.random.Generator) -> Circle:
        if self._reliefs and generator.random() >= self._drawn:
            return paste(picture, place, self._reliefs[int(generator.integers(len(self._reliefs)))], generator)
        shown = picture > 0
        low, high = (math.log(share * len(picture)) for share in _RADII)
        circle = (*place, math.exp(generator.uniform(low, high)))
        if generator.random() < _MASSES:
            draw_mass(picture, circle, generator)
        else:
            draw_cluster(picture, circle, generator, speck_px=(0.3, 0.7))
        picture[...] = np.where(shown, np.clip(picture, _DARKEST, 1), 0)
        return circle

    def _tissue(self, picture: FloatArray, place: tuple[float, float], generator: np.random.Generator) -> None:
        """Paste normal tissue of another film, so that a seam is no sign of a lesion."""
        other = self._normal[int(generator.integers(len(self._normal)))]
        low, high = (math.log(share * len(picture)) for share in _RADII)
        circle = (*breast_place(other.mask, generator), math.exp(generator.uniform(low, high)))
        relief: Relief | None = relief_of(other.values[0], circle)
        if relief is not None:
            paste(picture, place, relief, generator)


def _changed(version: Version, generator: np.random.Generator) -> Version:
    angle = math.radians(generator.uniform(-_MOST_DEGREES, _MOST_DEGREES))
    zoom, mirror = math.exp(generator.uniform(-0.25, 0.25)), -1.0 if generator.random() < 0.5 else 1.0
    cosine, sine = math.cos(angle) * zoom, math.sin(angle) * zoom
    turned = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    size = np.array(version.values.shape[::-1])
    middle = (size - 1) / 2
    offset = middle + generator.uniform(-_MOST_SHIFT, _MOST_SHIFT, 2) * size - turned @ middle
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(version.values, np.column_stack([turned, offset]), size.tolist(), flags=flags)
    inverse = np.linalg.inv(turned)
    places = [(inverse @ (np.array([c, r]) - offset), radius / zoom) for r, c, radius in version.circles]
    circles = tuple((float(p[1]), float(p[0]), r) for p, r in places if (p >= 0).all() and (p <= size - 1).all())
    gamma, gain = math.exp(generator.uniform(-0.25, 0.25)), math.exp(generator.uniform(-0.2, 0.2))
    toned = np.clip(np.clip(picture, 0, 1) ** gamma * gain, _DARKEST, 1)
    return Version(np.where(picture > _DARKEST, toned, 0).astype(np.float32), circles, version.laid_in)
