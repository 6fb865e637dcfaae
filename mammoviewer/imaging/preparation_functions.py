"""What each preparation step does to the pixels; :mod:`mammoviewer.imaging.preparation` runs them in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray, StoredArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.cropping import Box, breast_box, filled_box
from mammoviewer.imaging.preparation_steps import StepValue, tile_counts
from mammoviewer.imaging.resample import extract, rescale_to_spacing
from mammoviewer.imaging.voi import AS_STORED, AUTO, Padding, Rescale, Voi, VoiFunction, Window, auto_window

_GREY = 255.0
_Step = Mapping[str, StepValue]


@dataclass
class Work:
    """The image on its way through the chain: ``values`` (channels, rows, columns), the rest as in PreparedPixels."""

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
    scale: tuple[float, float] = (1.0, 1.0)
    origin: tuple[float, float] = (-0.5, -0.5)
    shown: bool = field(default=False, init=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, columns) now."""
        return self.values.shape[1], self.values.shape[2]

    def breast_values(self) -> FloatArray:
        """Return the values (channels, n) inside the breast; all of them when there is no breast."""
        inside: FloatArray = self.values[:, self.mask]
        return inside if inside.size else self.values.reshape(len(self.values), -1)

    def map_breast(self, offset: DoubleArray, divisor: DoubleArray) -> None:
        """Replace v by (v - offset) / divisor, one of each per channel, in the breast and by 0 outside."""
        self.values = np.where(self.mask, _mapped(self.values, offset, divisor), np.float32(0.0))

    def crop(self, box: Box) -> None:
        """Keep the rows and columns of ``box`` (first row, first column, row and column after the last)."""
        top, left, bottom, right = box
        self.values = self.values[:, top:bottom, left:right]
        self.mask = self.mask[top:bottom, left:right]
        self.origin = (self.origin[0] + top * self.scale[0], self.origin[1] + left * self.scale[1])

    def become(self, values: FloatArray) -> None:
        """Take over the same picture (channels, rows, columns) at another size; the mask follows."""
        before = self.shape
        self.values = values
        rows, columns = self.shape
        shrunk = cv2.resize(self.mask.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
        self.mask = np.asarray(shrunk, dtype=np.bool_)
        self.scale = (self.scale[0] * before[0] / rows, self.scale[1] * before[1] / columns)

    def single(self, op: object) -> FloatArray:
        """Return the one channel (rows, columns); a step that makes channels cannot start from several."""
        if len(self.values) != 1:
            raise ArgumentError(f"the step {op} needs an image of one channel")
        channel: FloatArray = self.values[0]
        return channel


def _mapped(values: FloatArray, offset: DoubleArray, divisor: DoubleArray) -> FloatArray:
    safe = np.where(divisor > 0, divisor, 1.0)
    mapped = (values - offset.astype(np.float32)[:, None, None]) / safe.astype(np.float32)[:, None, None]
    return np.asarray(mapped, dtype=np.float32)


def _voi(work: Work, step: _Step) -> None:
    voi = work.voi if step["window"] == "default" else None
    if voi is None:
        voi = auto_window(work.stored, padding=work.padding, rescale=work.rescale)
    elif step["rule"] == "full_width":
        voi = _full_width(voi)
    if work.shape != work.stored.shape:
        raise ArgumentError("the step voi must come before resample_pixel_size, crops and resize")
    first, last = int(work.stored.min()), int(work.stored.max())
    domain = np.arange(first, last + 1)
    grey = voi.values(work.rescale.apply(domain)) * _GREY
    if work.inverse:
        grey = _GREY - grey
    if work.padding is not None:
        grey[work.padding.contains(domain)] = 0.0
    work.values = np.take(grey.astype(np.float32), work.stored.astype(np.intp) - first)[np.newaxis]
    work.shown = True


def _full_width(voi: Voi) -> Voi:
    """Return the window from centre - width to centre + width; tables, and windows no file stated, stay."""
    if not isinstance(voi, Window) or voi.explanation in (AUTO, AS_STORED):
        return voi
    return Window(voi.center, 2.0 * voi.width, VoiFunction.LINEAR_EXACT, voi.explanation)


def _resample(work: Work, step: _Step) -> None:
    target, stored = work.target_mm, work.spacing_mm
    if target is None or stored is None:
        raise ArgumentError(f"the step {step['op']} needs the pixel size of the image and of the model")
    spacing = (stored[0] * work.scale[0], stored[1] * work.scale[1])
    work.become(np.stack([rescale_to_spacing(channel, spacing, target) for channel in work.values]))


def _resize(work: Work, step: _Step) -> None:
    wanted = (int(step["rows"]), int(step["columns"]))
    inner = wanted
    if step["keep_aspect"]:
        factor = min(wanted[0] / work.shape[0], wanted[1] / work.shape[1])
        inner = (max(1, round(work.shape[0] * factor)), max(1, round(work.shape[1] * factor)))
    rows, columns = work.shape
    work.become(
        np.stack([extract(channel, (0.0, float(rows)), (0.0, float(columns)), inner) for channel in work.values])
    )
    spare = (wanted[0] - inner[0], wanted[1] - inner[1])
    before = (spare[0] // 2, spare[1] // 2)
    margins = [(first, total - first) for first, total in zip(before, spare, strict=True)]
    work.values = np.pad(work.values, [(0, 0), *margins])
    work.mask = np.pad(work.mask, margins)
    work.origin = (work.origin[0] - before[0] * work.scale[0], work.origin[1] - before[1] * work.scale[1])


def _crop_breast(work: Work, step: _Step) -> None:
    # A cut-out is looked at whole: it has no air that could be cut off.
    if not work.cut_out:
        bright_air = work.inverse and not work.shown
        work.crop(breast_box(-work.values[0] if bright_air else work.values[0], margin=int(step["margin"])))


def _crop_empty(work: Work, step: _Step) -> None:
    work.crop(filled_box(work.values.max(axis=0), level=float(step["level"])))


def _scale(work: Work, step: _Step) -> None:
    factor = float(step["multiply_by"]) / float(step["divide_by"])
    work.values = work.values * np.float32(factor) + np.float32(step["add"])


def _fill_air(work: Work, step: _Step) -> None:
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
    by_label = np.zeros((len(work.values), int(labels.max()) + 1), dtype=np.float32)
    by_label[:, labels[inside]] = work.values[:, inside]
    work.values = np.where(inside, work.values, by_label[:, labels])


def _minmax_breast(work: Work, _step: _Step) -> None:
    inside = work.breast_values().astype(np.float64)
    low, high = inside.min(axis=1), inside.max(axis=1)
    work.map_breast(low, high - low)


def _zscore_breast(work: Work, _step: _Step) -> None:
    inside = work.breast_values()
    work.map_breast(inside.mean(axis=1, dtype=np.float64), inside.std(axis=1, dtype=np.float64))


def _zscore_nonzero(work: Work, _step: _Step) -> None:
    for index, channel in enumerate(work.values):
        lit = channel > 0
        if lit.any():
            inside = channel[lit]
            mean, deviation = inside.mean(dtype=np.float64), inside.std(dtype=np.float64)
            scored = _mapped(channel[np.newaxis], np.array([mean]), np.array([deviation]))[0]
            work.values[index] = np.where(lit, scored, np.float32(0.0))


def _percentile_range(work: Work, step: _Step) -> None:
    low, high = np.percentile(work.breast_values(), (float(step["low"]), float(step["high"])), axis=1)
    work.map_breast(low, high - low)
    np.clip(work.values, 0.0, 1.0, out=work.values)


def _wavelet(work: Work, step: _Step) -> None:
    from mammoviewer.imaging.wavelet import wavelet_filter

    filtered = [
        wavelet_filter(
            channel,
            wavelet=str(step["wavelet"]),
            levels=int(step["levels"]),
            q=float(step["q"]),
            keep_approximation=bool(step["keep_approximation"]),
        )
        for channel in work.values
    ]
    work.values = np.stack(filtered)


def _clahe(work: Work, step: _Step) -> None:
    tiles, clip = int(step["tiles"]), float(step["clip"])
    work.values = np.stack([_equalised(channel, tiles, clip) for channel in work.values])


def _clahe_channels(work: Work, step: _Step) -> None:
    grey = work.single(step["op"])
    clip = float(step["clip"])
    work.values = np.stack([grey, *(_equalised(grey, tiles, clip) for tiles in tile_counts(str(step["tiles"])))])


def _equalised(grey: FloatArray, tiles: int, clip: float) -> FloatArray:
    from mammoviewer.imaging.filters import clahe

    return clahe(np.clip(grey / np.float32(_GREY), 0.0, 1.0), tiles=tiles, clip=clip) * np.float32(_GREY)


def _repeat_channels(work: Work, step: _Step) -> None:
    work.values = np.repeat(work.single(step["op"])[np.newaxis], int(step["count"]), axis=0)


def _plugin(work: Work, step: _Step) -> None:
    from mammoviewer.imaging.preparation_plugins import run_plugin

    work.values = run_plugin(str(step["name"]), work.values, work.mask)


FUNCTIONS: Mapping[str, Callable[[Work, _Step], None]] = {
    "voi": _voi,
    "resample_pixel_size": _resample,
    "crop_breast": _crop_breast,
    "crop_empty": _crop_empty,
    "resize": _resize,
    "scale": _scale,
    "fill_air": _fill_air,
    "minmax_breast": _minmax_breast,
    "zscore_breast": _zscore_breast,
    "zscore_nonzero": _zscore_nonzero,
    "percentile_range": _percentile_range,
    "wavelet": _wavelet,
    "clahe": _clahe,
    "clahe_channels": _clahe_channels,
    "repeat_channels": _repeat_channels,
    "plugin": _plugin,
}
