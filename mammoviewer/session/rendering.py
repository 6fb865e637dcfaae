"""A view as an array, without a window: what the command line writes and what exports save.

The window paints with Qt; this module gives the same greys (same look-up tables, same filters) as plain arrays, so that
a picture can be made on a machine without a display and compared with other programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from mammoviewer.annotations.finding import Finding
from mammoviewer.base.arrays import ByteArray, DoubleArray, FloatArray, WordArray
from mammoviewer.base.errors import ArgumentError, ExportError
from mammoviewer.base.paths import write_bytes_atomically
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.colormaps import FAINTEST, FAINTEST_EVIDENCE, HALF, heatmap_layer
from mammoviewer.imaging.draw import WHITE, LineStyle
from mammoviewer.imaging.filter_chain import FilterChain
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.resample import extract
from mammoviewer.imaging.slab import SlabSpan
from mammoviewer.imaging.voi import Voi, apply_lut
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.evidence import readable_evidence
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.session.air import find_air
from mammoviewer.session.label_colours import MEASURE, label_colour
from mammoviewer.session.measuring import line_text
from mammoviewer.session.picture_ink import Ink, draw_contours, draw_legend
from mammoviewer.session.pictures import filtered_picture, plain_picture, slab_of
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
    black_air
        Whether the air of an inverted image that does not mark it as padding is black, too, as in the window.
    filters
        Applied at full resolution before the grey transform.
    slab
        The frames that are put together in place of ``frame`` alone, None for the frame.
    orientation
        From stored to rendered pixels; the identity keeps the pixels as stored.
    size
        (rows, columns) of the result, None for one pixel per stored pixel.
    bits
        8 or 16 per channel.
    heat
        Scores in stored geometry: a map of any grid, or an array of the shape of the frame with NaN where there is
        none; None for no overlay.
    style
        How the scores are drawn.
    legend
        What is scored by which model, lines above a bar of the colours; empty for no bar.
    findings
        Regions to outline.
    marks
        Places that a model points at, drawn as dashed boxes with their scores.
    patch
        Corner points (r0, c0, r1, c1) of the patch that is explained, in stored pixels.
    region
        The stored (rows, columns) that are shown, as ranges of edges; None for everything.
    """

    image: Image
    frame: int
    voi: Voi
    inverted: bool = False
    black_air: bool = False
    filters: FilterChain = ()
    orientation: Orientation = field(default_factory=Orientation)
    size: tuple[int, int] | None = None
    bits: int = 8
    heat: Heatmap | FloatArray | None = None
    style: OverlayStyle = field(default_factory=OverlayStyle)
    legend: str = ""
    findings: Sequence[Finding] = ()
    marks: Sequence[Detection] = ()
    patch: tuple[float, float, float, float] | None = None
    region: tuple[tuple[float, float], tuple[float, float]] | None = None
    slab: SlabSpan | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing lies over the picture."""
        return self.heat is None and self.patch is None and not self.findings and not self.marks


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
    if request.slab is None:
        stored = request.image.frame(request.frame)
    else:
        stored = slab_of(request.image, request.slab, like=request.frame)
    progress(0.3, "filter")
    if request.filters:
        picture = filtered_picture(attributes, stored, request.filters, frame=request.frame)
    else:
        picture = plain_picture(attributes, stored, frame=request.frame)
    lookup = picture.lookup(request.voi, inverse=attributes.inverse != request.inverted, bits=request.bits)
    grey = apply_lut(picture.pixels, lookup, picture.first)
    if request.inverted and request.black_air and attributes.padding is None:
        grey = _without_air(grey, request.image)
    progress(0.7, "draw")
    grey = _sized(np.ascontiguousarray(request.orientation.apply(grey)), request.size)
    seen = _seen((grey.shape[0], grey.shape[1]), request)
    return grey[seen].copy() if request.plain else _with_overlays(grey, seen, request)


def _without_air(grey: ByteArray | WordArray, image: Image) -> ByteArray | WordArray:
    """Return greys in stored geometry with the air black."""
    air = find_air(image)
    if air is None:
        return grey
    seen = cv2.resize(255 - air, grey.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32) / np.float32(255)
    blackened: ByteArray | WordArray = np.rint(grey * seen).astype(grey.dtype)
    return blackened


def _seen(shape: tuple[int, int], request: Rendering) -> tuple[slice, slice]:
    """Return the part of the displayed picture that is wanted; at least one pixel."""
    if request.region is None:
        return slice(None), slice(None)
    (top, bottom), (left, right) = request.region
    corners = _placed(np.array([(top - 0.5, left - 0.5), (bottom - 0.5, right - 0.5)]), shape, request) + 0.5
    firsts = np.clip(np.floor(corners.min(axis=0) + 1e-6).astype(int), 0, np.array(shape) - 1)
    lasts = np.clip(np.ceil(corners.max(axis=0) - 1e-6).astype(int), firsts + 1, shape)
    return slice(int(firsts[0]), int(lasts[0])), slice(int(firsts[1]), int(lasts[1]))


def _placed(points: DoubleArray, shape: tuple[int, int], request: Rendering) -> DoubleArray:
    """Return stored points (N, 2) in pixels of the displayed picture of ``shape``."""
    stored = request.image.attributes.shape
    factors = np.array(shape, np.float64) / np.array(request.orientation.display_shape(stored), np.float64)
    # Pixel centres are integers: scale about the corner of the first pixel, not about its centre.
    return (request.orientation.to_display(points, stored) + 0.5) * factors - 0.5


def _sized(shown: ByteArray | WordArray, size: tuple[int, int] | None) -> ByteArray | WordArray:
    rows, columns = shown.shape
    if size is None or size == (rows, columns):
        return shown
    resized: ByteArray | WordArray = extract(
        shown, (0.0, float(rows)), (0.0, float(columns)), size, interpolation="linear"
    )
    return resized


def _with_overlays(grey: ByteArray | WordArray, seen: tuple[slice, slice], request: Rendering) -> ByteArray | WordArray:
    shape = (grey.shape[0], grey.shape[1])
    full = np.float32(np.iinfo(grey.dtype).max / 255)
    colours = np.repeat(grey[seen][:, :, None], 3, axis=2).astype(np.float32)
    ink = Ink.of_shape(shape)
    style = request.style
    if request.heat is not None:
        # The explanation of one patch is drawn as in the window.
        evidence = request.patch is not None and isinstance(request.heat, Heatmap)
        heat = _displayed(request.heat, shape, request, evidence=evidence)
        if style.contours or (evidence and style.threshold <= HALF):
            draw_contours(ink, heat, style, half=not style.contours)
        if not style.contours:
            layer = heatmap_layer(
                heat[seen],
                colormap_name=style.colormap,
                opacity=style.opacity,
                threshold=style.threshold,
                faintest=FAINTEST_EVIDENCE if evidence else FAINTEST,
            ).astype(np.float32)
            alpha = layer[..., 3:] / np.float32(255)
            colours += alpha * (layer[..., :3] * full - colours)
    _draw_marks(ink, shape, request)
    ink = ink.cut(seen)
    if request.heat is not None and request.legend:
        draw_legend(ink, request.legend, style, on_left=_darker_at_left(grey[seen]))
    colours += (ink.marks.astype(np.float32) * full) - colours * (
        ink.cover[..., :1].astype(np.float32) / np.float32(255)
    )
    limited = np.rint(np.clip(colours, 0, np.iinfo(grey.dtype).max))
    return limited.astype(np.uint8) if grey.dtype == np.uint8 else limited.astype(np.uint16)


def _displayed(heat: Heatmap | FloatArray, shape: tuple[int, int], request: Rendering, *, evidence: bool) -> FloatArray:
    """Return the scores as displayed, one per pixel of ``shape``."""
    if isinstance(heat, Heatmap):
        if evidence:
            displayed = request.orientation.display_shape(request.image.attributes.shape)
            heat = readable_evidence(heat, shape[0] / displayed[0])
        heat = heat.resampled(request.image.attributes.shape)
    turned = np.ascontiguousarray(request.orientation.apply(heat))
    resized = turned if turned.shape == shape else cv2.resize(turned, shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, np.float32)


def _darker_at_left(grey: ByteArray | WordArray) -> bool:
    """Return on which side there is more air for words."""
    third = max(1, grey.shape[1] // 3)
    return float(grey[::8, :third].mean()) < float(grey[::8, -third:].mean())


def _draw_marks(ink: Ink, shape: tuple[int, int], request: Rendering) -> None:
    """Draw the outlines of findings, of a model's marks and of the patch that is explained."""
    size_px = max(12, round(shape[0] / 90))
    for finding in request.findings:
        style: LineStyle = "dashed" if finding.origin == "algorithm" else "solid"
        text, colour = finding.label, label_colour(finding.label)
        if finding.is_measure:
            text, colour = finding.note or line_text(finding.roi, request.image.attributes), MEASURE
        for number, loop in enumerate(finding.roi.loops):
            placed = _placed(loop, shape, request)
            ink.draw_region(placed, colour, style=style, label="" if number else text, size_px=size_px)
    for mark in request.marks:
        placed = _placed(_corners(mark.box), shape, request)
        ink.draw_region(placed, WHITE, style="dashed", label=f"{mark.score:.2f}", size_px=size_px)
    if request.patch is not None:
        ink.draw_region(_placed(_corners(request.patch), shape, request), WHITE, style="dashed", size_px=size_px)


def _corners(box: tuple[float, float, float, float]) -> DoubleArray:
    top, left, bottom, right = box
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


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
