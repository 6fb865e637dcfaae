"""The numbers of a region or measure, as reports and tables give them: lengths, angles, areas, stored values."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.measure import angle_degrees, length
from mammoviewer.imaging.statistics import region_statistics

_LENGTHS = frozenset({RoiKind.DISTANCE, RoiKind.PROFILE})


@dataclass(frozen=True)
class Figure:
    """One number. ``unit`` is mm, mm2, deg, or px, px2 where the pixel size is not known, or "" for stored values."""

    name: str
    value: float
    unit: str


def figures_of(finding: Finding, image: Image) -> tuple[Figure, ...]:
    """Return the numbers of a finding; stored values are of the frame as it is in the file, padding included.

    Raises
    ------
    DecodeError
        The frame of a region cannot be decoded.
    """
    roi, spacing = finding.roi, image.attributes.pixel_spacing
    pixel = (spacing.row_mm, spacing.column_mm) if spacing is not None else (1.0, 1.0)
    unit = "mm" if spacing is not None else "px"
    if roi.kind in _LENGTHS:
        return (Figure("Length", length(roi.points[0], roi.points[1], pixel), unit),)
    if roi.kind is RoiKind.ANGLE:
        first, vertex, last = roi.points
        return (Figure("Angle", angle_degrees(first, vertex, last, pixel), "deg"),)
    if roi.area_px == 0.0:
        return ()
    area = Figure("Area", roi.area_px * pixel[0] * pixel[1], f"{unit}2")
    return (area, *_values(finding, image))


def _values(finding: Finding, image: Image) -> tuple[Figure, ...]:
    top, left, bottom, right = finding.roi.bounding_box()
    shape = image.attributes.shape
    rows = slice(min(max(0, math.floor(top)), shape[0]), max(0, min(shape[0], math.ceil(bottom) + 1)))
    columns = slice(min(max(0, math.floor(left)), shape[1]), max(0, min(shape[1], math.ceil(right) + 1)))
    part = image.frame(finding.frame)[rows, columns]
    if not part.size:
        return ()
    mask = finding.roi.moved(-rows.start, -columns.start).mask((part.shape[0], part.shape[1]))
    found = region_statistics(part, mask)
    if not found.count:
        return ()
    return (
        Figure("Mean", found.mean, ""),
        Figure("Standard Deviation", found.deviation, ""),
        Figure("Minimum", found.minimum, ""),
        Figure("Maximum", found.maximum, ""),
    )
