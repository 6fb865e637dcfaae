"""From a stored frame to the pixels of a model, and whether a model may look at an image at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray, StoredArray
from mammoviewer.base.errors import ArgumentError, ModelRefused
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind
from mammoviewer.imaging.preparation import prepare_pixels
from mammoviewer.imaging.voi import AS_STORED, Voi, VoiFunction, Window
from mammoviewer.inference.manifest import ModelManifest

_CROP_PATCHES = 4
# Times the pixel size of the model.
COARSEST = 1.5


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """One frame as a model sees it.

    ``values`` float32 (channels, rows, columns) and ``mask`` bool (rows, columns) share the model's grid; the centre
    of its pixel i lies at the stored coordinate ``(i + 0.5) * scale + origin``.
    """

    values: FloatArray
    mask: BoolArray
    scale: tuple[float, float]
    stored_shape: tuple[int, int]
    image_uid: str
    frame: int
    origin: tuple[float, float] = (-0.5, -0.5)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, columns) in model pixels."""
        return self.mask.shape[0], self.mask.shape[1]

    def to_model(self, row: float, column: float) -> tuple[float, float]:
        """Return the model pixel coordinates of a stored point."""
        return (row - self.origin[0]) / self.scale[0] - 0.5, (column - self.origin[1]) / self.scale[1] - 0.5

    def to_stored(self, row: float, column: float) -> tuple[float, float]:
        """Return the stored coordinates of a point in model pixels."""
        return (row + 0.5) * self.scale[0] + self.origin[0], (column + 0.5) * self.scale[1] + self.origin[1]

    def on_breast(self, row: float, column: float) -> bool:
        """Return whether a stored point lies on the breast."""
        place = tuple(math.floor(at + 0.5) for at in self.to_model(row, column))
        inside = all(0 <= at < size for at, size in zip(place, self.mask.shape, strict=True))
        return inside and bool(self.mask[place])

    def on_image(self, mask: BoolArray) -> BoolArray:
        """Return a mask of the model's grid on a grid of about the same fineness that covers the whole stored image."""
        axes = [self._cells(axis) for axis in (0, 1)]
        if all(np.array_equal(cells, np.arange(size)) for cells, size in zip(axes, mask.shape, strict=True)):
            return mask
        inside = [(cells >= 0) & (cells < size) for cells, size in zip(axes, mask.shape, strict=True)]
        whole = np.zeros((axes[0].size, axes[1].size), dtype=np.bool_)
        whole[np.ix_(*inside)] = mask[np.ix_(axes[0][inside[0]], axes[1][inside[1]])]
        return whole

    def _cells(self, axis: int) -> NDArray[np.intp]:
        """Return the model pixel at the centre of each of the cells that part an axis of the stored image evenly."""
        length, scale = self.stored_shape[axis], self.scale[axis]
        count = max(1, round(length / scale))
        centres = (np.arange(count) + 0.5) * length / count - 0.5
        return np.floor((centres - self.origin[axis]) / scale).astype(np.intp)


def refusals(
    attributes: ImageAttributes, manifest: ModelManifest, *, pixel_size_mm: float | None = None
) -> tuple[str, ...]:
    """Return why the model does not fit the image, one sentence each; empty when it does."""
    accepts = manifest.accepts
    reasons = []
    if attributes.kind.name not in accepts.kinds:
        reasons.append(_kind_reason(attributes.kind))
    elif attributes.PresentationIntentType not in accepts.presentation_intent:
        intent = attributes.PresentationIntentType or "without a presentation intent"
        reasons.append(f"the image is {intent}, the model was made for others")
    if "*" not in accepts.views and attributes.view.position not in accepts.views:
        view = attributes.view.position or "unknown"
        reasons.append(f"the view is {view}, the model was made for {', '.join(accepts.views)}")
    if attributes.samples != 1:
        reasons.append("it is a colour image")
    if _needs_pixel_size(attributes, manifest, pixel_size_mm):
        reasons.append("its pixel size is not known")
    else:
        reasons.extend(_too_coarse(attributes, manifest, pixel_size_mm))
    return tuple(reasons)


def _too_coarse(attributes: ImageAttributes, manifest: ModelManifest, pixel_size_mm: float | None) -> list[str]:
    """Return the reason where enlarging would have to make up what the model looks for."""
    spacing, wanted = _spacing(attributes, manifest, pixel_size_mm), manifest.input.pixel_size_mm
    if spacing is None or wanted is None or max(spacing) <= COARSEST * wanted:
        return []
    return [f"its pixels of {max(spacing):.3g} mm are too coarse, the model was made for {wanted:.3g} mm"]


def check_suitable(
    attributes: ImageAttributes, manifest: ModelManifest, *, pixel_size_mm: float | None = None, override: bool = False
) -> None:
    """Raise :class:`ModelRefused` when the model was not made for such an image and ``override`` is not set."""
    reasons = refusals(attributes, manifest, pixel_size_mm=pixel_size_mm)
    if not reasons or override:
        return
    only_size = reasons == ("its pixel size is not known",)
    size_hint = "state the pixel size (--pixel-size; in the window: Ctrl+K, pixel size)"
    hint = size_hint if only_size else "it can be run all the same on request (--force)"
    text = f"model {manifest.identity} does not fit this image: {'; '.join(reasons)}"
    raise ModelRefused(text, hint=hint, path=attributes.path, overridable=True)


def prepare(
    stored: StoredArray,
    attributes: ImageAttributes,
    manifest: ModelManifest,
    *,
    frame: int = 0,
    pixel_size_mm: float | None = None,
    progress: Progress = no_progress,
) -> PreparedImage:
    """Return what the model sees of one frame.

    Parameters
    ----------
    stored
        The frame as decoded, (rows, columns).
    frame
        Its index, which chooses the window of the frame.
    pixel_size_mm
        The pixel size as stated by the user; used where the file has none. Without either the pixels are taken to
        have the size of the model's.
    progress
        Called between the steps, with 0; may raise ``Cancelled``.

    Raises
    ------
    ModelRefused
        The pixels cannot be brought into the form the model needs.
    """
    if stored.ndim != 2:
        raise ModelRefused("the model looks at grey images only", path=attributes.path)
    spacing = _spacing(attributes, manifest, pixel_size_mm)
    vois = attributes.vois_for_frame(frame)
    try:
        pixels = prepare_pixels(
            stored,
            steps=manifest.preprocessing,
            spacing_mm=spacing,
            target_mm=manifest.input.pixel_size_mm,
            voi=vois[0] if vois else _fallback_voi(stored, attributes),
            padding=attributes.padding,
            rescale=attributes.rescale_for_frame(frame),
            inverse=attributes.inverse,
            region="all" if _is_crop(stored, spacing, manifest) else "breast",
            progress=progress,
        )
    except ArgumentError as error:
        raise ModelRefused(error.reason, hint=error.hint, path=attributes.path) from error
    low, high = manifest.input.value_range
    return PreparedImage(
        # Interpolation may overshoot the range the model was trained on.
        values=np.clip(pixels.values, np.float32(low), np.float32(high)),
        mask=pixels.mask,
        scale=pixels.scale,
        stored_shape=(stored.shape[0], stored.shape[1]),
        image_uid=attributes.identity,
        frame=frame,
        origin=pixels.origin,
    )


def _kind_reason(kind: ImageKind) -> str:
    if kind is ImageKind.MAMMOGRAM_RAW:
        return "it holds raw detector values (FOR PROCESSING), the model was trained on presentation images"
    return f"it is of the kind {kind.name}, which the model was not made for"


def assumptions(
    attributes: ImageAttributes, manifest: ModelManifest, *, pixel_size_mm: float | None = None
) -> tuple[str, ...]:
    """Return what :func:`prepare` takes for granted about an image because nothing states it, one phrase each."""
    if not _lacks_pixel_size(attributes, manifest, pixel_size_mm):
        return ()
    size = f"pixel size {manifest.input.pixel_size_mm:g} mm, that of the model"
    return (f"{size}: the picture has the size of its patch" if _is_patch(attributes, manifest) else size,)


def _needs_pixel_size(attributes: ImageAttributes, manifest: ModelManifest, pixel_size_mm: float | None) -> bool:
    return _lacks_pixel_size(attributes, manifest, pixel_size_mm) and not _is_patch(attributes, manifest)


def _lacks_pixel_size(attributes: ImageAttributes, manifest: ModelManifest, pixel_size_mm: float | None) -> bool:
    return manifest.input.pixel_size_mm is not None and attributes.pixel_spacing is None and pixel_size_mm is None


def _is_patch(attributes: ImageAttributes, manifest: ModelManifest) -> bool:
    """Return whether a picture was evidently cut for the model: it has the shape of its patch."""
    return attributes.kind is ImageKind.RASTER and manifest.tiling is not None and attributes.shape == manifest.size


def _spacing(
    attributes: ImageAttributes, manifest: ModelManifest, pixel_size_mm: float | None
) -> tuple[float, float] | None:
    known = attributes.pixel_spacing
    if known is not None:
        return known.row_mm, known.column_mm
    assumed = pixel_size_mm if pixel_size_mm is not None else manifest.input.pixel_size_mm
    return (assumed, assumed) if assumed is not None else None


def _fallback_voi(stored: StoredArray, attributes: ImageAttributes) -> Voi | None:
    """Return the window of an image that brings none; None leaves it to the pixels.

    A picture is taken as it is, black at 0 and white at the largest value of its depth, so that the same picture gives
    the same greys whether it is stored with 8 bits or with 16. So is a byte image of any kind.
    """
    if attributes.kind is not ImageKind.RASTER and not (stored.dtype == np.uint8 and attributes.BitsStored == 8):
        return None
    white = float((1 << attributes.BitsStored) - 1)
    return Window(white / 2.0, white, VoiFunction.LINEAR_EXACT, AS_STORED)


def _is_crop(stored: StoredArray, spacing: tuple[float, float] | None, manifest: ModelManifest) -> bool:
    """Return whether the image is too small to show a breast: a cut-out, whose every pixel is looked at."""
    target = manifest.input.pixel_size_mm
    if manifest.tiling is None:
        return False
    for size, mm, patch in zip(stored.shape, spacing or (1.0, 1.0), manifest.tiling.patch, strict=True):
        model_size = size * mm / target if target is not None else float(size)
        if model_size > _CROP_PATCHES * patch:
            return False
    return True
