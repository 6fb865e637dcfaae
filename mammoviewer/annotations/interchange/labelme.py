"""labelme JSON, both ways: a file for each frame. labelme measures from the corner of the first pixel, as COCO does.

What labelme has no field for stands in ``attributes`` of a shape, which labelme keeps as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interchange.boxes import Box
from mammoviewer.annotations.interchange.corner_outlines import ELLIPSE_VERTICES, region_of
from mammoviewer.annotations.interchange.json_document import write_document
from mammoviewer.annotations.interchange.named_images import find_frame, find_image
from mammoviewer.annotations.interchange.side_facts import facts_of, with_facts
from mammoviewer.annotations.interchange.transfer import Imported, Losses, without_measures
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError
from mammoviewer.dicom.attributes import ImageAttributes

_VERSION = "5.5.0"
_UNLABELLED = "unlabelled"


def write_labelme(path: Path, findings: Sequence[Finding], image: ImageAttributes, frame: int, picture: str) -> Losses:
    """Write the findings of one frame; ``picture`` is the file of the picture beside it, which labelme shows.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    losses: Losses = Counter()
    kept = without_measures((f for f in findings if f.frame == frame), losses, "labelme")
    document: dict[str, Any] = {
        "version": _VERSION,
        "flags": {},
        "shapes": [_shape(finding) for finding in kept],
        "imagePath": picture,
        "imageData": None,
        "imageHeight": image.rows,
        "imageWidth": image.columns,
        "image_uid": image.identity,
        "frame_index": image.file_frame(frame),
    }
    write_document(path, document)
    return losses


def _shape(finding: Finding) -> dict[str, Any]:
    kinds = {RoiKind.POINT: "point", RoiKind.RECTANGLE: "rectangle"}
    kind = kinds.get(finding.roi.kind, "polygon")
    points = finding.roi.outline(ELLIPSE_VERTICES) if kind == "polygon" else finding.roi.points
    return {
        "label": finding.label or _UNLABELLED,
        "points": [[float(column) + 0.5, float(row) + 0.5] for row, column in points],
        "group_id": None,
        "description": finding.note,
        "shape_type": kind,
        "flags": {},
        "mask": None,
        "attributes": facts_of(finding),
    }


def read_labelme(path: Path, document: Mapping[str, Any], images: Sequence[ImageAttributes]) -> Imported:
    """Return the findings of a labelme file; its image is told by ``image_uid``, its picture's name or its own name.

    Raises
    ------
    AnnotationError
        If a shape is not as labelme has it; the text names it.
    """
    losses: Losses = Counter()
    place = _place(path, document, images)
    shapes = document["shapes"]
    if not isinstance(shapes, list):
        raise AnnotationError("shapes must be a list", path=path)
    if place is None:
        losses["shapes on images that are not open"] += len(shapes)
        return Imported((), losses)
    findings = []
    for index, shape in enumerate(shapes):
        try:
            roi = _region(shape)
            if roi is None:
                losses[f"shapes of the type {shape.get('shape_type')}"] += 1
            else:
                findings.append(_finding(shape, roi, *place))
        except (KeyError, TypeError, ValueError, AttributeError, AnnotationError) as error:
            raise AnnotationError(f"shapes[{index}] is not as labelme has it", path=path) from error
    return Imported(tuple(findings), losses)


def _place(
    path: Path, document: Mapping[str, Any], images: Sequence[ImageAttributes]
) -> tuple[ImageAttributes, int] | None:
    identity, frame = str(document.get("image_uid", "")), document.get("frame_index", 0)
    image = find_image(images, identity=identity) if identity else None
    if image is not None and isinstance(frame, int) and 0 <= frame < image.frames:
        return image, image.frame_of_file(frame)
    for name in (str(document.get("imagePath") or ""), path.name):
        found = find_frame(images, name)
        if found is not None:
            return found
    return (images[0], 0) if len(images) == 1 and images[0].frames == 1 and not identity else None


def _region(shape: Mapping[str, Any]) -> Roi | None:
    kind, points = shape.get("shape_type", "polygon"), [(float(x), float(y)) for x, y in shape["points"]]
    if kind == "point":
        return Roi(RoiKind.POINT, ((points[0][1] - 0.5, points[0][0] - 0.5),))
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points[0], points[2] if len(points) == 4 else points[1]
        return Box(x0, y0, x1, y1).roi()
    if kind == "circle":
        (x, y), (edge_x, edge_y) = points
        radius = float(((edge_x - x) ** 2 + (edge_y - y) ** 2) ** 0.5)
        return replace(Box(x - radius, y - radius, x + radius, y + radius).roi(), kind=RoiKind.ELLIPSE)
    if kind == "polygon":
        return region_of(points, str((shape.get("attributes") or {}).get("kind", "")))
    return None


def _finding(shape: Mapping[str, Any], roi: Roi, image: ImageAttributes, frame: int) -> Finding:
    label = str(shape.get("label") or "")
    made = new_finding(image.identity, frame, roi, "" if label == _UNLABELLED else label)
    facts = {**(shape.get("attributes") or {}), "note": shape.get("description")}
    return with_facts(made, facts)
