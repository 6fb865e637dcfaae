"""What a reader wants to know of a region or a measure: how large it is and how bright."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import LINES, Roi, RoiKind
from mammoviewer.base.arrays import BoolArray, StoredArray
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.spacing import UNCALIBRATED
from mammoviewer.imaging.measure import Profile, angle_degrees, length, profile
from mammoviewer.imaging.slab import SlabSpan
from mammoviewer.imaging.statistics import region_statistics
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.viewer_state import ViewerState

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace

_BINS = 64
_KEPT = 500
Measured = tuple[object, int, Roi, object, SlabSpan | None]
"""What figures belong to: the reading of the image's file, frame, region, pixel spacing, slab."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts (n,) of stored values between edges (n + 1,)."""

    counts: StoredArray
    edges: StoredArray


def measured_of(workspace: Workspace, finding: Finding) -> Measured:
    """Return what the figures of a finding belong to: they are made anew when any of it is another one."""
    if not workspace.is_open(finding.image_uid):
        return None, finding.frame, finding.roi, None, None
    state = workspace.state(finding.image_uid)
    facts = state.image.serial, finding.frame, finding.roi, state.image.attributes.pixel_spacing
    return *facts, _slab(state, finding.frame)


def region_figures(workspace: Workspace, finding: Finding) -> str:
    """Return size and stored values of a finding's region in one line, such as ``12.0 x 9.5 mm at detector, 88.1 mm²``.

    Empty for points and lines, for an image that is not open, and while its frame is not decoded. Sizes are in pixels
    where the pixel size is not known; else the unit says how far to trust them.
    """
    inside = _inside(workspace, finding)
    if inside is None:
        return ""
    part, mask = inside
    figures = region_statistics(part, mask)
    if not figures.count:
        return ""
    top, left, bottom, right = finding.roi.bounding_box()
    attributes = workspace.state(finding.image_uid).image.attributes
    size = _size(attributes, bottom - top, right - left, finding.roi.area_px)
    span = _slab(workspace.state(finding.image_uid), finding.frame)
    thick = f", slab by {span.mode.value}" if span is not None else ""
    values = f"mean {figures.mean:.0f}, sd {figures.deviation:.0f}, {figures.minimum:.0f} to {figures.maximum:.0f}"
    return f"{size}, {values}{thick}"


def region_histogram(workspace: Workspace, finding: Finding) -> Histogram | None:
    """Return how often the stored values occur in a finding's region; None where :func:`region_figures` is empty."""
    inside = _inside(workspace, finding)
    values = inside[0][inside[1]] if inside is not None else None
    if values is None or not values.size:
        return None
    low, high = int(values.min()), int(values.max())
    step = max(1, math.ceil((high - low + 1) / _BINS))
    # Whole numbers fall into bins of whole width, or some bins would hold more of them than others.
    edges = np.arange(low, high + step + 1, step) - 0.5
    counts, edges = np.histogram(values, bins=edges)
    return Histogram(counts, edges)


def line_profile(workspace: Workspace, finding: Finding) -> Profile | None:
    """Return the stored values along a profile; None for others and while the frame is not decoded."""
    stored = _stored(workspace, finding)
    if finding.roi.kind is not RoiKind.PROFILE or stored is None or finding.roi.points[0] == finding.roi.points[1]:
        return None
    spacing = workspace.state(finding.image_uid).image.attributes.pixel_spacing
    pixel = (spacing.row_mm, spacing.column_mm) if spacing is not None else (1.0, 1.0)
    return profile(stored, finding.roi.points[0], finding.roi.points[1], pixel)


def line_text(roi: Roi, attributes: ImageAttributes) -> str:
    """Return the length of a distance or profile with where its pixel size comes from, or an angle; else empty."""
    spacing = attributes.pixel_spacing
    pixel = (spacing.row_mm, spacing.column_mm) if spacing is not None else (1.0, 1.0)
    if roi.kind is RoiKind.ANGLE:
        first, vertex, last = roi.points
        return f"{angle_degrees(first, vertex, last, pixel):.1f}\u00b0"
    if roi.kind not in {RoiKind.DISTANCE, RoiKind.PROFILE}:
        return ""
    value = length(roi.points[0], roi.points[1], pixel)
    return f"{value:.1f} {spacing.source}" if spacing is not None else f"{value:.0f} {UNCALIBRATED}"


class Measures:
    """The texts of measures; those that need pixels are made in the background and kept.

    Signals: ``changed()`` on a worker's thread when a text has come.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace, runner: ThreadRunner) -> None:
        self._workspace = workspace
        self._runner = runner
        self._texts: dict[Measured, str] = {}
        self._lock = threading.Lock()

    def text(self, finding: Finding) -> str:
        """Return what a measure says: its length, angle or statistics, or what the reader wrote; never blocks."""
        kind = finding.roi.kind
        if kind in {RoiKind.ARROW, RoiKind.TEXT}:
            return finding.note
        if not self._workspace.is_open(finding.image_uid):
            return ""
        attributes = self._workspace.state(finding.image_uid).image.attributes
        if kind in LINES:
            return line_text(finding.roi, attributes)
        key = measured_of(self._workspace, finding)
        with self._lock:
            found = self._texts.get(key)
        if found is None:
            self._measure(key, finding)
        return found or "\u2026"

    def _measure(self, key: Measured, finding: Finding) -> None:
        def work(progress: Progress) -> None:
            text = region_figures(self._workspace, finding)
            if not text:  # the frame is on its way; it is asked again when that is painted
                return
            with self._lock:
                if len(self._texts) >= _KEPT:
                    self._texts.clear()
                self._texts[key] = text.replace(", mean", "\nmean", 1)
            self.changed.emit()

        self._runner.submit("Measure", work, key=("measure", finding.id), priority=3)


def seen_values(workspace: Workspace, identity: str, frame: int) -> StoredArray | None:
    """Return the stored values of what the reader sees of a frame: those of its slab while one is shown.

    Returns
    -------
    StoredArray or None
        (rows, columns); None while they are not decoded, or the image is not open.
    """
    if not workspace.is_open(identity):
        return None
    state = workspace.state(identity)
    if _slab(state, frame) is not None:
        return workspace.pictures.stored(state, frame)
    return state.image.cached_frame(frame)


def _stored(workspace: Workspace, finding: Finding) -> StoredArray | None:
    return seen_values(workspace, finding.image_uid, finding.frame)


def _slab(state: ViewerState, frame: int) -> SlabSpan | None:
    """Return the slab in which the reader sees a slice, None while single slices are seen."""
    return state.slab if state.frame == frame else None


def _inside(workspace: Workspace, finding: Finding) -> tuple[StoredArray, BoolArray] | None:
    """Return the stored values about a region and which of them it holds; None where there is nothing to measure."""
    stored = _stored(workspace, finding)
    if stored is None or finding.roi.area_px == 0.0:
        return None
    top, left, bottom, right = finding.roi.bounding_box()
    rows = slice(max(0, math.floor(top)), min(stored.shape[0], math.ceil(bottom) + 1))
    columns = slice(max(0, math.floor(left)), min(stored.shape[1], math.ceil(right) + 1))
    # Only the box is looked at: a mask of the whole image would hold up the window.
    part = stored[rows, columns]
    if not part.size:
        return None
    return part, finding.roi.moved(-rows.start, -columns.start).mask((part.shape[0], part.shape[1]))


def _size(attributes: ImageAttributes, rows: float, columns: float, area: float) -> str:
    spacing = attributes.pixel_spacing
    if spacing is None:
        return f"{columns:.0f} x {rows:.0f} {UNCALIBRATED}, {area:.0f} px\u00b2"
    width, height = columns * spacing.column_mm, rows * spacing.row_mm
    return f"{width:.1f} x {height:.1f} {spacing.source}, {area * spacing.row_mm * spacing.column_mm:.1f} mm\u00b2"
