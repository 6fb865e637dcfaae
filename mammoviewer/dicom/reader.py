"""Opening files and folders: whatever is an image opens, the rest is told with its reason."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.errors import ArgumentError, MammoViewerError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom import dicomdir
from mammoviewer.dicom.attributes import ImageKind, PixelSpacing
from mammoviewer.dicom.character_sets import UNKNOWN, require_charset
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import Companion
from mammoviewer.dicom.dicom_file import CompanionFile, open_dicom
from mammoviewer.dicom.duke import follow_duke_convention
from mammoviewer.dicom.duplicates import tell_apart
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.header import header_lines, looks_like_dicom, quiet_parsing, read_header
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.record import read_texts
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_PLACE, OPEN_FOLDER
from mammoviewer.dicom.spacing import STATED

_HEAD = 136
_DOCUMENTS = {".csv", ".html", ".json", ".log", ".md", ".pdf", ".txt", ".xml", ".zip"}
"""Endings of files that lie beside images and are passed over in folders; named themselves, they are told about."""
_READ_BY_PEOPLE = {"COPYING", "LICENCE", "LICENSE", "NOTICE", "README"}


@dataclass(frozen=True)
class Rejected:
    """A path that did not open, and why. The reason holds no patient data.

    ``has_header`` tells that its header can still be listed by :func:`header.header_lines`.
    """

    path: Path
    reason: str
    hint: str = ""
    has_header: bool = False


@dataclass(frozen=True)
class OpenResult:
    """What was opened, in the order of the paths, and what was not. ``companions`` are files that refer to images."""

    images: tuple[Image, ...]
    rejected: tuple[Rejected, ...]
    companions: tuple[Companion, ...] = ()


def open_paths(
    paths: Sequence[Path],
    *,
    pixel_spacing_mm: float | None = None,
    charset: str | None = None,
    duke_convention: bool = False,
    cache: FrameCache | None = None,
    progress: Progress = no_progress,
) -> OpenResult:
    """Open files, and folders with all that is below them. Headers are read; frames are decoded when asked for.

    Parameters
    ----------
    paths
        Files and folders; a file reached twice opens once.
    pixel_spacing_mm
        The pixel size the user states, for images that bring none.
    charset
        What texts are decoded by instead of the character set that a file names, such as one of
        :data:`character_sets.CHARSETS`.
    duke_convention
        Turn volumes whose pixels disagree with their side, as the Duke BCS-DBT data set asks (see :mod:`duke`); a frame
        of each volume is decoded.
    cache
        Holds the decoded frames of all these images; a new one of its own when None.
    progress
        Called once for every file.

    Raises
    ------
    ArgumentError
        The stated pixel size is not a number above 0, or the character set is not known.
    Cancelled
        From ``progress``.
    """
    if pixel_spacing_mm is not None and not 0 < pixel_spacing_mm < float("inf"):
        raise ArgumentError("the pixel size must be a number of millimetres above 0")
    if charset is not None:
        require_charset(charset)
    shared = FrameCache() if cache is None else cache
    images: list[Image] = []
    companions: list[Companion] = []
    rejected: list[Rejected] = []
    files = _files(paths, rejected)
    for index, path in enumerate(files):
        progress(index / len(files), f"Reading {index + 1} of {len(files)}")
        try:
            opened = _open_file(path, pixel_spacing_mm, charset, shared)
            if duke_convention and isinstance(opened, Image):
                follow_duke_convention(opened)
        except MammoViewerError as error:
            rejected.append(Rejected(path, error.reason, error.hint, has_header=_has_header(path)))
            continue
        if isinstance(opened, Companion):
            companions.append(opened)
        else:
            images.append(opened)
    progress(1.0, f"{len(images)} images")
    return OpenResult(tell_apart(images), tuple(rejected), tuple(companions))


def _files(paths: Sequence[Path], rejected: list[Rejected]) -> list[Path]:
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _below(path, rejected):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _below(path: Path, rejected: list[Rejected]) -> Iterator[Path]:
    if path.is_file() and path.name.upper() == dicomdir.NAME:
        yield from _named_by(path, rejected)
    elif path.is_file():
        yield path
    elif path.is_dir():
        try:
            below = sorted(path.rglob("*"))
        except OSError as error:
            rejected.append(Rejected(path, f"the folder cannot be read: {error.strerror}", CHECK_PLACE))
            return
        files = [file for file in below if file.is_file() and may_be_image(file)]
        if not files:
            rejected.append(
                Rejected(path, "the folder holds no images", "choose the folder that holds them, or one above")
            )
        yield from files
    else:
        rejected.append(Rejected(path, "there is no such file or folder", CHECK_PLACE))


def _named_by(path: Path, rejected: list[Rejected]) -> tuple[Path, ...]:
    """Return the files of a DICOMDIR; each kind of fault of it is told once."""
    try:
        files, wrong = dicomdir.named_files(path)
    except MammoViewerError as error:
        rejected.append(Rejected(path, error.reason, error.hint))
        return ()
    rejected += [Rejected(path, reason, OPEN_FOLDER) for reason in dict.fromkeys(wrong)]
    return files


def may_be_image(file: Path) -> bool:
    """Return whether a file in a folder is looked into, by its name alone."""
    hidden = file.name.startswith(".") or file.name.upper() in _READ_BY_PEOPLE
    return not hidden and file.name.upper() != dicomdir.NAME and file.suffix.lower() not in _DOCUMENTS


def _has_header(path: Path) -> bool:
    try:
        return bool(header_lines(path))
    except MammoViewerError:
        return False  # not DICOM, or damaged from the start: the reason is told already


def _open_file(path: Path, pixel_spacing_mm: float | None, charset: str | None, cache: FrameCache) -> Image | Companion:
    try:
        with path.open("rb") as handle:
            head = handle.read(_HEAD)
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        raise MammoViewerError(reason, hint=CHECK_PLACE, path=path) from error
    if not head:
        raise MammoViewerError("the file is empty", hint=ASK_AGAIN, path=path)
    if not looks_like_dicom(head):
        # Readers of pictures take long to load, and most exams have none.
        from mammoviewer.dicom.raster import open_raster

        return open_raster(path, pixel_spacing_mm=pixel_spacing_mm, cache=cache)
    try:
        image = open_dicom(path, cache, charset=charset)
    except CompanionFile:
        return read_companion(path, charset=charset)
    if image.attributes.pixel_spacing is None and pixel_spacing_mm is not None:
        stated = PixelSpacing(pixel_spacing_mm, pixel_spacing_mm, STATED)
        image.attributes = dataclasses.replace(image.attributes, pixel_spacing=stated)
    return image


def reread_texts(image: Image, charset: str) -> None:
    """Read the texts of an open DICOM image again, decoded by ``charset``; what is known of its pixels stays.

    Replaces ``image.attributes``, and what :meth:`Image.header_text` reads. Pictures that are not DICOM stay as they
    are.

    Raises
    ------
    ArgumentError
        The character set is not known.
    InputError
        The file cannot be read any more.
    """
    path = image.attributes.path
    if image.attributes.kind is ImageKind.RASTER:
        return
    with quiet_parsing():
        texts = read_texts(read_header(path, charset=charset).dataset)
    attributes = image.attributes
    warnings = tuple(notice for notice in attributes.warnings if not notice.text.startswith(UNKNOWN))
    image.attributes = dataclasses.replace(attributes, warnings=warnings, **texts)
    image.header_lines = functools.partial(header_lines, path, charset=charset)
