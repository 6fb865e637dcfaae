"""Which open image a file means by a name, and the names that frames of images get in files for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from mammoviewer.dicom.attributes import ImageAttributes

_FRAME = "-frame"


def frame_stem(stem: str, image: ImageAttributes, frame: int) -> str:
    """Return the name of a frame's files: ``stem``, and of a volume the frame's number in the file, from 1."""
    return stem if image.frames == 1 else f"{stem}{_FRAME}{image.file_frame(frame) + 1}"


def find_image(
    images: Sequence[ImageAttributes], *, identity: str = "", name: str = "", only_one: bool = True
) -> ImageAttributes | None:
    """Return the image with an identity, else the one whose file has the name, else the only one there is.

    A name may have a folder before it and another ending; where two images have it, none is meant.
    """
    for image in images:
        if identity and identity in (image.identity, image.SOPInstanceUID):
            return image
    stem = _stem(name)
    named = [image for image in images if stem and image.path.stem.casefold() == stem]
    if len(named) == 1:
        return named[0]
    return images[0] if only_one and len(images) == 1 and not identity and not stem else None


def find_frame(images: Sequence[ImageAttributes], name: str) -> tuple[ImageAttributes, int] | None:
    """Return the image and frame that a name made by :func:`frame_stem` means."""
    image = find_image(images, name=name, only_one=False)
    if image is not None and image.frames == 1:
        return image, 0
    head, _, number = _stem(name).rpartition(_FRAME)
    image = find_image(images, name=head, only_one=False) if head else None
    if image is not None and number.isdigit() and 1 <= int(number) <= image.frames:
        return image, image.frame_of_file(int(number) - 1)
    return None


def _stem(name: str) -> str:
    last = PureWindowsPath(PurePosixPath(name).name).name
    return (Path(last).stem if "." in last else last).casefold()
