"""Files that share a SOPInstanceUID: copies open once, files that differ are both kept and can be told apart."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.image import Image

_CHUNK = 1 << 20
_WARNING = Notice(
    Severity.CAUTION,
    "several files have one SOPInstanceUID but differ: all of them are shown, with findings of their own",
    "find out which of them is the right one",
)


@dataclass(frozen=True)
class Arrivals:
    """Images that come to open ones: new ones, and (open, newer) where a file has changed since it was opened."""

    new: tuple[Image, ...]
    renewed: tuple[tuple[Image, Image], ...]


def arrivals(known: Sequence[Image], coming: Iterable[Image]) -> Arrivals:
    """Return what there is to be taken in beside open images; copies are closed and left out."""
    at = {_place(image): image for image in known}
    pixels = {image.attributes.identity for image in known}
    fresh: list[Image] = []
    renewed: list[tuple[Image, Image]] = []
    for image in coming:
        standing = at.get(_place(image))
        if not image.attributes.SOPInstanceUID:
            fresh += [image] if image.attributes.identity not in pixels else []
            pixels.add(image.attributes.identity)
        elif standing is None or standing.attributes.SOPInstanceUID != image.attributes.SOPInstanceUID:
            fresh.append(image)
        elif standing.stamp != image.stamp:
            image.attributes = dataclasses.replace(image.attributes, pixel_digest=standing.attributes.pixel_digest)
            renewed.append((standing, image))
        else:
            image.close()
    return Arrivals(tell_apart(fresh, known), tuple(renewed))


def tell_apart(images: Iterable[Image], known: Iterable[Image] = ()) -> tuple[Image, ...]:
    """Return the images without copies of one another and of those that are known already.

    The first of several that share a SOPInstanceUID keeps it as its identity; that of the others gets a digest of
    their file. Images without one have their pixels for an identity: several with the same pixels share it.
    """
    kept: list[Image] = []
    first: dict[str, Image] = {}
    digests: dict[str, set[str]] = {}
    for image in known:
        key = _key(image)
        if first.setdefault(key, image) is not image:
            digests.setdefault(key, {_digest(first[key].attributes.path)}).add(image.attributes.pixel_digest)
    for image in images:
        key = _key(image)
        standing = first.setdefault(key, image)
        if standing is not image and image.attributes.SOPInstanceUID:
            seen = digests.setdefault(key, {_digest(standing.attributes.path)})
            digest = _digest(image.attributes.path)
            if digest in seen:
                image.close()
                continue
            seen.add(digest)
            _warn(standing)
            image.attributes = dataclasses.replace(image.attributes, pixel_digest=digest)
            _warn(image)
        kept.append(image)
    return tuple(kept)


def _key(image: Image) -> str:
    return image.attributes.SOPInstanceUID or image.attributes.identity


def _place(image: Image) -> Path:
    return image.attributes.path.resolve()


def _warn(image: Image) -> None:
    warnings = image.attributes.warnings
    if _WARNING not in warnings:
        image.attributes = dataclasses.replace(image.attributes, warnings=(*warnings, _WARNING))


def _digest(path: Path) -> str:
    """Return the digest of a file; of one that cannot be read, of its name, so that it is told apart."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as handle:
            while block := handle.read(_CHUNK):
                digest.update(block)
    except OSError:
        digest.update(str(path).encode())
    return f"sha256:{digest.hexdigest()}"
