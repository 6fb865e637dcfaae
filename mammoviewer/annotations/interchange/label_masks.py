"""Masks as pictures, both ways: a PNG for an image, a TIFF of all frames for a volume; the value is the class's number.

``NAME.json`` beside a mask tells the classes and the image. Pixels are as stored in the file, frames in its order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interchange.json_document import write_document
from mammoviewer.annotations.interchange.mask_regions import mask_regions, scaled
from mammoviewer.annotations.interchange.named_images import find_frame, find_image
from mammoviewer.annotations.interchange.transfer import (
    DESCRIPTION,
    Imported,
    Losses,
    Written,
    count_unsaid,
    without_measures,
)
from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import AnnotationError, ExportError
from mammoviewer.base.paths import atomic_path
from mammoviewer.dicom.attributes import ImageAttributes

_MOST_CLASSES = 255
_UNLABELLED = "unlabelled"


def write_masks(folder: Path, stem: str, findings: Iterable[Finding], image: ImageAttributes) -> Written:
    """Write the mask of an image and the list of its classes.

    Raises
    ------
    ExportError
        If there are no regions, more than 255 classes, or the files cannot be written.
    """
    losses: Losses = Counter()
    kept = without_measures(findings, losses, "a mask")
    count_unsaid(kept, losses, "a mask", "note", "assessment", "score", "reader", *DESCRIPTION)
    names = sorted({finding.label or _UNLABELLED for finding in kept})
    if not kept or len(names) > _MOST_CLASSES:
        reason = "there are no regions" if not kept else "a mask holds 255 classes"
        raise ExportError(reason, path=image.path)
    values = np.zeros((image.frames, *image.shape), np.uint8)
    for finding in kept:
        part = values[image.file_frame(finding.frame)]
        mask = finding.roi.mask(image.shape)
        if not mask.any():
            losses["findings that cover the centre of no pixel of their image"] += 1
        if part[mask].any():
            losses["findings that cover others, of which the later one is seen"] += 1
        part[mask] = names.index(finding.label or _UNLABELLED) + 1
    path = folder / f"{stem}.{'png' if image.frames == 1 else 'tif'}"
    try:
        with atomic_path(path) as temporary:
            if image.frames == 1:
                temporary.write_bytes(cv2.imencode(".png", values[0])[1].tobytes())
            else:
                import tifffile

                tifffile.imwrite(temporary, values, photometric="minisblack", compression="zlib")
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", path=path) from error
    listed = {"classes": {str(number): name for number, name in enumerate(names, start=1)}}
    write_document(path.with_suffix(".json"), {"mask": path.name, "image_uid": image.identity, **listed})
    return Written((path, path.with_suffix(".json")), losses)


def read_masks(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return the outline of each connected part of each class; the image is told by the list, the name, or alone.

    Raises
    ------
    AnnotationError
        If the file cannot be read or holds no single values.
    """
    losses: Losses = Counter()
    values = _read(path)
    listed = list_beside(path)
    image = find_image(images, identity=str(listed.get("image_uid", "")), name=path.name)
    place = None if image is not None else find_frame(images, path.name)
    if image is None and len(images) == 1 and not listed.get("image_uid"):
        image = images[0]
    if image is None and place is None:
        losses["masks of images that are not open"] += 1
        return Imported((), losses)
    names: Mapping[str, Any] = listed.get("classes") or {}
    findings: list[Finding] = []
    for number, plane in enumerate(values):
        target, frame = place if place is not None else (image, number)
        if target is None or frame >= target.frames:
            losses["frames that the image does not have"] += 1
            continue
        where = frame if place is not None else target.frame_of_file(frame)
        for value in np.unique(plane[plane > 0]):
            label = str(names.get(str(value), f"class {value}"))
            for roi in mask_regions(plane == value):
                moved = scaled(roi, (plane.shape[0], plane.shape[1]), target.shape)
                findings.append(new_finding(target.identity, where, moved, "" if label == _UNLABELLED else label))
    return Imported(tuple(findings), losses)


def _read(path: Path) -> StoredArray:
    """Return the values as (frames, rows, columns)."""
    import tifffile

    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            values = np.asarray(tifffile.imread(path))
        else:
            data = np.frombuffer(path.read_bytes(), np.uint8)
            values = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)) if data.size else np.zeros(0)
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise AnnotationError("the mask cannot be read", path=path) from error
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or values.dtype.kind not in "ub" or not values.size or values.shape[-1] in (3, 4):
        raise AnnotationError("is no mask of single whole values", path=path)
    return values


def list_beside(path: Path) -> dict[str, Any]:
    """Return the list of classes that this program writes beside a mask; empty where there is none."""
    try:
        found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # masks of others come without
    return found if isinstance(found, dict) and isinstance(found.get("classes"), dict) else {}
