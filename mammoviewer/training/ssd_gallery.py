"""Where a single shot detector was right and wrong, each film beside its map of scores, for a report.

What a class activation map is to a classifier, the map of scores is to a detector: a box's logit is a linear function
of the feature map at the place of the box alone, so that its gradient would show that place and nothing else. Shown is
the probability of a lesion at every place of the scale that the box in question comes from, the highest over the boxes
of that place.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from mammoviewer.base.arrays import ByteArray, FloatArray
from mammoviewer.datasets.cases import Box
from mammoviewer.datasets.mini_mias import SIDE_PX as STORED_PX
from mammoviewer.inference.froc import FrocImage, finds
from mammoviewer.training.evaluation_gallery import PER_OUTCOME, overlaid
from mammoviewer.training.films import Film
from mammoviewer.training.networks.ssd import ASPECTS, SIDES_PX, STRIDES, SsdNetwork
from mammoviewer.training.report_html import png_text

OUTCOMES = ("hit", "miss", "false mark")
_LESION, _MARK = (90, 220, 90), (255, 200, 60)
_EACH = len(SIDES_PX[0]) * len(ASPECTS)


def ssd_gallery(
    network: SsdNetwork, films: Sequence[Film], images: Sequence[FrocImage], threshold: float
) -> list[dict[str, str]]:
    """Return captions and pictures of the surest hits and false marks and of the lesions that were missed by most.

    Parameters
    ----------
    films, images
        The same films: as prepared, and with lesions and marks in stored pixels.
    threshold
        Marks with at least that score count.
    """
    found: dict[str, list[tuple[float, Film, Box]]] = {outcome: [] for outcome in OUTCOMES}
    maps = {id(film): score_maps(network, film.values) for film in films}
    for film, image in zip(films, images, strict=True):
        marks = [mark for mark in image.marks if mark.score >= threshold]
        for place, truth in zip(film.boxes, image.truths, strict=True):
            hits = [mark.score for mark in marks if finds(mark, truth)]
            score = max(hits) if hits else strongest(maps[id(film)], place)[1]
            found["hit" if hits else "miss"].append((score, film, place))
        for mark in marks:
            if not any(finds(mark, truth) for truth in image.truths):
                found["false mark"].append((mark.score, film, _within(film, mark.box)))
    pictures = []
    for outcome, examples in found.items():
        for score, film, place in sorted(examples, key=lambda one: one[0], reverse=outcome != "miss")[:PER_OUTCOME]:
            scale, _ = strongest(maps[id(film)], place)
            picture = overlaid(film.values[0], maps[id(film)][scale])
            for box in film.boxes:
                _draw(picture, film, box, _LESION)
            if outcome == "false mark":
                _draw(picture, film, place, _MARK)
            caption = f"{outcome}, {film.case.name}: {score:.3f} (scores of boxes at every {STRIDES[scale]} pixels)"
            pictures.append({"caption": caption, "png": png_text(picture)})
    return pictures


def score_maps(network: SsdNetwork, values: FloatArray) -> list[FloatArray]:
    """Return the highest probability of a lesion at each place, float32 (rows, columns), scale by scale.

    ``values`` is a prepared film (1, rows, columns).
    """
    network.eval()
    with torch.no_grad():
        logits, _, _ = network(torch.from_numpy(values)[None])
    scores = (1 - torch.softmax(logits[0], dim=1)[:, 0]).numpy()
    maps, start = [], 0
    for stride in STRIDES:
        rows, columns = (-(-side // stride) for side in values.shape[1:])
        size = rows * columns * _EACH
        maps.append(scores[start : start + size].reshape(rows, columns, _EACH).max(axis=2).astype(np.float32))
        start += size
    return maps


def strongest(maps: Sequence[FloatArray], place: Box) -> tuple[int, float]:
    """Return the scale that says most within a box, in pixels of the film, and what it says there."""
    inside = []
    for one, stride in zip(maps, STRIDES, strict=True):
        first = [max(0, min(int(edge // stride), size - 1)) for edge, size in zip(place[:2], one.shape, strict=True)]
        last = [max(0, min(int(edge // stride), size - 1)) for edge, size in zip(place[2:], one.shape, strict=True)]
        inside.append(float(one[first[0] : last[0] + 1, first[1] : last[1] + 1].max()))
    return int(np.argmax(inside)), max(inside)


def _within(film: Film, box: Box) -> Box:
    """Return a box of stored pixels in those of the prepared film."""
    scale = film.values.shape[1] / STORED_PX
    top, left, bottom, right = ((edge + 0.5) * scale - 0.5 for edge in box)
    return top, left, bottom, right


def _draw(picture: ByteArray, film: Film, box: Box, colour: tuple[int, int, int]) -> None:
    """Draw a box into both halves of a picture of :func:`overlaid`."""
    scale = picture.shape[0] / film.values.shape[1]
    top, left, bottom, right = (round((edge + 0.5) * scale) for edge in box)
    for start in (0, picture.shape[1] // 2):
        cv2.rectangle(picture, (start + left, top), (start + right, bottom), colour, 1)
