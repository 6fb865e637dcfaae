"""Which kind of file of findings a file is, and its findings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mammoviewer.annotations.density import examination_of
from mammoviewer.annotations.interchange import measurement_csv
from mammoviewer.annotations.interchange.cad_sr_import import read_cad_sr
from mammoviewer.annotations.interchange.coco_import import read_coco
from mammoviewer.annotations.interchange.dbtex import read_dbtex
from mammoviewer.annotations.interchange.gsps_import import read_gsps
from mammoviewer.annotations.interchange.json_document import read_everything
from mammoviewer.annotations.interchange.label_masks import list_beside, read_masks
from mammoviewer.annotations.interchange.labelme import read_labelme
from mammoviewer.annotations.interchange.measurement_sr_import import read_measurement_sr
from mammoviewer.annotations.interchange.seg_import import read_seg
from mammoviewer.annotations.interchange.tables import read_table
from mammoviewer.annotations.interchange.transfer import Imported, Losses
from mammoviewer.annotations.interchange.vindr import read_vindr
from mammoviewer.annotations.interchange.yolo import CLASSES, read_yolo
from mammoviewer.base.errors import AnnotationError, MammoViewerError
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import CompanionKind
from mammoviewer.dicom.header import looks_like_dicom
from mammoviewer.dicom.image import Image

_Read: TypeAlias = Callable[[Path, Sequence[ImageAttributes]], Imported]
_OBJECTS: dict[CompanionKind, _Read] = {
    CompanionKind.SEGMENTATION: read_seg,
    CompanionKind.CAD: read_cad_sr,
    CompanionKind.MEASUREMENTS: read_measurement_sr,
    CompanionKind.REPORT: read_measurement_sr,
    CompanionKind.PRESENTATION: read_gsps,
}
_HEAD = 136
_MASKS = (".png", ".tif", ".tiff")
_HINT = "DICOM SEG, SR, CAD SR and presentation states, JSON, COCO, labelme, YOLO, CSV and masks are read"


def import_file(path: Path, images: Sequence[Image]) -> Imported:
    """Return the findings that a file of any known kind has for ``images``.

    Raises
    ------
    AnnotationError
        If the file is of no known kind, or is not as its kind has it.
    InputError
        If a DICOM object cannot be read.
    """
    facts = [image.attributes for image in images]
    suffix = path.suffix.lower()
    if _is_dicom(path):
        kind = read_companion(path).kind
        if kind not in _OBJECTS:
            raise AnnotationError(f"a {kind} holds no findings", path=path)
        return _OBJECTS[kind](path, facts)
    if suffix == ".json":
        return _json(path, facts)
    if suffix == ".csv":
        return _table(path, images)
    if suffix == ".txt" and path.name != CLASSES:
        return read_yolo(path, facts)
    if suffix in _MASKS:
        return read_masks(path, facts)
    raise AnnotationError("is no file of findings that is known", hint=_HINT, path=path)


def may_hold_findings(path: Path) -> bool:
    """Return whether a file among others in a folder is one of findings, and not a picture or a list beside them."""
    suffix = path.suffix.lower()
    if suffix in _MASKS:
        return bool(list_beside(path))
    if suffix == ".json":
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return True  # what cannot be read is told when it is imported
        return isinstance(document, dict) and bool({"shapes", "annotations", "findings"} & set(document))
    if suffix in (".csv", ".txt"):
        return path.name != CLASSES
    return _is_dicom(path)


def is_file_of_findings(path: Path) -> bool:
    """Return whether a file is one of findings by its form; of what is none, and cannot be read, is said it is not."""
    try:
        if not may_hold_findings(path):
            return False
        return not _is_dicom(path) or read_companion(path).kind in _OBJECTS
    except MammoViewerError:
        return False


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            return looks_like_dicom(handle.read(_HEAD))
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}", path=path) from error


def _json(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AnnotationError("cannot be read as JSON", path=path) from error
    if isinstance(document, dict) and "shapes" in document:
        return read_labelme(path, document, images)
    if isinstance(document, dict) and "annotations" in document and "images" in document:
        return read_coco(path, document, images)
    losses: Losses = Losses()
    known = {image.identity: image.frames for image in images}
    findings = []
    everything = read_everything(path)
    for finding in everything.findings:
        if finding.frame < known.get(finding.image_uid, 0):
            findings.append(finding)
        else:
            losses["findings of images that are not open"] += 1
    examinations = {examination_of(image) for image in images}
    densities = tuple(density for density in everything.densities if density.study_uid in examinations)
    losses["breast densities of examinations that are not open"] += len(everything.densities) - len(densities)
    return Imported(tuple(findings), +losses, densities)


def _table(path: Path, images: Sequence[Image]) -> Imported:
    columns, _ = read_table(path)
    facts = [image.attributes for image in images]
    if "finding_categories" in columns:
        return read_vindr(path, facts)
    if "points" in columns and "finding_id" in columns:
        return measurement_csv.read_measurement_csv(path, facts)
    if {"StudyUID", "View", "X", "Y", "Width", "Height"} <= set(columns):
        return read_dbtex(path, images)
    raise AnnotationError("is no table of findings that is known", hint=_HINT, path=path)
