"""What a model said of a frame, kept on disk, so that it is not asked twice and a run that was stopped goes on.

An entry is named by a digest of everything that the result depends on: the decoded pixels and how they are to be read,
the frame, the preprocessing and the bytes of the model, mode and stride. Neither its name nor its content says whose
image it was. Entries are ``.npz`` files without pickles; one that cannot be read is removed and counts as absent. The
folder is kept below a size, the entries used longest ago going first. Several processes may share it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer import __version__
from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.paths import atomic_path, cache_dir
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.imaging.voi import Voi, Window
from mammoviewer.inference.manifest import ModelManifest

DEFAULT_LIMIT_BYTES = 512 << 20
_FORM = 2
_MAX_ENTRY_BYTES = 64 << 20
_AFTER_CLEANING = 0.9
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Entry:
    """What is kept: named arrays, and facts that JSON can hold."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def result_key(
    stored: StoredArray,
    attributes: ImageAttributes,
    manifest: ModelManifest,
    *,
    frame: int,
    pixel_size_mm: float | None = None,
    way: Mapping[str, object],
) -> str:
    """Return the name of the result of a model on a frame, 40 hexadecimal digits.

    Parameters
    ----------
    stored
        The decoded frame (rows, columns).
    way
        How the model runs: mode, stride, class and the like; JSON values.
    """
    digest = hashlib.blake2b(digest_size=20)
    digest.update(np.ascontiguousarray(stored).data)
    vois = attributes.vois_for_frame(frame)
    spacing = attributes.pixel_spacing
    facts = {
        "program": [__version__, _FORM],
        "pixels": [stored.dtype.str, list(stored.shape), attributes.BitsStored, attributes.kind.name],
        "frame": frame,
        "voi": _voi_text(vois[0]) if vois else None,
        "rescale": repr(attributes.rescale_for_frame(frame)),
        "padding": repr(attributes.padding),
        "inverse": attributes.inverse,
        "spacing": [spacing.row_mm, spacing.column_mm] if spacing is not None else None,
        "stated_spacing": pixel_size_mm,
        "files": {role: entry.sha256 for role, entry in manifest.files.items()},
        "input": repr(manifest.input),
        "preprocessing": [dict(step) for step in manifest.preprocessing],
        "tiling": repr(manifest.tiling),
        "outputs": repr(manifest.outputs),
        "task": manifest.task,
        "way": dict(way),
    }
    digest.update(json.dumps(facts, sort_keys=True, allow_nan=False, default=str).encode("utf-8"))
    return digest.hexdigest()


def _voi_text(voi: Voi) -> str:
    if isinstance(voi, Window):
        return repr((voi.center, voi.width, str(voi.function)))
    return repr((voi.first_mapped, voi.bits, hashlib.sha256(np.ascontiguousarray(voi.data).data).hexdigest()))


class ResultCache:
    """The entries of a folder.

    Parameters
    ----------
    folder
        Where they lie; made when the first is stored. The user's own cache when None.
    limit_bytes
        How much the folder may hold; nothing is stored, and nothing found, with 0.
    """

    def __init__(self, folder: Path | None = None, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = folder if folder is not None else cache_dir() / "results"
        self.limit_bytes = limit_bytes

    def load(self, key: str) -> Entry | None:
        """Return the entry of that name, None where there is none or it cannot be read."""
        path = self._path(key)
        if self.limit_bytes <= 0 or not path.is_file():
            return None
        try:
            entry = _read(path, key)
        except _UNREADABLE as error:
            _log.info("a kept result cannot be read and is removed: %s", error)
            _remove(path)
            return None
        with contextlib.suppress(OSError):
            path.touch()
        return entry

    def store(self, key: str, entry: Entry) -> None:
        """Keep an entry in the place of an older one of that name.

        A disk that is full, or a folder that cannot be written, costs the entry and no more.
        """
        if self.limit_bytes <= 0:
            return
        heading = json.dumps({"form": _FORM, "key": key, "facts": dict(entry.facts)}, allow_nan=False)
        contents: dict[str, Any] = {f"array_{name}": array for name, array in entry.arrays.items()}
        contents["heading"] = np.frombuffer(heading.encode("utf-8"), dtype=np.uint8)
        try:
            with atomic_path(self._path(key)) as temporary, temporary.open("wb") as handle:
                np.savez_compressed(handle, **contents)
        except OSError as error:
            _log.info("a result cannot be kept: %s", error)
            return
        self._clean()

    def clear(self) -> None:
        """Remove every entry."""
        for path, _, _ in self._entries():
            _remove(path)

    @property
    def size_bytes(self) -> int:
        """Return how much all entries take."""
        return sum(size for _, size, _ in self._entries())

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def _entries(self) -> list[tuple[Path, int, float]]:
        """Return (path, bytes, time of the last use) of the entries; others may remove them meanwhile."""
        found = []
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                with contextlib.suppress(OSError):
                    if path.suffix == ".npz":
                        facts = path.stat()
                        found.append((path, facts.st_size, facts.st_mtime))
        return found

    def _clean(self) -> None:
        entries = sorted(self._entries(), key=lambda entry: entry[2])
        total = sum(size for _, size, _ in entries)
        if total <= self.limit_bytes:
            return
        for path, size, _ in entries:
            _remove(path)
            total -= size
            if total <= self.limit_bytes * _AFTER_CLEANING:
                return


def _read(path: Path, key: str) -> Entry:
    if path.stat().st_size > _MAX_ENTRY_BYTES:
        raise ValueError("it is too large")
    # An archive that is cut short leaves a file that numpy has opened itself open.
    with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
        heading = json.loads(file["heading"].tobytes().decode("utf-8"))
        if not isinstance(heading, dict) or (heading["form"], heading["key"]) != (_FORM, key):
            raise ValueError("it is of another form")
        facts = heading["facts"]
        if not isinstance(facts, dict):
            raise ValueError("its facts are no object")
        names = [name for name in file.files if name.startswith("array_")]
        return Entry({name.removeprefix("array_"): file[name] for name in names}, facts)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
