"""Findings, measures with their numbers and breast densities as CSV, both ways; ``points`` holds the region itself.

``frame`` counts from 1 in the order of the file. Places are (row, column) of stored pixels, an integer is a centre.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mammoviewer.annotations.density import BreastDensity, examination_of, is_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.figures import figures_of
from mammoviewer.annotations.interchange.named_images import find_image
from mammoviewer.annotations.interchange.tables import number, read_table, write_table
from mammoviewer.annotations.interchange.transfer import Imported, Losses, placed
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.image import Image

_FIGURES = ("Length", "Angle", "Area", "Mean", "Standard Deviation", "Minimum", "Maximum")
_DENSITY = "density"
"""What stands in the column ``kind`` of the row of a breast density."""
_WORDS = ("label", "note", "assessment", "origin", "reader", "created", "modified", "lesion")
COLUMNS = (
    "image_uid", "file", "view", "frame", "finding_id", "kind", *_WORDS, "score", "confidence",
    "descriptors", "row", "column", "height_px",
    "width_px", *(name.lower().replace(" ", "_") for name in _FIGURES), "length_unit", "pixel_spacing_source", "points",
    "laterality", "breast_density", "terms",
)  # fmt: skip


def write_measurement_csv(
    path: Path, findings: Iterable[Finding], images: Sequence[Image], densities: Sequence[BreastDensity] = ()
) -> Losses:
    """Write a row for each finding and measure, and for each breast density one with the first image of the breast.

    Raises
    ------
    ExportError
        If the file cannot be written.
    DecodeError
        A frame whose values are to be measured cannot be decoded.
    """
    losses: Losses = Counter()
    by_identity = {image.attributes.identity: image for image in images}
    facts = [image.attributes for image in images]
    rows = [_row(finding, by_identity[f.identity]) for finding, f in placed(findings, facts, losses)]
    for density in densities:
        image = next((image for image in facts if is_of(density, image)), None)
        if image is None:
            losses["breast densities without an image of the breast"] += 1
        else:
            rows.append(_density_row(density, image))
    write_table(path, COLUMNS, rows)
    return losses


def _density_row(density: BreastDensity, image: ImageAttributes) -> dict[str, object]:
    return {
        "image_uid": image.identity,
        "file": image.path.name,
        "view": image.view.label,
        "kind": _DENSITY,
        "reader": density.reader,
        "modified": density.modified,
        "laterality": density.laterality,
        "breast_density": density.value,
        "terms": density.terms,
    }


def _row(finding: Finding, image: Image) -> dict[str, object]:
    attributes = image.attributes
    spacing = attributes.pixel_spacing
    top, left, bottom, right = finding.roi.bounding_box()
    row, column = finding.roi.centre
    figures = {f.name.lower().replace(" ", "_"): f"{f.value:.12g}" for f in figures_of(finding, image)}
    return {
        "image_uid": attributes.identity,
        "file": attributes.path.name,
        "view": attributes.view.label,
        "frame": attributes.file_frame(finding.frame) + 1,
        "finding_id": finding.id,
        "kind": finding.roi.kind.value,
        **{name: getattr(finding, name) for name in _WORDS},
        "score": "" if finding.score is None else repr(finding.score),
        "confidence": "" if finding.confidence is None else repr(finding.confidence),
        "descriptors": json.dumps(finding.descriptors) if finding.descriptors else "",
        "row": row,
        "column": column,
        "height_px": bottom - top,
        "width_px": right - left,
        **figures,
        "length_unit": "mm" if spacing is not None else "px",
        "pixel_spacing_source": spacing.source if spacing is not None else "",
        "points": json.dumps(finding.roi.points),
        "laterality": attributes.view.laterality,
    }


def read_measurement_csv(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return the findings and breast densities of a table that this program wrote.

    Raises
    ------
    AnnotationError
        If a row is not as it was written; the text names the line.
    """
    losses: Losses = Counter()
    _, rows = read_table(path)
    findings, densities = [], []
    for line, row in enumerate(rows, start=2):
        image = find_image(images, identity=row.get("image_uid", ""), name=row.get("file", ""))
        if row.get("kind") == _DENSITY:
            if image is None:
                losses["breast densities of examinations that are not open"] += 1
            else:
                densities.append(_density(row, image, line, path))
            continue
        frame = int(number(row, "frame", line, path)) - 1
        if image is None or not 0 <= frame < image.frames:
            losses["rows of images or frames that are not open"] += 1
        else:
            findings.append(_finding(row, image, image.frame_of_file(frame), line, path))
    return Imported(tuple(findings), losses, tuple(densities))


def _density(row: Mapping[str, str], image: ImageAttributes, line: int, path: Path) -> BreastDensity:
    said = (row.get(name, "") for name in ("laterality", "breast_density", "reader", "modified", "terms"))
    try:
        return BreastDensity(examination_of(image), *said)
    except AnnotationError as error:
        raise AnnotationError(f"line {line} is not as this program writes it", path=path) from error


def _finding(row: Mapping[str, str], image: ImageAttributes, frame: int, line: int, path: Path) -> Finding:
    try:
        roi = Roi(RoiKind(row["kind"]), tuple((float(r), float(c)) for r, c in json.loads(row["points"])))
        words = {name: row.get(name, "") for name in _WORDS}
        score = float(row["score"]) if row.get("score") else None
        return Finding(
            id=row["finding_id"],
            image_uid=image.identity,
            frame=frame,
            roi=roi,
            score=score,
            confidence=float(row["confidence"]) if row.get("confidence") else None,
            descriptors=tuple((name, term) for name, term in json.loads(row.get("descriptors") or "[]")),
            **words,
        )
    except (KeyError, ValueError, TypeError, AnnotationError) as error:
        raise AnnotationError(f"line {line} is not as this program writes it", path=path) from error
