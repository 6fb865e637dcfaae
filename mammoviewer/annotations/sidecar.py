"""What was said of an image in a file beside it, which goes where the image goes.

``NAME.mammoviewer.json`` is a document of :mod:`.interchange.json_document`. It knows its image by SOPInstanceUID, or
by the hash of its pixels, and names no patient and no file. What another program has written there is never lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mammoviewer.annotations.density import BreastDensity, is_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.json_document import json_document, read_everything, write_document
from mammoviewer.annotations.interchange.transfer import Imported
from mammoviewer.annotations.merging import History, merge
from mammoviewer.dicom.attributes import ImageAttributes

SUFFIX = ".mammoviewer.json"


def sidecar_path(image: ImageAttributes) -> Path:
    """Return the file beside an image's own."""
    return image.path.with_name(f"{image.path.name}{SUFFIX}")


def read_sidecar(image: ImageAttributes) -> Imported:
    """Return what is said of an image beside it; nothing where there is no file, or it is of another image.

    Raises
    ------
    AnnotationError
        If the file cannot be read or is of a newer version.
    """
    return _of(image, _found(image))


def _found(image: ImageAttributes) -> Imported:
    path = sidecar_path(image)
    return read_everything(path) if path.is_file() else Imported(())


def _of(image: ImageAttributes, found: Imported) -> Imported:
    own = (f for f in found.findings if f.image_uid == image.identity and f.frame < image.frames)
    return Imported(tuple(own), densities=tuple(density for density in found.densities if is_of(density, image)))


def write_sidecar(
    image: ImageAttributes,
    findings: Sequence[Finding],
    densities: Sequence[BreastDensity],
    history: History = lambda _id: (),
) -> Path | None:
    """Write what is said of an image beside it; what the file has and is not known here stays in it.

    Parameters
    ----------
    image
        The image.
    findings, densities
        What is said here; that of other images and breasts is left out.
    history
        The log of changes here: what was removed or changed here goes from the file, what was changed there stays.

    Returns
    -------
    Path or None
        The file; None where there is nothing to write and no file.

    Raises
    ------
    AnnotationError
        If the file that is there cannot be read; it is left as it is.
    ExportError
        If the file cannot be written.
    """
    path = sidecar_path(image)
    own = tuple(finding for finding in findings if finding.image_uid == image.identity)
    said = tuple(density for density in densities if is_of(density, image))
    if not (own or said or path.exists()):
        return None
    found = _found(image)
    of_it = _of(image, found)
    theirs = merge(of_it, own, said, history=history, dated=True)
    # The file may hold what was said of another image that had the name.
    others = (finding for finding in found.findings if finding not in of_it.findings)
    others_densities = (density for density in found.densities if density not in of_it.densities)
    kept = {finding.id: finding for finding in (*others, *own, *theirs.findings)}
    kept_densities = {density.id: density for density in (*others_densities, *said, *theirs.densities)}
    write_document(path, json_document(kept.values(), [_record(image)], kept_densities.values()))
    return path


def _record(image: ImageAttributes) -> dict[str, Any]:
    order = {"frame_order": list(image.frame_order)} if image.frame_order else {}
    return {
        "image_uid": image.identity,
        "rows": image.rows,
        "columns": image.columns,
        "frames": image.frames,
        **order,
    }
