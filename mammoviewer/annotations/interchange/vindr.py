"""The finding table of VinDr-Mammo, both ways: boxes on 2-D images with classes, assessments and breast densities."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.density import SIDES, BreastDensity, examination_of, is_of, new_density
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interchange.boxes import Box, boxes_inside
from mammoviewer.annotations.interchange.named_images import find_image
from mammoviewer.annotations.interchange.tables import number, read_table, write_table
from mammoviewer.annotations.interchange.transfer import (
    DESCRIPTION,
    Imported,
    Losses,
    count_unsaid,
    placed,
    without_measures,
)
from mammoviewer.base.errors import AnnotationError
from mammoviewer.dicom.attributes import ImageAttributes

FORM = "VinDr-Mammo"
COLUMNS = (
    "study_id", "series_id", "image_id", "laterality", "view_position", "height", "width", "breast_birads",
    "breast_density", "finding_categories", "finding_birads", "xmin", "ymin", "xmax", "ymax", "split",
)  # fmt: skip
_CATEGORIES = {
    "Mass": "Mass",
    "Suspicious Calcification": "Calcifications",
    "Asymmetry": "Asymmetry",
    "Focal Asymmetry": "Focal asymmetry",
    "Global Asymmetry": "Global asymmetry",
    "Architectural Distortion": "Architectural distortion",
    "Skin Thickening": "Skin thickening",
    "Skin Retraction": "Skin retraction",
    "Nipple Retraction": "Nipple retraction",
    "Suspicious Lymph Node": "Axillary adenopathy",
}
_NONE = "No Finding"
_BIRADS = "BI-RADS "
_DENSITY = "DENSITY "


def write_vindr(
    path: Path,
    findings: Iterable[Finding],
    images: Sequence[ImageAttributes],
    densities: Sequence[BreastDensity] = (),
) -> Losses:
    """Write the findings as boxes; those of one box on one image are one row with several categories.

    Images of a breast of known density that have no findings get a row without any, as the data set has it.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    losses: Losses = Counter()
    by_label = {label: category for category, label in _CATEGORIES.items()}
    known = []
    kept = without_measures((finding for finding, _ in placed(findings, images, losses)), losses, FORM)
    by_identity = {image.identity: image for image in images}
    for finding in kept:
        if by_identity[finding.image_uid].frames > 1:
            losses["findings in volumes, which VinDr-Mammo does not hold"] += 1
        elif birads().label_for(finding.label) not in by_label:
            losses[f"findings of the class {finding.label or 'unlabelled'!r}, which VinDr-Mammo does not know"] += 1
        else:
            known.append(finding)
    count_unsaid(known, losses, FORM, "note", "score", "reader", *DESCRIPTION)
    rows: dict[tuple[str, Box, str], list[str]] = {}
    shapes = ((finding, by_identity[finding.image_uid].shape) for finding in known)
    for finding, box in boxes_inside(shapes, losses, FORM):
        rows.setdefault((finding.image_uid, box, finding.assessment), []).append(
            by_label[birads().label_for(finding.label)]
        )
    told = _told(images, densities, losses)
    written = [_row(by_identity[key[0]], key[1:], names, told) for key, names in rows.items()]
    empty = [image for image in images if image.identity in told and image.identity not in {key[0] for key in rows}]
    write_table(
        path, COLUMNS, [*written, *({**_facts(image, told), "finding_categories": str([_NONE])} for image in empty)]
    )
    return losses


def _told(
    images: Sequence[ImageAttributes], densities: Sequence[BreastDensity], losses: Losses
) -> dict[str, BreastDensity]:
    """Return by image the density that was said last of its breast; the table has room for one."""
    told: dict[str, BreastDensity] = {}
    for density in sorted(densities, key=lambda density: density.modified):
        told.update({image.identity: density for image in images if image.frames == 1 and is_of(density, image)})
    held = set(told.values())
    left = len({density.id for density in densities} - {density.id for density in held})
    named = sum(bool(density.reader) for density in held)
    if left:
        losses["breast densities of further readers, which VinDr-Mammo does not hold"] += left
    if named:
        losses["names of the readers of a breast density"] += named
    return told


def _facts(image: ImageAttributes, told: Mapping[str, BreastDensity]) -> dict[str, object]:
    density = told.get(image.identity)
    return {
        "study_id": image.StudyInstanceUID,
        "series_id": image.SeriesInstanceUID,
        "image_id": image.SOPInstanceUID or image.path.stem,
        "laterality": image.view.laterality,
        "view_position": image.view.position,
        "height": image.rows,
        "width": image.columns,
        "breast_density": f"{_DENSITY}{density.value.upper()}" if density is not None else "",
    }


def _row(
    image: ImageAttributes, place: tuple[Box, str], categories: Sequence[str], told: Mapping[str, BreastDensity]
) -> dict[str, object]:
    box, assessment = place
    return {
        **_facts(image, told),
        "finding_categories": str(list(dict.fromkeys(categories))),
        "finding_birads": f"{_BIRADS}{assessment}" if assessment else "",
        "xmin": repr(float(box.left)),
        "ymin": repr(float(box.top)),
        "xmax": repr(float(box.right)),
        "ymax": repr(float(box.bottom)),
    }


def read_vindr(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return the findings of a table, one for each category of a row, and the densities of the breasts.

    Raises
    ------
    AnnotationError
        If a row is not as the data set has it; the text names the line.
    """
    losses: Losses = Counter()
    _, rows = read_table(path)
    findings: list[Finding] = []
    densities: dict[str, BreastDensity] = {}
    for line, row in enumerate(rows, start=2):
        categories = _categories(row.get("finding_categories", ""), line, path)
        name = row.get("image_id", "")
        image = find_image(images, identity=name, name=f"{name}.dicom", only_one=False)
        if image is not None and (density := _density(row, image, line, path)) is not None:
            densities[density.id] = density
        if categories in ([], [_NONE]):
            continue
        if image is None:
            losses["rows of images that are not open"] += 1
            continue
        left, top, right, bottom = (number(row, column, line, path) for column in ("xmin", "ymin", "xmax", "ymax"))
        assessment = row.get("finding_birads", "").removeprefix(_BIRADS)
        if not left < right or not top < bottom:
            raise AnnotationError(f"line {line}: the box has no extent", path=path)
        roi = Box(left, top, right, bottom).roi()
        findings += [
            new_finding(image.identity, 0, roi, _CATEGORIES.get(category, category), assessment=assessment)
            for category in categories
        ]
    return Imported(tuple(findings), losses, tuple(densities.values()))


def _density(row: Mapping[str, str], image: ImageAttributes, line: int, path: Path) -> BreastDensity | None:
    said, side = row.get("breast_density", "").strip(), row.get("laterality") or image.view.laterality
    if not said or side not in SIDES:
        return None
    try:
        return new_density(examination_of(image), side, said.removeprefix(_DENSITY).lower())
    except AnnotationError as error:
        raise AnnotationError(f"line {line}: breast_density {said[:40]!r} is none", path=path) from error


def _categories(text: str, line: int, path: Path) -> list[str]:
    try:
        found = ast.literal_eval(text) if text else []
    except (ValueError, SyntaxError) as error:
        raise AnnotationError(f"line {line}: finding_categories is no list of names", path=path) from error
    return [str(name) for name in found] if isinstance(found, list) else [str(found)]
