"""Prepared patches and images on disk, so that they are prepared once and read without filling the memory.

An HDF5 file holds the pictures in chunks with HDF5's own Fletcher-32 checksum, and their labels, groups and names. It
is written item by item under another name and appears when it is whole. Its key is made from the data and from how they
were prepared: a file with another key is never taken for the one that is wanted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.errors import ArgumentError, ExportError, InputError
from mammoviewer.base.paths import atomic_path
from mammoviewer.datasets.patch_file import library

SCHEMA_VERSION = 1
ENDING = ".h5"
_CHUNK_BYTES = 1 << 20
_LEAST_CACHE_BYTES = 1 << 16
_KEY_CHARACTERS = 20


@dataclass(frozen=True, eq=False)
class CachedBatch:
    """Some items: ``indices`` (n,) into the file, pictures (n, ...), and a label, group and name for each."""

    indices: NDArray[np.intp]
    pictures: NDArray[Any]
    labels: NDArray[np.int64]
    groups: tuple[str, ...]
    names: tuple[str, ...]


def cache_key(data_hash: str, **preparation: object) -> str:
    """Return the key of data prepared in a certain way: the same for the same data, steps and settings.

    Parameters
    ----------
    data_hash
        Tells the data apart, such as :func:`mammoviewer.training.evaluation.data_hash`.
    preparation
        Whatever changes the pictures: steps, pixel size, patch, seed. Anything that JSON can hold.
    """
    text = json.dumps({"data": data_hash, **preparation}, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_CHARACTERS]


class CacheWriter:
    """Appends pictures of one shape to a new file; at most one chunk of them is held in memory.

    Parameters
    ----------
    file
        An h5py file that is open for writing.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._pictures: Any = None
        self._labels: list[int] = []
        self._groups: list[str] = []
        self._names: list[str] = []
        self._waiting: list[NDArray[Any]] = []
        self._digest = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._labels)

    def append(self, picture: NDArray[Any], label: int, group: str, name: str) -> None:
        """Add one picture.

        Raises
        ------
        ArgumentError
            Its shape or dtype is not that of the first one.
        """
        if self._pictures is None:
            self._pictures = _made(self._file, picture)
        if picture.shape != self._pictures.shape[1:] or picture.dtype != self._pictures.dtype:
            raise ArgumentError(f"{name}: pictures of a cache have one shape and kind, {self._pictures.shape[1:]}")
        self._waiting.append(np.ascontiguousarray(picture))
        self._labels.append(label)
        self._groups.append(group)
        self._names.append(name)
        if len(self._waiting) == self._pictures.chunks[0]:
            self._flush()

    def finish(self, key: str) -> None:
        """Write what is left, and that the file is whole."""
        if self._pictures is None:
            raise ArgumentError("there is nothing to keep")
        self._flush()
        text = library().string_dtype("utf-8")
        self._file.create_dataset("labels", data=np.asarray(self._labels, np.int64), fletcher32=True)
        self._file.create_dataset("groups", data=self._groups, dtype=text)
        self._file.create_dataset("names", data=self._names, dtype=text)
        self._file.attrs.update(schema_version=SCHEMA_VERSION, key=key, sha256=self._digest.hexdigest())

    def _flush(self) -> None:
        if not self._waiting:
            return
        block = np.stack(self._waiting)
        start = self._pictures.shape[0]
        self._pictures.resize(start + len(block), axis=0)
        self._pictures[start:] = block
        self._digest.update(block.tobytes())
        self._waiting.clear()


class CacheReader(AbstractContextManager["CacheReader"]):
    """A whole file, open for reading.

    Parameters
    ----------
    path
        The file.
    key
        The key it must have; any by default.
    budget_bytes
        What the pictures of a batch, and HDF5's own store of chunks, may take together.

    Raises
    ------
    InputError
        The file cannot be read, is not whole, or has another key.
    """

    def __init__(self, path: Path, *, key: str = "", budget_bytes: int = 64 << 20) -> None:
        self.path = path
        self._budget = budget_bytes
        try:
            self._file = library().File(path, "r", rdcc_nbytes=max(_LEAST_CACHE_BYTES, budget_bytes // 4))
        except OSError as error:
            raise InputError(f"cannot be read as a cache: {error}", path=path) from error
        try:
            self._check(key)
            self._pictures = self._file["pictures"]
            self.labels: NDArray[np.int64] = self._file["labels"][()]
            self.groups: tuple[str, ...] = tuple(self._file["groups"].asstr()[()])
            self.names: tuple[str, ...] = tuple(self._file["names"].asstr()[()])
        except (KeyError, OSError) as error:
            self._file.close()
            raise InputError("is no whole cache", hint="delete it: it is made again", path=path) from error
        except InputError:
            self._file.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of all pictures as it was when they were written."""
        return str(self._file.attrs["sha256"])

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one picture."""
        return tuple(self._pictures.shape[1:])

    @property
    def batch_size(self) -> int:
        """Return how many pictures fit into three quarters of the budget, at least one."""
        one = max(1, math.prod(self.shape) * int(self._pictures.dtype.itemsize))
        return max(1, (self._budget - self._budget // 4) // one)

    def batches(
        self, size: int = 0, *, indices: Sequence[int] | None = None, seed: int | None = None
    ) -> Iterator[CachedBatch]:
        """Yield the items in batches that stay within the budget.

        Parameters
        ----------
        size
            Of a batch; no more than :attr:`batch_size`, which is the default.
        indices
            Take these alone, such as those of the training part.
        seed
            Shuffle: chunks are drawn in any order and mixed within a batch, so that each is read about once.

        Raises
        ------
        InputError
            A chunk is not what its checksum says.
        """
        wanted = np.arange(len(self)) if indices is None else np.asarray(sorted(indices), dtype=np.intp)
        if seed is not None:
            wanted = self._shuffled(wanted, seed)
        step = min(size or self.batch_size, self.batch_size)
        for start in range(0, len(wanted), step):
            yield self._batch(wanted[start : start + step])

    def at(self, indices: Sequence[int]) -> CachedBatch:
        """Return the items of these places, in this order.

        Raises
        ------
        InputError
            A chunk is not what its checksum says.
        """
        return self._batch(np.asarray(indices, dtype=np.intp))

    def verify(self) -> None:
        """Raise :class:`InputError` unless all pictures have the SHA-256 they were written with; reads in batches."""
        digest = hashlib.sha256()
        for batch in self.batches():
            digest.update(np.ascontiguousarray(batch.pictures).tobytes())
        if digest.hexdigest() != self._file.attrs["sha256"]:
            raise InputError("the pictures are not what their checksum says", hint="delete it", path=self.path)

    def _check(self, key: str) -> None:
        attributes = self._file.attrs
        if attributes.get("schema_version") != SCHEMA_VERSION or "sha256" not in attributes:
            raise InputError("is no whole cache of this version", hint="delete it: it is made again", path=self.path)
        if key and attributes.get("key") != key:
            raise InputError("was made from other data or in another way", path=self.path)

    def _shuffled(self, wanted: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
        generator = np.random.default_rng(seed)
        chunk_of = wanted // self._pictures.chunks[0]
        parts = [wanted[chunk_of == chunk] for chunk in generator.permutation(np.unique(chunk_of))]
        return np.concatenate([generator.permutation(part) for part in parts]) if parts else wanted

    def _batch(self, indices: NDArray[np.intp]) -> CachedBatch:
        order = np.argsort(indices)
        try:
            # h5py takes rising indices alone.
            found = self._pictures[indices[order]]
        except OSError as error:
            raise InputError("a part of the cache is damaged", hint="delete it", path=self.path) from error
        pictures = np.empty_like(found)
        pictures[order] = found
        groups = tuple(self.groups[index] for index in indices.tolist())
        names = tuple(self.names[index] for index in indices.tolist())
        return CachedBatch(indices, pictures, self.labels[indices], groups, names)


def cached(folder: Path, key: str, make: Callable[[CacheWriter], None], *, budget_bytes: int = 64 << 20) -> CacheReader:
    """Return the cache of ``key`` in a folder; where there is none, or it is damaged, ``make`` fills a new one.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    path = folder / f"{key}{ENDING}"
    if path.is_file():
        try:
            return CacheReader(path, key=key, budget_bytes=budget_bytes)
        except InputError:
            path.unlink()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, library().File(temporary, "w", libver="v110") as file:
            writer = CacheWriter(file)
            make(writer)
            writer.finish(key)
    except OSError as error:
        raise ExportError(f"the cache cannot be written: {error.strerror or error}", path=path) from error
    return CacheReader(path, key=key, budget_bytes=budget_bytes)


def _made(file: Any, picture: NDArray[Any]) -> Any:
    chunk = max(1, _CHUNK_BYTES // max(1, picture.nbytes))
    return file.create_dataset(
        "pictures",
        shape=(0, *picture.shape),
        maxshape=(None, *picture.shape),
        chunks=(chunk, *picture.shape),
        dtype=picture.dtype,
        compression="gzip",
        compression_opts=1,
        shuffle=True,
        fletcher32=True,
    )
