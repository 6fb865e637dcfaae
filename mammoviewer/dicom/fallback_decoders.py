"""Decoders that are asked when the fast ones refuse a frame, large frames in a process of their own.

They let no other thread run while they work. Within the window's process each large frame, most of them damaged, would
be a moment in which the window does not answer.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from mammoviewer.base.arrays import StoredArray

_APART_FROM = 500_000
"""Pixels of a frame that takes about 20 ms."""
_LIMIT_S = 60.0


def _openjpeg(data: bytes) -> StoredArray:
    import openjpeg

    return np.asarray(openjpeg.decode(data))


def _pillow(data: bytes) -> StoredArray:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


FALLBACKS: dict[str, Callable[[bytes], StoredArray]] = {"pylibjpeg-openjpeg": _openjpeg, "pillow": _pillow}
"""By the name shown to the user."""


def decode_by(name: str, data: bytes, size: int) -> StoredArray:
    """Return what the fallback ``name`` makes of a frame of ``size`` pixels.

    Raises
    ------
    ValueError
        The decoder's process failed, or was not ready within a minute. In this process it may raise anything.
    OSError
        The process cannot be started.
    """
    return FALLBACKS[name](data) if size < _APART_FROM else decode_apart(name, data)


def decode_apart(name: str, data: bytes) -> StoredArray:
    """Return what the fallback ``name`` makes of ``data`` in a new process; raises as :func:`decode_by`."""
    # -P: a folder that happens to be the working one must not lend its modules to the child.
    argv = [sys.executable, "-P", "-m", __name__, name]
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NO_WINDOW
    try:
        done = subprocess.run(argv, input=data, capture_output=True, timeout=_LIMIT_S, check=True, **options)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(f"its process failed: {said[-1] if said else f'exit code {error.returncode}'}") from error
    except subprocess.SubprocessError as error:
        raise ValueError(f"its process failed: not ready within {_LIMIT_S:.0f} s") from error
    pixels: StoredArray = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    return pixels


def main() -> None:
    """Decode standard input by the decoder named in the arguments, and write the array to standard output."""
    pixels = FALLBACKS[sys.argv[1]](sys.stdin.buffer.read())
    # By way of memory: numpy asks a buffered file where it stands, which a pipe cannot tell.
    written = io.BytesIO()
    np.save(written, pixels, allow_pickle=False)
    sys.stdout.buffer.write(written.getbuffer())


if __name__ == "__main__":
    main()
