"""Nipples of open images, found in the background when they are first asked for."""

from __future__ import annotations

import threading

import numpy as np
from psygnal import Signal

from mammoviewer.base.errors import DecodeError
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.breast_mask import breast_mask
from mammoviewer.imaging.nipple import nipple_place
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.places import chest_side

Point = tuple[float, float]


class Nipples:
    """Stored (row, column) of the nipple by image; every method is thread-safe.

    Signals: ``changed()`` on a worker's thread when another one is known.
    """

    changed = Signal()

    def __init__(self, runner: ThreadRunner) -> None:
        self._runner = runner
        self._places: dict[int, Point | None] = {}
        self._asked: set[int] = set()
        self._lock = threading.Lock()

    def at_once(self, image: Image) -> Point | None:
        """Return the nipple of an image, looked for here and now if its frame is decoded; as :meth:`of` if not.

        For what is kept and must not depend on how long the reader has waited; takes some hundredths of a second.
        """
        with self._lock:
            known = image.serial in self._places
        if known or not image.is_cached(image.attributes.frames // 2):
            return self.of(image)
        place = find_nipple(image)
        with self._lock:
            self._asked.add(image.serial)
            self._places[image.serial] = place
        return place

    def of(self, image: Image) -> Point | None:
        """Return the nipple of an image; None while it is looked for, and where there is none to be found."""
        with self._lock:
            if image.serial in self._asked:
                return self._places.get(image.serial)
            self._asked.add(image.serial)

        def look(progress: Progress) -> None:
            place = find_nipple(image)
            with self._lock:
                self._places[image.serial] = place
            self.changed.emit()

        self._runner.submit("Find the nipple", look, key=("nipple", image.serial), priority=-5)
        return None


def find_nipple(image: Image) -> Point | None:
    """Return the stored (row, column) of the nipple as the image is hung, None where the side is not known."""
    attributes = image.attributes
    side = chest_side(attributes, attributes.orientation)
    if not side:
        return None
    try:
        stored = image.frame(attributes.frames // 2)
    except DecodeError:
        return None
    bright_air = attributes.inverse or attributes.kind is ImageKind.MAMMOGRAM_RAW
    mask = breast_mask(stored, padding=attributes.padding, bright_air=bright_air)
    place = nipple_place(np.asarray(attributes.orientation.apply(mask)), chest_on_left=side == "left")
    if place is None:
        return None
    row, column = attributes.orientation.to_stored(np.array([place]), attributes.shape)[0]
    return float(row), float(column)
