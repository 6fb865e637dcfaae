"""Files that share a SOPInstanceUID: copies open once, files that differ are both kept and can be told apart."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.image import Image

_CHUNK = 1 << 20
_WARNING = Notice(
    Severity.CAUTION,
    "several files have one SOPInstanceUID but differ: all of them are shown, with findings of their own",
    "find out which of them is the right one",
)


def tell_apart(images: Iterable[Image]) -> tuple[Image, ...]:
    """Return the images without copies of one another.

    The first of several that share an identity keeps it; the identity of the others gets a digest of their file.
    """
    kept: list[Image] = []
    first: dict[str, Image] = {}
    digests: dict[str, set[str]] = {}
    for image in images:
        identity = image.attributes.identity
        known = first.get(identity)
        if known is None:
            first[identity] = image
        elif image.attributes.SOPInstanceUID:
            seen = digests.setdefault(identity, {_digest(known.attributes.path)})
            digest = _digest(image.attributes.path)
            if digest in seen:
                image.close()
                continue
            seen.add(digest)
            _warn(known)
            image.attributes = dataclasses.replace(image.attributes, pixel_digest=f"sha256:{digest}")
            _warn(image)
        kept.append(image)
    return tuple(kept)


def _warn(image: Image) -> None:
    warnings = image.attributes.warnings
    if _WARNING not in warnings:
        image.attributes = dataclasses.replace(image.attributes, warnings=(*warnings, _WARNING))


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; of one that cannot be read, of its name, so that it is told apart."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as handle:
            while block := handle.read(_CHUNK):
                digest.update(block)
    except OSError:
        digest.update(str(path).encode())
    return digest.hexdigest()
