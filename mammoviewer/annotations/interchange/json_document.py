"""Findings as a JSON document of this program: lossless, versioned, and strict when read.

``{"schema_version": 3, "convention": ..., "images": [...], "findings": [...], "densities": [...]}``. Points are
(row, column) of stored pixels, an integer is a pixel's centre; frames count from 0 in the order of their places. An
image whose file has another order tells the place of each frame in it as ``frame_order``. No patient is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.transfer import Imported
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError, ExportError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.dicom.attributes import ImageAttributes

SCHEMA_VERSION = 3
_READ_VERSIONS = (1, 2, SCHEMA_VERSION)
_CONVENTION = "points are [row, column] of stored pixels, an integer is a pixel's centre; frames count from 0"
_LARGEST_FILE = 200 << 20
_FIELDS = tuple(field.name for field in fields(Finding))
_DENSITY_FIELDS = tuple(field.name for field in fields(BreastDensity))
_REQUIRED = ("id", "image_uid", "frame", "roi", "label")


def write_json(
    path: Path,
    findings: Iterable[Finding],
    images: Sequence[ImageAttributes] = (),
    densities: Iterable[BreastDensity] = (),
) -> None:
    """Write findings and breast densities, and the images that they belong to.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    write_document(path, json_document(findings, [_image_record(image) for image in images], densities))


def json_document(
    findings: Iterable[Finding], images: Sequence[dict[str, Any]], densities: Iterable[BreastDensity]
) -> dict[str, Any]:
    """Return the document of findings and densities; ``images`` are the records of their images."""
    return {
        "schema_version": SCHEMA_VERSION,
        "convention": _CONVENTION,
        "images": list(images),
        "findings": [_finding_record(finding) for finding in findings],
        "densities": [asdict(density) for density in densities],
    }


def read_json(path: Path) -> tuple[Finding, ...]:
    """Return the findings of a document, in its order; errors as :func:`read_everything`."""
    return read_everything(path).findings


def read_everything(path: Path) -> Imported:
    """Return the findings and breast densities of a document, in its order.

    Raises
    ------
    AnnotationError
        If the file cannot be read, is of another version, or holds something else; the text names the place.
    """
    document = _document(path)
    version = document.get("schema_version")
    if version not in _READ_VERSIONS or isinstance(version, bool):
        found = "missing" if version is None else repr(version)[:40]
        hint = f"this program reads versions up to {SCHEMA_VERSION}"
        raise AnnotationError(f"schema_version is {found}", hint=hint, path=path)
    records = document.get("findings")
    if not isinstance(records, list):
        raise AnnotationError("findings must be a list", path=path)
    findings = tuple(_finding(record, f"findings[{index}]", path) for index, record in enumerate(records))
    if len({finding.id for finding in findings}) != len(findings):
        raise AnnotationError("findings: two have the same id", path=path)
    said = document.get("densities", [])
    if not isinstance(said, list):
        raise AnnotationError("densities must be a list", path=path)
    densities = tuple(_density(record, f"densities[{index}]", path) for index, record in enumerate(said))
    return Imported(findings, densities=densities)


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write strict, indented JSON.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        write_text_atomically(path, text + "\n")
    except OSError as error:
        raise ExportError(
            f"cannot be written: {error.strerror}", hint="choose a folder that can be written", path=path
        ) from error
    except UnicodeEncodeError as error:
        raise ExportError("a text holds characters that cannot be written", path=path) from error


def _image_record(image: ImageAttributes) -> dict[str, Any]:
    spacing = image.pixel_spacing
    return {
        "image_uid": image.identity,
        "file": image.path.name,
        "StudyInstanceUID": image.StudyInstanceUID,
        "SeriesInstanceUID": image.SeriesInstanceUID,
        "rows": image.rows,
        "columns": image.columns,
        "frames": image.frames,
        **({"frame_order": list(image.frame_order)} if image.frame_order else {}),
        "view": image.view.label,
        "pixel_spacing_mm": [spacing.row_mm, spacing.column_mm] if spacing is not None else None,
        "pixel_spacing_source": spacing.source if spacing is not None else None,
    }


def _finding_record(finding: Finding) -> dict[str, Any]:
    record = {name: getattr(finding, name) for name in _FIELDS}
    record["roi"] = {"kind": finding.roi.kind.value, "points": [list(point) for point in finding.roi.points]}
    return record


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise AnnotationError("the file is too large to be a document of findings", path=path)
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}", path=path) from error
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"is not JSON: {error}", path=path) from error
    if not isinstance(document, dict):
        raise AnnotationError("is not a document of findings: it must be an object", path=path)
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def _finding(record: object, place: str, path: Path) -> Finding:
    if not isinstance(record, dict):
        raise AnnotationError(f"{place} must be an object", path=path)
    for name in _REQUIRED:
        if name not in record:
            raise AnnotationError(f"{place}.{name} is missing", path=path)
    for name in record:
        if name not in _FIELDS:
            raise AnnotationError(f"{place}.{name[:40]} is not a field of a finding", path=path)
    roi = _roi(record["roi"], f"{place}.roi", path)
    try:
        return Finding(**{**record, "roi": roi})
    except AnnotationError as error:
        raise AnnotationError(f"{place}: {error.reason}", path=path) from error


def _density(record: object, place: str, path: Path) -> BreastDensity:
    if not isinstance(record, dict) or not {"study_uid", "laterality", "value"} <= set(record) <= set(_DENSITY_FIELDS):
        raise AnnotationError(f"{place} must be an object with study_uid, laterality and value", path=path)
    try:
        return BreastDensity(**record)
    except AnnotationError as error:
        raise AnnotationError(f"{place}: {error.reason}", path=path) from error


def _roi(record: object, place: str, path: Path) -> Roi:
    if not isinstance(record, dict) or set(record) != {"kind", "points"}:
        raise AnnotationError(f"{place} must be an object with kind and points", path=path)
    kind, points = record["kind"], record["points"]
    if kind not in tuple(RoiKind):
        raise AnnotationError(f"{place}.kind must be one of {', '.join(RoiKind)}", path=path)
    if not isinstance(points, list) or not all(_is_point(point) for point in points):
        raise AnnotationError(f"{place}.points must be a list of [row, column]", path=path)
    try:
        return Roi(RoiKind(kind), tuple((point[0], point[1]) for point in points))
    except (AnnotationError, OverflowError) as error:
        raise AnnotationError(f"{place}.points: {error}", path=path) from error


def _is_point(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in value)
    )
