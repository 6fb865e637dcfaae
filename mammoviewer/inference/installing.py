"""Put a model folder, or a zip file of one, among the user's models: after every check, all of it or nothing."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.check import check_model
from mammoviewer.inference.manifest import CARD_NAME, MANIFEST_NAME, MAX_FILE_BYTES, ModelManifest, load_manifest

_BESIDE = (CARD_NAME, "report.html", "report.json", "split.json", "LICENSE", "LICENSE.txt")
_MAX_MEMBERS = 1000
_MAX_TEXT_BYTES = 50_000_000
_CHUNK = 1 << 20


def install_model(
    source: Path, directory: Path, *, taken: Collection[str] = (), replace: bool = False
) -> ModelManifest:
    """Copy a bundle into ``directory`` as the folder ``name.tag`` and return its manifest.

    Parameters
    ----------
    source
        A folder with a manifest, or a zip file that holds one at its top or in its only folder. Only what the manifest
        names, the card and reports are taken over.
    directory
        The folder of the user's models.
    taken
        Identities (``name.tag``) of models elsewhere, such as the bundled ones, which cannot be given again.
    replace
        Put it in the place of a model of this identity that lies in ``directory``.

    Raises
    ------
    ModelError
        Something in it is not sound or not allowed, or there is such a model already. Nothing is left behind.
    """
    with staged_model(directory) as staging:
        if source.is_dir():
            _copy_folder(source, staging)
        elif zipfile.is_zipfile(source):
            _unpack(source, staging)
        else:
            raise ModelError("this is neither a model folder nor a zip file of one", path=source)
        return publish_model(staging, directory, taken=taken, replace=replace)


@contextlib.contextmanager
def staged_model(directory: Path) -> Iterator[Path]:
    """Yield a hidden folder in ``directory`` in which a bundle can be made; what is left of it vanishes at the end.

    Raises
    ------
    ModelError
        The folder cannot be written.
    """
    staging = directory / f".adding.{secrets.token_hex(4)}.partial"
    try:
        staging.mkdir(parents=True)
    except OSError as error:
        raise ModelError(f"the models folder cannot be written: {error.strerror}", path=directory) from error
    try:
        yield staging
    except OSError as error:
        raise ModelError(f"cannot be copied: {error.strerror or 'unknown error'}", path=directory) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def publish_model(
    staging: Path, directory: Path, *, taken: Collection[str] = (), replace: bool = False
) -> ModelManifest:
    """Run every check on the bundle in ``staging`` and move it to ``directory/name.tag``; see :func:`install_model`."""
    manifest = load_manifest(staging)
    target = directory / manifest.identity
    if manifest.identity in taken and not (replace and target.exists()):
        raise ModelError(f"there is a model {manifest.identity} already", hint="give it another name or tag")
    if target.exists() and not replace:
        raise ModelError(f"there is a model {manifest.identity} already", hint="--replace puts this one in its place")
    for result in check_model(manifest, explanations=False):
        if not result.passed:
            raise ModelError(f"the check {result.name} of model {manifest.identity} failed: {result.detail}")
    older = staging.with_suffix(".older")
    if target.exists():
        target.replace(older)
    try:
        staging.replace(target)
    except OSError:
        if older.exists():
            older.replace(target)
        raise
    shutil.rmtree(older, ignore_errors=True)
    return load_manifest(target)


def _copy_folder(source: Path, staging: Path) -> None:
    manifest = load_manifest(source)
    for name in _names(manifest):
        path = source / name
        if path.is_symlink() or not path.resolve().is_relative_to(source.resolve()):
            raise ModelError("a link leads out of the model's folder", path=path)
        if path.is_file():
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _names(manifest: ModelManifest) -> list[str]:
    return [MANIFEST_NAME, *(entry.path for entry in manifest.files.values()), *_BESIDE]


def _unpack(source: Path, staging: Path) -> None:
    """Unpack what belongs to the bundle; every name in the archive is checked, also of what is left aside."""
    try:
        with zipfile.ZipFile(source) as archive:
            members = _members(archive, source)
            _extract(archive, members, MANIFEST_NAME, staging, _MAX_TEXT_BYTES)
            # The sizes are compared before anything large is unpacked: load_manifest would want the files.
            names = [name for name in members if name.endswith(".onnx") or name in _BESIDE]
            for name in names:
                limit = MAX_FILE_BYTES if name.endswith(".onnx") else _MAX_TEXT_BYTES
                _extract(archive, members, name, staging, limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"the zip file is damaged or locked: {error}", path=source) from error
    wanted = set(_names(load_manifest(staging)))
    for path in [path for path in staging.rglob("*") if path.is_file()]:
        if path.relative_to(staging).as_posix() not in wanted:
            path.unlink()


def _members(archive: zipfile.ZipFile, source: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the files of the archive by their path inside the model's folder.

    Raises
    ------
    ModelError
        A name leads out of the folder, a member is a link, or there is not exactly one manifest.
    """
    entries = archive.infolist()
    if len(entries) > _MAX_MEMBERS:
        raise ModelError(f"the zip file holds more than {_MAX_MEMBERS} files", path=source)
    for entry in entries:
        path = PurePosixPath(entry.filename)
        leaves = path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename
        if leaves or stat.S_ISLNK(entry.external_attr >> 16):
            raise ModelError(f"the zip file holds {entry.filename!r}, which leads out of the model's folder")
    files = {PurePosixPath(entry.filename): entry for entry in entries if not entry.is_dir()}
    manifests = [path for path in files if path.name == MANIFEST_NAME and len(path.parts) <= 2]
    if len(manifests) != 1:
        raise ModelError("the zip file must hold one model: a manifest.json at its top or in its folder", path=source)
    folder = manifests[0].parent
    return {path.relative_to(folder).as_posix(): entry for path, entry in files.items() if path.is_relative_to(folder)}


def _extract(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, staging: Path, limit: int
) -> None:
    """Unpack one member, counting what really comes out: the size that the archive states may be a lie."""
    target = staging / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(members[name]) as packed, target.open("wb") as file:
        written = 0
        read: Callable[[], bytes] = lambda: packed.read(_CHUNK)  # noqa: E731 - iter() wants a callable
        for chunk in iter(read, b""):
            written += len(chunk)
            if written > limit:
                raise ModelError(f"the zip file holds {name!r} of more than {limit} bytes")
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
