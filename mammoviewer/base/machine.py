"""What the program asks of the machine it runs on."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

_UNKNOWN: Final = 4 << 30
"""Taken where the system does not tell: little for a machine that shows mammograms."""
_CONTROL_GROUP: Final = Path("/sys/fs/cgroup/memory.max")


def total_memory_bytes() -> int:
    """Return the memory that this program may use: all the machine has, or its container's share of it."""
    total = _windows_memory() if sys.platform == "win32" else _posix_memory()
    limit = _container_limit()
    return min(total, limit) if limit else total


def _posix_memory() -> int:
    try:
        return max(0, os.sysconf("SC_PAGE_SIZE")) * max(0, os.sysconf("SC_PHYS_PAGES")) or _UNKNOWN
    except (OSError, ValueError):
        return _UNKNOWN


def _container_limit() -> int:
    """Return the limit that a Linux container sets, 0 where there is none."""
    try:
        return int(_CONTROL_GROUP.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" stands for no limit
        return 0


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "free", "page", "page_free", "virtual", "virtual_free")),
        ("extended", ctypes.c_uint64),
    )


def _windows_memory() -> int:
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.total) or _UNKNOWN
    return _UNKNOWN
