"""Where the air of an image is, for images whose file does not mark it as padding: found in the background."""

from __future__ import annotations

import threading

import cv2
import numpy as np
from psygnal import Signal

from mammoviewer.base.arrays import BoolArray, ByteArray, FloatArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.breast_mask import breast_mask
from mammoviewer.imaging.resample import shrink
from mammoviewer.jobs.thread_runner import ThreadRunner

_LONGEST_SIDE = 1024
_MARGIN_MM = 2.0
_MARGIN_PX = 16.0
_LIKE_AIR = 0.02
"""Where the pixel size is not known. Skin is never covered, rather some air is left."""


class AirMasks:
    """Masks by image; every method is thread-safe.

    Signals: ``changed()`` on a worker's thread when another one is there.
    """

    changed = Signal()

    def __init__(self, runner: ThreadRunner) -> None:
        self._runner = runner
        self._masks: dict[int, ByteArray | None] = {}
        self._asked: set[int] = set()
        self._lock = threading.Lock()

    def of(self, image: Image) -> ByteArray | None:
        """Return the mask of an image, see :func:`find_air`; None while it is looked for and where there is none."""
        with self._lock:
            if image.serial in self._asked:
                return self._masks.get(image.serial)
            self._asked.add(image.serial)

        def look(progress: Progress) -> None:
            mask = find_air(image)
            with self._lock:
                self._masks[image.serial] = mask
            self.changed.emit()

        self._runner.submit("Find the air", look, key=("air", image.serial), priority=3)
        return None


def find_air(image: Image) -> ByteArray | None:
    """Return where there is air, 255, and where there is not, 0: uint8, the image reduced to 1024 pixels or fewer.

    None when it cannot be decoded. Of a volume, what is air in all of three slices. Tissue is given a margin, in which
    only what is as dark as the air itself counts as air: skin is never covered.
    """
    attributes = image.attributes
    count = attributes.frames
    bright_air = attributes.inverse or attributes.kind is ImageKind.MAMMOGRAM_RAW
    tissue: ByteArray | None = None
    level: FloatArray | None = None
    for frame in sorted({count // 4, count // 2, 3 * count // 4}) if count > 1 else (0,):
        try:
            stored = image.frame(frame)
        except DecodeError:
            continue
        scale = min(1.0, _LONGEST_SIDE / max(stored.shape))
        size = (max(1, round(stored.shape[0] * scale)), max(1, round(stored.shape[1] * scale)))
        mask = breast_mask(stored, padding=attributes.padding, bright_air=bright_air)
        found = shrink(mask.astype(np.uint8) * np.uint8(255), size)
        seen = shrink(stored, size).astype(np.float32)
        tissue = found if tissue is None else cv2.max(tissue, found)
        level = seen if level is None else (np.minimum if bright_air else np.maximum)(level, seen)
    if tissue is None or level is None:
        return None
    spacing = attributes.pixel_spacing
    margin = (_MARGIN_MM / spacing.column_mm if spacing is not None else _MARGIN_PX) * scale
    radius = max(1, round(margin))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    air = np.asarray(255 - cv2.dilate(tissue, kernel), np.uint8)
    return np.where(_like_air(level, air, tissue), 255 - tissue, air).astype(np.uint8)


def _like_air(level: FloatArray, air: ByteArray, tissue: ByteArray) -> BoolArray:
    """Return what differs from the middle of the surest air by less than a fiftieth of the way to tissue."""
    sure, inside = air == 255, tissue == 255
    if not sure.any() or not inside.any():
        return np.zeros(level.shape, np.bool_)
    middle = float(np.median(level[sure]))
    reach = _LIKE_AIR * abs(float(np.median(level[inside])) - middle)
    return np.asarray(np.abs(level - middle) <= reach, np.bool_)
