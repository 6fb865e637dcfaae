"""Stored pixels to the values a classifier sees: the one implementation for data sets, training and inference.

The steps and their parameters are listed in :mod:`mammoviewer.imaging.preparation_steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray, StoredArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.breast_mask import breast_mask
from mammoviewer.imaging.preparation_steps import PreparationStep, StepValue, check_steps
from mammoviewer.imaging.resample import rescale_to_spacing
from mammoviewer.imaging.voi import IDENTITY, Padding, Rescale, Voi, auto_window

_GREY = 255.0


class PreparedPixels(NamedTuple):
    """``values`` float32 and ``mask`` bool (breast), both (rows, columns); ``scale`` stored pixels per row, column.

    The centre of prepared pixel i lies at the stored coordinate ``(i + 0.5) * scale - 0.5``.
    """

    values: FloatArray
    mask: BoolArray
    scale: tuple[float, float]


@dataclass
class _Work:
    """The image on its way through the chain."""

    stored: StoredArray
    values: FloatArray
    mask: BoolArray
    spacing_mm: tuple[float, float] | None
    target_mm: float | None
    voi: Voi | None
    padding: Padding | None
    rescale: Rescale
    inverse: bool
    cut_out: bool

    def breast_values(self) -> FloatArray:
        """Return the values inside the breast; all of them when there is no breast."""
        inside: FloatArray = self.values[self.mask]
        return inside if inside.size else self.values.reshape(-1)

    def map_breast(self, offset: float, divisor: float) -> None:
        """Replace v by (v - offset) / divisor in the breast and by 0 outside."""
        mapped = (self.values - np.float32(offset)) / np.float32(divisor if divisor > 0 else 1.0)
        self.values = np.where(self.mask, mapped, np.float32(0.0)).astype(np.float32, copy=False)


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

    Raises
    ------
    ArgumentError
        A step is not valid, or the image is to be resampled and a pixel size is missing.
    """
    chain = check_steps(steps)
    work = _Work(
        stored=stored,
        values=rescale.apply(stored).astype(np.float32),
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
        _FUNCTIONS[str(step["op"])](work, step)
    rows, columns = work.values.shape
    scale = (stored.shape[0] / rows, stored.shape[1] / columns)
    return PreparedPixels(np.ascontiguousarray(work.values), work.mask, scale)


def _region_mask(stored: StoredArray, region: str, *, padding: Padding | None, inverse: bool) -> BoolArray:
    if region == "breast":
        found: BoolArray = breast_mask(stored, padding=padding, bright_air=inverse)
        return found
    if padding is None:
        return np.ones(stored.shape, dtype=np.bool_)
    return ~padding.contains(stored)


def _voi(work: _Work, step: Mapping[str, StepValue]) -> None:
    voi = work.voi if step["window"] == "default" else None
    if voi is None:
        voi = auto_window(work.stored, padding=work.padding, rescale=work.rescale)
    first, last = int(work.stored.min()), int(work.stored.max())
    domain = np.arange(first, last + 1)
    grey = voi.values(work.rescale.apply(domain)) * _GREY
    if work.inverse:
        grey = _GREY - grey
    if work.padding is not None:
        grey[work.padding.contains(domain)] = 0.0
    if work.values.shape != work.stored.shape:
        raise ArgumentError("the step voi must come before resample_pixel_size")
    work.values = np.take(grey.astype(np.float32), work.stored.astype(np.intp) - first)


def _resample(work: _Work, step: Mapping[str, StepValue]) -> None:
    if work.target_mm is None or work.spacing_mm is None:
        raise ArgumentError(f"the step {step['op']} needs the pixel size of the image and of the model")
    work.values = rescale_to_spacing(work.values, work.spacing_mm, work.target_mm)
    rows, columns = work.values.shape
    shrunk = cv2.resize(work.mask.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
    work.mask = np.asarray(shrunk, dtype=np.bool_)


def _scale(work: _Work, step: Mapping[str, StepValue]) -> None:
    factor = float(step["multiply_by"]) / float(step["divide_by"])
    work.values = work.values * np.float32(factor) + np.float32(step["add"])


def _fill_air(work: _Work, step: Mapping[str, StepValue]) -> None:
    """Continue the breast into the air, so that skin, film edges and collimator blades are no edges to a classifier."""
    side = 2 * int(step["margin"]) + 1
    # Beyond the image erode() sees breast, unless the image has a frame of its own. A cut-out never has one.
    beyond = 0 if step["image_edge"] and not work.cut_out else 1
    eroded = cv2.erode(
        work.mask.astype(np.uint8),
        np.ones((side, side), dtype=np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=beyond,
    )
    inside = np.asarray(eroded, dtype=np.bool_)
    if inside.all() or not inside.any():
        return
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(int(labels.max()) + 1, dtype=np.float32)
    by_label[labels[inside]] = work.values[inside]
    work.values = np.where(inside, work.values, by_label[labels])


def _minmax_breast(work: _Work, _step: Mapping[str, StepValue]) -> None:
    inside = work.breast_values()
    low, high = float(inside.min()), float(inside.max())
    work.map_breast(low, high - low)


def _zscore_breast(work: _Work, _step: Mapping[str, StepValue]) -> None:
    inside = work.breast_values()
    work.map_breast(float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64)))


def _percentile_range(work: _Work, step: Mapping[str, StepValue]) -> None:
    low, high = np.percentile(work.breast_values(), (float(step["low"]), float(step["high"]))).tolist()
    work.map_breast(low, high - low)
    np.clip(work.values, 0.0, 1.0, out=work.values)


def _wavelet(work: _Work, step: Mapping[str, StepValue]) -> None:
    from mammoviewer.imaging.wavelet import wavelet_filter

    work.values = wavelet_filter(
        work.values,
        wavelet=str(step["wavelet"]),
        levels=int(step["levels"]),
        q=float(step["q"]),
        keep_approximation=bool(step["keep_approximation"]),
    )


def _clahe(work: _Work, step: Mapping[str, StepValue]) -> None:
    from mammoviewer.imaging.filters import clahe

    shown = np.clip(work.values / np.float32(_GREY), 0.0, 1.0)
    work.values = clahe(shown, tiles=int(step["tiles"]), clip=float(step["clip"])) * np.float32(_GREY)


_FUNCTIONS: Mapping[str, Callable[[_Work, Mapping[str, StepValue]], None]] = {
    "voi": _voi,
    "resample_pixel_size": _resample,
    "scale": _scale,
    "fill_air": _fill_air,
    "minmax_breast": _minmax_breast,
    "zscore_breast": _zscore_breast,
    "percentile_range": _percentile_range,
    "wavelet": _wavelet,
    "clahe": _clahe,
}
