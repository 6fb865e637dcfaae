"""Where the program's own files are, and how files are written so that a crash never leaves half of one.

Bundled data (``models/``, ``resources/``) lies beside the package in a checkout and inside it in a wheel.
``MAMMOVIEWER_HOME`` moves everything the user makes (library, models, settings, cache) to one folder.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def _bundled(name: str) -> Path:
    inside = _PACKAGE / "_bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def bundled_models_dir() -> Path:
    """Return the folder of the classifiers that come with the program."""
    return _bundled("models")


def resources_dir() -> Path:
    """Return the folder of icons, style, term lists and hanging protocols."""
    return _bundled("resources")


def user_dir() -> Path:
    """Return the folder that holds all the user's own data; not created here."""
    override = os.environ.get("MAMMOVIEWER_HOME")
    if override:
        return Path(override)
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", str(Path.home())))
        return base / "MammoViewer"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "MammoViewer"
    base = Path(os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local" / "share")))
    return base / "mammoviewer"


def user_models_dir() -> Path:
    """Return the folder into which trained and added models go."""
    return user_dir() / "models"


def library_path() -> Path:
    """Return the SQLite file that holds the user's annotations."""
    return user_dir() / "library.sqlite"


def studies_path() -> Path:
    """Return the SQLite file that lists the studies the user has opened; apart from the annotations."""
    return user_dir() / "studies.sqlite"


def settings_path() -> Path:
    """Return the JSON file of the user's settings."""
    return user_dir() / "settings.json"


def cache_dir() -> Path:
    """Return the folder for data that can be made again (demo exam, embeddings)."""
    return user_dir() / "cache"


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it onto ``path`` when the block succeeds.

    The file is flushed to disk before the rename, so that a crash leaves either the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` through :func:`atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``path`` through :func:`atomic_path`."""
    write_bytes_atomically(path, text.encode("utf-8"))
