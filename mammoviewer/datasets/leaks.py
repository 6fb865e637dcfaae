"""What must not stand on both sides of a split: patients, and pictures that are almost the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray, StoredArray
from mammoviewer.base.errors import ArgumentError, TrainingError
from mammoviewer.datasets.splits import near_duplicates

THUMBNAIL_PX = 64
_SURROUND_PX = 2.0
SAME_IMAGE = 0.88
_AIR = 0.1
_LEAST_INSIDE = 0.05
_SAME_PATCH = 0.98
_MOST_TOLD = 5


@dataclass(frozen=True)
class LeakReport:
    """``patients`` on more than one side; ``duplicates``: pairs of pictures on different sides; what was compared."""

    patients: tuple[str, ...]
    duplicates: tuple[tuple[str, str], ...]
    items: int
    pictures_compared: bool
    overridden: bool = False

    @property
    def clean(self) -> bool:
        """Return whether nothing stands on two sides."""
        return not self.patients and not self.duplicates

    @property
    def text(self) -> str:
        """Return what leaks, in one sentence; empty when nothing does."""
        told = []
        if self.patients:
            told.append(f"{len(self.patients)} patients stand on two sides ({_some(self.patients)})")
        if self.duplicates:
            pairs = [f"{first} = {second}" for first, second in self.duplicates]
            told.append(f"{len(pairs)} pictures stand on two sides ({_some(pairs)})")
        return "; ".join(told)

    def to_json(self) -> dict[str, object]:
        """Return the report for ``report.json``."""
        return {
            "clean": self.clean,
            "overridden": self.overridden,
            "items": self.items,
            "pictures_compared": self.pictures_compared,
            "patients": list(self.patients),
            "duplicates": [list(pair) for pair in self.duplicates],
        }


def leak_report(
    sides: Sequence[str],
    patients: Sequence[str],
    names: Sequence[str],
    *,
    pictures: StoredArray | None = None,
    correlation: float = _SAME_PATCH,
) -> LeakReport:
    """Return which patients and pictures stand on more than one side.

    Parameters
    ----------
    sides, patients, names
        One of each per item (patch or image); a side is the part of the split it belongs to.
    pictures
        Patches, shape (n, rows, rows), or the thumbnails of whole images that :func:`thumbnails` makes.
    correlation
        From which two pictures count as the same, see :func:`near_duplicates`; of thumbnails .88.

    Raises
    ------
    ArgumentError
        The parts differ in number.
    """
    if not len(sides) == len(patients) == len(names) or (pictures is not None and len(pictures) != len(names)):
        raise ArgumentError("sides, patients, names and pictures differ in number")
    where: dict[str, set[str]] = {}
    for side, patient in zip(sides, patients, strict=True):
        where.setdefault(patient, set()).add(side)
    shared = tuple(sorted(patient for patient, found in where.items() if len(found) > 1))
    pairs = near_duplicates(pictures, correlation=correlation) if pictures is not None else ()
    across = tuple((names[i], names[j]) for i, j in pairs if sides[i] != sides[j])
    return LeakReport(shared, across, len(names), pictures is not None)


def image_leak_report(
    sides: Sequence[str], patients: Sequence[str], names: Sequence[str], images: Sequence[StoredArray]
) -> LeakReport:
    """Return the report of whole images of any size, compared by their detail at 64x64."""
    return leak_report(sides, patients, names, pictures=thumbnails(images), correlation=SAME_IMAGE)


def stop_leak(report: LeakReport, *, override: bool = False) -> LeakReport:
    """Return the report, marked where a leak was overridden.

    Raises
    ------
    TrainingError
        Something leaks and ``override`` is not set.
    """
    if report.clean:
        return report
    if not override:
        hint = "give both to one side, or set allow_leak=true: the report will then say so"
        raise TrainingError(f"the split leaks: {report.text}", hint=hint)
    return LeakReport(report.patients, report.duplicates, report.items, report.pictures_compared, overridden=True)


def thumbnails(images: Sequence[StoredArray]) -> FloatArray:
    """Return float32 (n, 64, 64): the detail of whole images without their broad shading, for comparison.

    The shape of a breast on black is alike in all mammograms; what lies within it is not.
    """
    return np.stack([_thumbnail(image) for image in images]) if images else np.empty((0, 64, 64), dtype=np.float32)


def _thumbnail(image: StoredArray) -> FloatArray:
    small = cv2.resize(image.astype(np.float32), (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    detail: FloatArray = small - cv2.GaussianBlur(small, (0, 0), _SURROUND_PX)
    inside = _inside(small)
    # Labels and clips would else outweigh all that lies within the breast.
    limit = 2 * float(np.std(detail[inside]))
    return np.where(inside, np.clip(detail, -limit, limit), np.float32(0.0))


def _inside(small: FloatArray) -> BoolArray:
    """Return what lies within the breast, without its outline, which all mammograms share, and the rim of films."""
    low = float(small.min())
    bright = small > low + _AIR * (float(np.percentile(small, 99)) - low)
    around = cv2.erode(
        bright.astype(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1
    )
    inside = np.asarray(around, dtype=np.bool_)
    return inside if inside.mean() >= _LEAST_INSIDE else np.ones_like(inside)


def sides_of(split_parts: Mapping[str, Sequence[str]], patients: Sequence[str]) -> tuple[str, ...]:
    """Return the part of each item's patient; empty for a patient that is in none."""
    part = {name: key for key, members in split_parts.items() for name in members}
    return tuple(part.get(patient, "") for patient in patients)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_TOLD])
    return shown + (", ..." if len(names) > _MOST_TOLD else "")
