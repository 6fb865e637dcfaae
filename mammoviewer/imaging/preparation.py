"""Stored pixels to the values a classifier sees: the one implementation for data sets, training and inference.

The steps and their parameters are listed in :mod:`mammoviewer.imaging.preparation_steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray, StoredArray
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.imaging.breast_mask import breast_mask
from mammoviewer.imaging.preparation_functions import FUNCTIONS, Work
from mammoviewer.imaging.preparation_steps import PreparationStep, check_steps
from mammoviewer.imaging.voi import IDENTITY, Padding, Rescale, Voi

PREPARING: Final = "preparing"
"""What ``progress`` is told between the steps."""


class PreparedPixels(NamedTuple):
    """``values`` float32 (channels, rows, columns) and ``mask`` bool (rows, columns), the breast.

    ``scale`` stored pixels per prepared row and column, ``origin`` the stored coordinate of the outer corner of
    prepared pixel (0, 0): the centre of prepared pixel i lies at the stored coordinate ``(i + 0.5) * scale + origin``.
    """

    values: FloatArray
    mask: BoolArray
    scale: tuple[float, float]
    origin: tuple[float, float] = (-0.5, -0.5)


def prepare_pixels(
    stored: StoredArray,
    *,
    steps: Sequence[PreparationStep],
    spacing_mm: tuple[float, float] | None = None,
    target_mm: float | None = None,
    voi: Voi | None = None,
    padding: Padding | None = None,
    rescale: Rescale = IDENTITY,
    inverse: bool = False,
    region: Literal["breast", "all"] = "breast",
    progress: Progress = no_progress,
) -> PreparedPixels:
    """Run a preparation chain over one frame.

    Parameters
    ----------
    stored
        Stored values, any integer dtype, (rows, columns); unchanged.
    steps
        The chain. Before its first step the values are those after the Modality LUT.
    spacing_mm, target_mm
        Pixel size (row, column) of the image, and that of the model; both are needed by ``resample_pixel_size``.
    voi
        The image's own window or LUT; without one the step ``voi`` makes a window from the pixels.
    padding, rescale, inverse
        As in :func:`mammoviewer.imaging.voi.display_lut`; ``inverse`` is the polarity of the file.
    region
        "breast" finds the breast by its outline; "all" takes every pixel that is not padding, for cut-out patches.
    progress
        Called between the steps, with 0: how long each takes is not known. May raise ``Cancelled``.

    Raises
    ------
    ArgumentError
        A step is not valid or not possible here, or the image is to be resampled and a pixel size is missing.
    """
    chain = check_steps(steps)
    progress(0.0, PREPARING)
    work = Work(
        stored=stored,
        values=rescale.apply(stored).astype(np.float32)[np.newaxis],
        mask=_region_mask(stored, region, padding=padding, inverse=inverse),
        spacing_mm=spacing_mm,
        target_mm=target_mm,
        voi=voi,
        padding=padding,
        rescale=rescale,
        inverse=inverse,
        cut_out=region == "all",
    )
    for step in chain:
        progress(0.0, PREPARING)
        FUNCTIONS[str(step["op"])](work, step)
    return PreparedPixels(np.ascontiguousarray(work.values), np.ascontiguousarray(work.mask), work.scale, work.origin)


def _region_mask(stored: StoredArray, region: str, *, padding: Padding | None, inverse: bool) -> BoolArray:
    if region == "breast":
        found: BoolArray = breast_mask(stored, padding=padding, bright_air=inverse)
        return found
    if padding is None:
        return np.ones(stored.shape, dtype=np.bool_)
    return ~padding.contains(stored)
