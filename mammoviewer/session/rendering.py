"""A view as an array, without a window: what the command line writes and what exports save.

The window paints with Qt; this module gives the same greys (same look-up tables, same filters) as plain arrays, so that
a picture can be made on a machine without a display and compared with other programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from mammoviewer.annotations.finding import Finding
from mammoviewer.base.arrays import ByteArray, FloatArray, WordArray
from mammoviewer.base.errors import ArgumentError, ExportError
from mammoviewer.base.paths import write_bytes_atomically
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.colormaps import heatmap_layer
from mammoviewer.imaging.draw import WHITE, draw_cross, draw_label, draw_polygon
from mammoviewer.imaging.filter_chain import FilterChain
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.resample import extract
from mammoviewer.imaging.voi import Voi, apply_lut
from mammoviewer.session.label_colours import label_colour
from mammoviewer.session.pictures import filtered_picture, plain_picture
from mammoviewer.session.viewer_state import OverlayStyle


@dataclass(frozen=True, eq=False)
class Rendering:
    """What to render.

    Attributes
    ----------
    image, frame, voi
        The frame and its grey transform.
    inverted
        The reader's inversion; padding stays black.
    filters
        Applied at full resolution before the grey transform.
    orientation
        From stored to rendered pixels; the identity keeps the pixels as stored.
    size
        (rows, columns) of the result, None for one pixel per stored pixel.
    bits
        8 or 16 per channel.
    heat
        Scores in stored geometry, shape of the frame, NaN where there is none; None for no overlay.
    findings
        Regions to outline.
    """

    image: Image
    frame: int
    voi: Voi
    inverted: bool = False
    filters: FilterChain = ()
    orientation: Orientation = field(default_factory=Orientation)
    size: tuple[int, int] | None = None
    bits: int = 8
    heat: FloatArray | None = None
    style: OverlayStyle = field(default_factory=OverlayStyle)
    findings: Sequence[Finding] = ()


def render(request: Rendering, progress: Progress = no_progress) -> ByteArray | WordArray:
    """Return the picture: (rows, columns) grey, or (rows, columns, 3) RGB when there is an overlay or a finding.

    The values are uint8 or uint16 display values, 0 black. Enlarging is linear, shrinking averages.

    Raises
    ------
    ArgumentError
        If ``bits`` is neither 8 nor 16.
    DecodeError
        If the frame cannot be decoded.
    """
    if request.bits not in {8, 16}:
        raise ArgumentError("bits must be 8 or 16")
    attributes = request.image.attributes
    stored = request.image.frame(request.frame)
    progress(0.3, "filter")
    if request.filters:
        picture = filtered_picture(attributes, stored, request.filters)
    else:
        picture = plain_picture(attributes, stored)
    lookup = picture.lookup(request.voi, inverse=attributes.inverse != request.inverted, bits=request.bits)
    grey = apply_lut(picture.pixels, lookup, picture.first)
    progress(0.7, "draw")
    grey = _sized(np.ascontiguousarray(request.orientation.apply(grey)), request.size)
    if request.heat is None and not request.findings:
        return grey
    return _with_overlays(grey, request)


def _sized(shown: ByteArray | WordArray, size: tuple[int, int] | None) -> ByteArray | WordArray:
    rows, columns = shown.shape
    if size is None or size == (rows, columns):
        return shown
    resized: ByteArray | WordArray = extract(
        shown, (0.0, float(rows)), (0.0, float(columns)), size, interpolation="linear"
    )
    return resized


def _with_overlays(grey: ByteArray | WordArray, request: Rendering) -> ByteArray | WordArray:
    shape = (grey.shape[0], grey.shape[1])
    full = np.float32(np.iinfo(grey.dtype).max / 255)
    colours = np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32)
    if request.heat is not None:
        turned = np.ascontiguousarray(request.orientation.apply(request.heat))
        heat = turned if turned.shape == shape else cv2.resize(turned, shape[::-1], interpolation=cv2.INTER_NEAREST)
        style = request.style
        layer = heatmap_layer(
            heat, colormap_name=style.colormap, opacity=style.opacity, threshold=style.threshold
        ).astype(np.float32)
        alpha = layer[..., 3:] / np.float32(255)
        colours += alpha * (layer[..., :3] * full - colours)
    marks, cover = _marks(shape, request)
    colours += (marks.astype(np.float32) * full) - colours * (cover[..., :1].astype(np.float32) / np.float32(255))
    limited = np.rint(np.clip(colours, 0, np.iinfo(grey.dtype).max))
    return limited.astype(np.uint8) if grey.dtype == np.uint8 else limited.astype(np.uint16)


def _marks(shape: tuple[int, int], request: Rendering) -> tuple[ByteArray, ByteArray]:
    """Return the outlines of the findings on black, and how much of each pixel they cover (0 to 255), both RGB."""
    marks, cover = np.zeros((*shape, 3), np.uint8), np.zeros((*shape, 3), np.uint8)
    stored_shape = request.image.attributes.shape
    factors = np.array(shape, np.float64) / np.array(request.orientation.display_shape(stored_shape), np.float64)
    thickness = max(1, round(shape[0] / 900))
    for finding in request.findings:
        colour = label_colour(finding.label)
        outline = request.orientation.to_display(finding.roi.outline(), stored_shape)
        # Pixel centres are integers: scale about the corner of the first pixel, not about its centre.
        placed = (outline + 0.5) * factors - 0.5
        style: Literal["solid", "dashed"] = "dashed" if finding.origin == "algorithm" else "solid"
        size_px = max(12, round(shape[0] / 90))
        place = (float(placed[:, 0].min()) - 1.3 * size_px, float(placed[:, 1].min()))
        for canvas, ink in ((marks, colour), (cover, WHITE)):
            if len(placed) == 1:
                draw_cross(canvas, (placed[0, 0], placed[0, 1]), ink, radius=6.0 * thickness, thickness=thickness)
            else:
                draw_polygon(canvas, placed, ink, thickness=thickness, style=style)
            draw_label(canvas, finding.label, place, ink, size_px=size_px)
    return marks, cover


_SUFFIXES = (".png", ".tif", ".tiff", ".pgm", ".ppm", ".jpg", ".jpeg")


def write_picture(path: Path, pixels: ByteArray | WordArray) -> None:
    """Write grey or RGB ``pixels`` (8 or 16 bits) in the form that the file's ending names, atomically.

    Raises
    ------
    ExportError
        If the ending is not known, cannot hold the pixels, or the folder cannot be written to.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ExportError("this kind of picture is not written", hint=f"use {', '.join(_SUFFIXES)}", path=path)
    if suffix in {".jpg", ".jpeg"} and pixels.dtype != np.uint8:
        raise ExportError("JPEG holds 8 bits only", hint="write PNG or TIFF", path=path)
    if suffix == ".pgm" and pixels.ndim == 3:
        raise ExportError("PGM holds no colour", hint="write PNG, TIFF or PPM", path=path)
    ordered = pixels if pixels.ndim == 2 else pixels[:, :, ::-1]
    _, encoded = cv2.imencode(suffix, np.ascontiguousarray(ordered))
    try:
        write_bytes_atomically(path, encoded.tobytes())
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", hint="choose another folder", path=path) from error
