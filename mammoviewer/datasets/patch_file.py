"""Patches with labels as an HDF5 file for training elsewhere: chunked by patch, compressed, with checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mammoviewer.base.errors import ExportError, InputError
from mammoviewer.base.paths import atomic_path
from mammoviewer.datasets.patch_set import PatchSet

SCHEMA_VERSION = 1
_TEXTS = ("groups", "names", "classes")
_PLACE_COLUMNS = "frame in the order of the file from 0, row and column of the first pixel from 0"
Place: TypeAlias = tuple[int, int, int]
"""Frame in the order of the file, row and column of the first pixel, all from 0; outside the image its edge repeats."""


def write_patch_file(path: Path, patches: PatchSet, *, places: Sequence[Place] = (), **facts: object) -> None:
    """Write a set of patches; ``facts`` (how they were cut) become attributes of the file.

    Every chunk has HDF5's own Fletcher-32 checksum, and every array its SHA-256 as an attribute.

    Parameters
    ----------
    path
        The file.
    patches
        What is written.
    places
        Where each patch was cut from, as the dataset ``places``; none where that is not known.
    facts
        Values that JSON can hold.

    Raises
    ------
    ExportError
        If h5py is not installed or the file cannot be written.
    """
    h5py = library()
    count = len(patches)
    try:
        with atomic_path(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
            file.attrs["schema_version"] = SCHEMA_VERSION
            file.attrs["facts"] = json.dumps(facts)
            options = (
                {"chunks": (1, *patches.images.shape[1:]), "compression": "gzip", "shuffle": True} if count else {}
            )
            made = file.create_dataset("images", data=patches.images, fletcher32=bool(count), **options)
            made.attrs["sha256"] = _digest(patches.images)
            labels = np.asarray(patches.labels, np.int64)
            file.create_dataset("labels", data=labels).attrs["sha256"] = _digest(labels)
            if places:
                found = file.create_dataset("places", data=np.asarray(places, np.int64))
                found.attrs["columns"] = _PLACE_COLUMNS
            for name in _TEXTS:
                file.create_dataset(name, data=list(getattr(patches, name)), dtype=h5py.string_dtype("utf-8"))
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror or error}", path=path) from error


def read_patch_file(path: Path) -> PatchSet:
    """Return the patches of a file.

    Raises
    ------
    InputError
        If the file cannot be read, is of another version, or an array is not what its checksum says.
    """
    h5py = library()
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("schema_version") != SCHEMA_VERSION:
                raise InputError("is no file of patches of this program", path=path)
            arrays = {name: file[name][()] for name in ("images", "labels")}
            for name, values in arrays.items():
                if _digest(values) != file[name].attrs.get("sha256"):
                    raise InputError(f"the {name} are not what their checksum says", path=path)
            texts = {name: tuple(file[name].asstr()[()]) for name in _TEXTS}
    except (OSError, KeyError) as error:
        raise InputError(f"cannot be read as a file of patches: {error}", path=path) from error
    labels = tuple(int(value) for value in arrays["labels"])
    return PatchSet(arrays["images"], labels, texts["groups"], texts["names"], texts["classes"])


def _digest(values: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def why_no_patch_file() -> str:
    """Return why patches cannot be written here; empty where they can."""
    return "" if importlib.util.find_spec("h5py") is not None else "h5py is not installed"


def library() -> Any:
    """Return h5py.

    Raises
    ------
    ExportError
        It is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ExportError("HDF5 files need h5py", hint="install it with `pip install h5py`") from error
    return h5py
