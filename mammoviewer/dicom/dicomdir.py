"""A DICOMDIR (PS3.10 8): the files it names, never one outside of its own folder."""

from __future__ import annotations

from pathlib import Path

from mammoviewer.base.errors import InputError
from mammoviewer.dicom import elements
from mammoviewer.dicom.header import quiet_parsing, read_header
from mammoviewer.dicom.remedies import OPEN_FOLDER

NAME = "DICOMDIR"
_DIRECTORY = "1.2.840.10008.1.3.10"


def named_files(path: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the files that a DICOMDIR names and that are there, and what is wrong with the others.

    Every component of a ReferencedFileID is one name: a path that leads elsewhere is refused, also by a link.

    Raises
    ------
    InputError
        The file is not a DICOMDIR, or names no file.
    """
    with quiet_parsing():
        header = read_header(path)
        if elements.text(header.dataset.file_meta, "MediaStorageSOPClassUID") not in ("", _DIRECTORY):
            raise InputError("the file is not a DICOMDIR", hint=OPEN_FOLDER, path=path)
        records = elements.sequence(header.dataset, "DirectoryRecordSequence")
        names = [tuple(elements.texts(record, "ReferencedFileID")) for record in records]
    folder = path.parent.resolve()
    found: dict[Path, None] = {}
    wrong: list[str] = []
    for parts in names:
        if not any(parts):
            continue
        file = _inside(folder, parts)
        if file is None:
            wrong.append("it names a file outside of its folder, which is not opened")
        elif not file.is_file():
            wrong.append("a file that it names is not there")
        else:
            found[file] = None
    if not found and not wrong:
        raise InputError("the DICOMDIR names no files", hint=OPEN_FOLDER, path=path)
    return tuple(found), tuple(wrong)


def _inside(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """Return the file, in the spelling of the disk, or None when it does not lie below ``folder``."""
    if any(part in ("", ".", "..") or set(part) & set("/\\:\0") for part in parts):
        return None
    file = folder.joinpath(*parts)
    if not file.exists():
        lower = folder.joinpath(*(part.lower() for part in parts))  # copied from a disc to a system that tells case
        file = lower if lower.exists() else file
    try:
        return file if file.resolve().is_relative_to(folder) else None
    except (OSError, RuntimeError):
        return None  # a link that leads to itself
