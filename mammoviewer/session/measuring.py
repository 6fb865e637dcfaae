"""What a reader wants to know of a region: how large it is and how bright."""

from __future__ import annotations

import math

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.spacing import UNCALIBRATED
from mammoviewer.imaging.statistics import region_statistics
from mammoviewer.session.workspace import Workspace


def region_figures(workspace: Workspace, finding: Finding) -> str:
    """Return size and stored values of a finding's region in one line, such as ``12.0 x 9.5 mm at detector, 88.1 mm²``.

    Empty for a point, for an image that is not open, and while its frame is not decoded. Sizes are in pixels where the
    pixel size is not known; else the unit says how far to trust them.
    """
    if finding.roi.kind is RoiKind.POINT or not workspace.is_open(finding.image_uid):
        return ""
    image = workspace.state(finding.image_uid).image
    stored = image.cached_frame(finding.frame)
    if stored is None:
        return ""
    top, left, bottom, right = finding.roi.bounding_box()
    rows = slice(max(0, math.floor(top)), min(stored.shape[0], math.ceil(bottom) + 1))
    columns = slice(max(0, math.floor(left)), min(stored.shape[1], math.ceil(right) + 1))
    # Only the box is looked at: a mask of the whole image would hold up the window.
    part = stored[rows, columns]
    if not part.size:
        return ""
    mask = finding.roi.moved(-rows.start, -columns.start).mask((part.shape[0], part.shape[1]))
    figures = region_statistics(part, mask)
    if not figures.count:
        return ""
    size = _size(image.attributes, bottom - top, right - left, finding.roi.area_px)
    return (
        f"{size}, mean {figures.mean:.0f}, sd {figures.deviation:.0f}, {figures.minimum:.0f} to {figures.maximum:.0f}"
    )


def _size(attributes: ImageAttributes, rows: float, columns: float, area: float) -> str:
    spacing = attributes.pixel_spacing
    if spacing is None:
        return f"{columns:.0f} x {rows:.0f} {UNCALIBRATED}, {area:.0f} px\u00b2"
    width, height = columns * spacing.column_mm, rows * spacing.row_mm
    return f"{width:.1f} x {height:.1f} {spacing.source}, {area * spacing.row_mm * spacing.column_mm:.1f} mm\u00b2"
