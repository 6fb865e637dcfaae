"""The manifest of a classifier: what it is, what it takes, what it gives, where it comes from.

A bundle is a folder with ``manifest.json``, its ONNX files and ``CARD.md``. Everything in it is treated as untrusted:
:func:`load_manifest` checks each field and that no path leaves the folder; :func:`read_verified` hands out the bytes of
a file only when size and SHA-256 are those of the manifest, so that what was checked is what runs. The ONNX graph
itself is checked by :mod:`mammoviewer.inference.onnx_check`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mammoviewer.base.errors import ModelError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.inference.json_fields import read_json_object
from mammoviewer.inference.manifest_schema import (
    CAM_METHODS,
    IMAGE_KINDS,
    MAX_FILE_BYTES,
    SCHEMA_VERSION,
    TASKS,
    manifest_from_json,
    manifest_to_json,
)
from mammoviewer.inference.model_records import (
    Acceptance,
    CamSettings,
    DenseAgreement,
    ModelFile,
    ModelInput,
    ModelManifest,
    ModelOutputs,
    Tiling,
)

__all__ = [
    "CAM_METHODS",
    "CARD_NAME",
    "IMAGE_KINDS",
    "MANIFEST_NAME",
    "MAX_FILE_BYTES",
    "SCHEMA_VERSION",
    "TASKS",
    "Acceptance",
    "CamSettings",
    "DenseAgreement",
    "ModelFile",
    "ModelInput",
    "ModelManifest",
    "ModelOutputs",
    "Tiling",
    "describe_file",
    "load_manifest",
    "manifest_from_json",
    "manifest_to_json",
    "read_verified",
    "verify_files",
    "write_manifest",
]

MANIFEST_NAME = "manifest.json"
CARD_NAME = "CARD.md"
_REMEDY = "it was changed or damaged: install the model again"


def load_manifest(folder: Path) -> ModelManifest:
    """Read and check ``folder/manifest.json``; sizes are compared with the files, hashes are not (they take time).

    Raises
    ------
    ModelError
        Naming the field or file that is wrong.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise ModelError("there is no manifest.json in this folder", path=folder)
    manifest = manifest_from_json(read_json_object(path), folder)
    for entry in manifest.files.values():
        _check_file(folder, entry)
    return manifest


def write_manifest(folder: Path, manifest: ModelManifest) -> Path:
    """Write ``folder/manifest.json`` after checking it as :func:`load_manifest` would; return its path.

    The files must already be there: see :func:`describe_file`.
    """
    text = json.dumps(manifest_to_json(manifest), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    checked = manifest_from_json(json.loads(text), folder)
    for entry in checked.files.values():
        _check_file(folder, entry)
    path = folder / MANIFEST_NAME
    write_text_atomically(path, text)
    return path


def describe_file(folder: Path, name: str) -> ModelFile:
    """Return the manifest entry of an existing file ``folder/name``."""
    path = folder / name
    try:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        return ModelFile(name, digest, path.stat().st_size)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or 'unknown error'}", path=path) from error


def read_verified(manifest: ModelManifest, role: str) -> bytes:
    """Return the bytes of the file with that role, checked against size and SHA-256.

    Raises
    ------
    ModelError
        The bundle has no such file, or it is not the one the manifest was written for.
    """
    if role not in manifest.files:
        raise ModelError(f"model {manifest.identity} has no {role} file")
    entry = manifest.files[role]
    path = _check_file(manifest.folder, entry)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or 'unknown error'}", path=path) from error
    if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ModelError(
            "the file is not the one its manifest describes (SHA-256 differs)",
            hint=_REMEDY,
            path=path,
        )
    return data


def verify_files(manifest: ModelManifest) -> None:
    """Raise :class:`ModelError` unless every file of the bundle has the size and SHA-256 of the manifest."""
    for role in manifest.files:
        read_verified(manifest, role)


def _check_file(folder: Path, entry: ModelFile) -> Path:
    """Return the place of a bundle file that exists, has the stated size and really lies in the folder."""
    path = folder / entry.path
    if not path.is_file():
        raise ModelError("the file named by the manifest is missing", hint=_REMEDY, path=path)
    # A symbolic link inside the folder may still lead out of it.
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError("the file named by the manifest lies outside the model's folder", path=path)
    size = path.stat().st_size
    if size != entry.bytes:
        reason = f"the file has {size} bytes where the manifest says {entry.bytes}"
        raise ModelError(reason, hint=_REMEDY, path=path)
    return path
