"""Cut training patches around labelled regions of images that are already at the model's pixel size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.patch_set import PatchSet

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class LabelledRegion:
    """One region on one prepared image.

    Parameters
    ----------
    values
        float32 (rows, columns), the image as the model sees it: its pixel size, its preprocessing.
    box
        Bounding box (first row, first column, last row, last column) in pixels of ``values``.
    label
        Class name.
    group
        What must stay on one side of a split: usually the finding, or the image or patient.
    name
        For reports.
    """

    values: FloatArray
    box: Box
    label: str
    group: str
    name: str


def patches_from_regions(
    regions: Sequence[LabelledRegion], classes: Sequence[str], *, patch: tuple[int, int], crops: int, seed: int
) -> PatchSet:
    """Return ``crops`` patches per region: the first centred, the others jittered.

    Jittered patches keep their centre inside the box and the box in sight, so that the label stays true.

    Raises
    ------
    ArgumentError
        A region's label is not one of ``classes``, or ``crops`` is less than one.
    """
    unknown = {region.label for region in regions} - set(classes)
    if unknown or crops < 1 or not regions:
        raise ArgumentError("there are no regions, no crops, or labels that are not among the classes")
    generator = np.random.default_rng(seed)
    images: list[FloatArray] = []
    for region in regions:
        for centre in _centres(region.box, patch, crops, generator):
            images.append(_crop(region.values, centre, patch))
    repeated = [region for region in regions for _ in range(crops)]
    return PatchSet(
        np.stack(images),
        tuple(list(classes).index(region.label) for region in repeated),
        tuple(region.group for region in repeated),
        tuple(region.name for region in repeated),
        tuple(classes),
    )


def pixel_size_for_regions(extents_mm: Sequence[float], *, patch_px: int, finest_mm: float) -> float:
    """Return the pixel size in mm at which the median region with a fifth of margin fills a patch.

    Never finer than ``finest_mm`` (the size the parent model was trained at) and never coarser than four times that,
    where its filters have nothing left to see.
    """
    if not extents_mm:
        return finest_mm
    wanted = float(np.median(np.asarray(extents_mm))) * 1.2 / patch_px
    return float(np.clip(wanted, finest_mm, 4 * finest_mm))


def dihedral(images: FloatArray) -> FloatArray:
    """Return the eight turned and mirrored versions of square patches: (n, h, h) to (8, n, h, h)."""
    turned = [np.rot90(images, quarter, axes=(1, 2)) for quarter in range(4)]
    return np.stack([*turned, *(version[:, :, ::-1] for version in turned)])


def _centres(box: Box, patch: tuple[int, int], crops: int, generator: np.random.Generator) -> list[tuple[float, float]]:
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    extent = np.array([box[2] - box[0], box[3] - box[1]])
    # A box smaller than the patch may wander until it touches the patch's edge; a larger one is sampled all over.
    reach = np.maximum(np.abs(extent - np.array(patch)) / 2, 3.0)
    reach = np.minimum(reach, np.maximum(extent / 2, np.array(patch) / 8))
    offsets = generator.uniform(-1.0, 1.0, size=(crops, 2)) * reach
    offsets[0] = 0.0
    return [(float(middle[0] + row), float(middle[1] + column)) for row, column in offsets]


def first_pixel(centre: tuple[float, float], patch: tuple[int, int]) -> tuple[int, int]:
    """Return row and column of the first pixel of a patch about a centre; what lies off the image repeats its edge."""
    row, column = (round(at - (size - 1) / 2) for at, size in zip(centre, patch, strict=True))
    return row, column


def _crop(values: FloatArray, centre: tuple[float, float], patch: tuple[int, int]) -> FloatArray:
    row, column = first_pixel(centre, patch)
    padded_rows = np.clip(np.arange(patch[0]) + row, 0, values.shape[0] - 1)
    padded_columns = np.clip(np.arange(patch[1]) + column, 0, values.shape[1] - 1)
    crop: FloatArray = values[np.ix_(padded_rows, padded_columns)].astype(np.float32, copy=True)
    return crop
