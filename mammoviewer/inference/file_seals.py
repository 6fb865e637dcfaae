"""Are the files of a model still those that were checked? Hashed once, then compared by what the system says of them.

Kept results are answers of the files that a manifest describes. Where such a file was damaged or replaced since, they
would be told in the name of a model that is not there any more.
"""

from __future__ import annotations

from pathlib import Path

from mammoviewer.inference.manifest import read_verified
from mammoviewer.inference.model_records import ModelManifest

_Stamp = tuple[int, int, int, int, int]
"""Device, inode, bytes, time of the last change of the content and of the entry, in nanoseconds."""


class FileSeals:
    """What the files of one bundle were like when their SHA-256 was that of the manifest.

    Safe to use from several threads; at worst a file is hashed twice.
    """

    def __init__(self, manifest: ModelManifest) -> None:
        self._manifest = manifest
        self._sound: dict[str, _Stamp] = {}

    def read(self, role: str) -> bytes:
        """Return the bytes of a file as :func:`mammoviewer.inference.manifest.read_verified`, and remember the file.

        Raises
        ------
        ModelError
            The bundle has no such file, or it is not the one the manifest was written for.
        """
        before = _stamp(self._manifest.file_path(role)) if role in self._manifest.files else None
        data = read_verified(self._manifest, role)
        if before is not None:
            self._sound[role] = before
        return data

    def check(self, role: str) -> None:
        """Raise :class:`ModelError` unless a file is the one of the manifest; it is read only when it was touched."""
        known = self._sound.get(role)
        if known is None or _stamp(self._manifest.file_path(role)) != known:
            self.read(role)


def _stamp(path: Path) -> _Stamp | None:
    """Return what tells a file from a changed one; None where it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
