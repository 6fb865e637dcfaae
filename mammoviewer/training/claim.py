"""One training at a time works in a folder of checkpoints; the claim of a process that was killed goes with it.

No torch here: the list of trainings asks it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mammoviewer.base.errors import TrainingError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

CLAIM_NAME = "claim"
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextlib.contextmanager
def claimed(checkpoints: Path) -> Iterator[None]:
    """Hold a folder of checkpoints, which is made, for the length of the block; an empty one is gone afterwards.

    Raises
    ------
    TrainingError
        Another process holds it, or it cannot be made.
    """
    path = checkpoints / CLAIM_NAME
    try:
        handle = _taken(path)
    except OSError as error:
        hint = error.strerror or "choose another output"
        raise TrainingError("the folder of checkpoints cannot be made", hint=hint, path=checkpoints) from error
    if handle is None:
        hint = "wait until it is done, end it, or choose another output"
        raise TrainingError("another process is training this model", hint=hint, path=checkpoints)
    try:
        yield
    finally:
        _let_go(handle, path)


def is_claimed(checkpoints: Path) -> bool:
    """Return whether a process that lives is training in a folder of checkpoints."""
    path = checkpoints / CLAIM_NAME
    if not path.exists():
        return False
    with contextlib.suppress(OSError):
        handle = _taken(path)
        if handle is None:
            return True
        os.close(handle)
    return False


def _taken(path: Path) -> int | None:
    """Return the open file of a claim, or ``None`` where another process has it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle)
        except OSError as error:
            if error.errno in _TAKEN:
                os.close(handle)
                return None
            # a file system that knows no locks: nothing can be said of others there
            return handle
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        # whoever had it removed the file between its opening and the lock
        os.close(handle)


def _let_go(handle: int, path: Path) -> None:
    if sys.platform == "win32":
        # an open file cannot be removed there
        os.close(handle)
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()
    if sys.platform != "win32":
        os.close(handle)


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
