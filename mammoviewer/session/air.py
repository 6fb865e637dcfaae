"""Where the air of an image is, for images whose file does not mark it as padding: found in the background."""

from __future__ import annotations

import threading

import cv2
import numpy as np
from psygnal import Signal

from mammoviewer.base.arrays import BoolArray, ByteArray, FloatArray, StoredArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.breast_mask import breast_mask, without_holes
from mammoviewer.imaging.resample import shrink
from mammoviewer.jobs.thread_runner import ThreadRunner

_LONGEST_SIDE = 1024
_KEPT = 64
"""Masks that are kept, about 50 MB at the most."""
_MARGIN_MM = 2.0
_MARGIN_PX = 16.0
"""Where the pixel size is not known. Skin is never covered, rather some air is left."""
_LIKE_AIR = 0.02
_UNLIKE_AIR = 0.06
"""Shares of the way from air to tissue: beside tissue it is air up to the first, and none from the second on."""
_SKIN_MM = 12.0
_SKIN_SHARE = 0.05
_LINE = 3.0
"""How far the breast may go on beyond its mask: in mm, or as a share of the longer side where these are not known; and
how many times as long a line must be that is skin although it does not hang together with the mask."""


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
            known = image.serial in self._masks or image.serial in self._asked
            self._asked.add(image.serial)
            if known:
                return self._masks.get(image.serial)
        self._look(image, priority=3)
        return None

    def look_ahead(self, image: Image) -> None:
        """Look for the air once nothing else waits: white air in a dark room would dazzle until it is found."""
        with self._lock:
            known = image.serial in self._masks or image.serial in self._asked
        if not known and image.attributes.padding is None and image.attributes.frames == 1:
            self._look(image, priority=-6)

    def _look(self, image: Image, priority: int) -> None:
        def look(progress: Progress) -> None:
            with self._lock:
                if image.serial in self._masks:
                    return
            mask = find_air(image)
            with self._lock:
                self._masks[image.serial] = mask
                while len(self._masks) > _KEPT:
                    oldest = next(iter(self._masks))
                    self._asked.discard(oldest)
                    del self._masks[oldest]
                waited_for = image.serial in self._asked
            if waited_for:
                self.changed.emit()

        self._runner.submit("Find the air", look, key=("air", image.serial), priority=priority)


def find_air(image: Image) -> ByteArray | None:
    """Return where there is air, 255, and where there is not, 0: uint8, the image reduced to 1024 pixels or fewer.

    None when it cannot be decoded. Of a volume, what is air in all of three slices. What hangs together with tissue and
    is brighter than air is tissue, with all that it surrounds; and tissue is given a margin, in which only what is as
    dark as the air itself counts as air: skin is never covered.
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
        if np.issubdtype(stored.dtype, np.floating):
            stored = _finite(stored, bright_air)
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
    per_mm = scale / spacing.column_mm if spacing is not None else None
    tissue = _with_skin(level, tissue, per_mm * _SKIN_MM if per_mm is not None else _SKIN_SHARE * max(level.shape))
    air = _beyond(tissue, per_mm * _MARGIN_MM if per_mm is not None else scale * _MARGIN_PX)
    return np.where(_as_far_from_air(level, air, tissue) <= _LIKE_AIR, 255 - tissue, air).astype(np.uint8)


def _finite(stored: StoredArray, bright_air: bool) -> StoredArray:
    """Return floats without those that are not finite, which count as air."""
    finite = np.isfinite(stored)
    known = stored[finite]
    air = (known.max() if bright_air else known.min()) if known.size else 0
    return np.where(finite, stored, air).astype(np.float32)


def _beyond(tissue: ByteArray, margin: float) -> ByteArray:
    """Return what lies farther from tissue than some pixels, 255."""
    radius = max(1, round(margin))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(255 - cv2.dilate(tissue, kernel), np.uint8)


def _with_skin(level: FloatArray, tissue: ByteArray, reach: float) -> ByteArray:
    """Return tissue with what is no air, hangs together with it, and lies no farther from it than some pixels."""
    near = _beyond(tissue, reach) < 128
    solid = (tissue > 127) | (near & (_as_far_from_air(level, 255 - tissue, tissue) > _UNLIKE_AIR))
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(solid.view(np.uint8), connectivity=4)
    longest = statistics[:, (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)].max(axis=1)
    # Skin before fat as dark as air hangs together with nothing, but no label is as long.
    lines = longest >= _LINE * reach
    lines[0] = False
    hanging = np.zeros(longest.shape, bool)
    hanging[np.unique(labels[tissue > 127])] = True
    skin = solid & (hanging | lines)[labels]
    if (lines & ~hanging).any():
        skin = _closed(skin, reach)
    return np.asarray(cv2.max(tissue, without_holes(skin).astype(np.uint8) * np.uint8(255)), np.uint8)


def _closed(region: BoolArray, reach: float) -> BoolArray:
    """Return a region with what lies between parts of it that are no farther apart than twice some pixels."""
    margin = max(1, round(reach)) + 1
    # It goes on beyond the edge of the image.
    framed = cv2.copyMakeBorder(region.view(np.uint8), margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    grown = (cv2.distanceTransform(1 - framed, cv2.DIST_L2, 5) <= reach).astype(np.uint8)
    closed = cv2.distanceTransform(grown, cv2.DIST_L2, 5) > reach
    return np.asarray(region | closed[margin:-margin, margin:-margin], np.bool_)


def _as_far_from_air(level: FloatArray, air: ByteArray, tissue: ByteArray) -> FloatArray:
    """Return by how much of the way to tissue a value differs from the middle of the surest air."""
    sure, inside = air == 255, tissue == 255
    if not sure.any() or not inside.any():
        return np.ones(level.shape, np.float32)
    middle = float(np.median(level[sure]))
    way = abs(float(np.median(level[inside])) - middle)
    return np.asarray(np.abs(level - middle) / max(way, 1e-6), np.float32)
