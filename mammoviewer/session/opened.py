"""What was opened in one go, with what the reader stated of it, as plain values that outlive the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageKind, View
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult, open_paths
from mammoviewer.imaging.geometry import Orientation


@dataclass(frozen=True)
class PictureView:
    """What the reader states of a picture file: its view, such as ``RMLO``, and whether it is stored mirrored.

    ``mirrored`` None leaves that to the pixels.
    """

    path: str
    view: str
    mirrored: bool | None = None


@dataclass(frozen=True)
class Opened:
    """Files and folders that were opened in one go, and how they were read; see :func:`dicom.reader.open_paths`."""

    paths: tuple[Path, ...]
    pixel_spacing_mm: float | None = None
    charset: str | None = None
    duke_convention: bool = False
    pictures: tuple[PictureView, ...] = ()


def read_entry(entry: Opened, cache: FrameCache, progress: Progress) -> OpenResult:
    """Read the headers of what was opened; see :func:`dicom.reader.open_paths`."""
    result = open_paths(
        entry.paths,
        pixel_spacing_mm=entry.pixel_spacing_mm,
        charset=entry.charset,
        duke_convention=entry.duke_convention,
        cache=cache,
        progress=progress,
    )
    for image in result.images:
        apply_picture_view(image, entry.pictures)
    return result


def apply_picture_view(image: Image, stated: Sequence[PictureView]) -> None:
    """Give a picture that was just opened the view that the reader states for its file; DICOM files keep theirs."""
    attributes = image.attributes
    if attributes.kind is not ImageKind.RASTER:
        return
    place = str(attributes.path.absolute())
    for entry in stated:
        if entry.path == place:
            view = View(entry.view[:1], entry.view[1:]) if entry.view else View()
            orientation = Orientation(flip_columns=bool(entry.mirrored))
            image.attributes = replace(attributes, view=view, orientation=orientation)
