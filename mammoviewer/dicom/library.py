"""pydicom, loaded when the first file is read: a window that has none yet does not wait for it."""

from __future__ import annotations

import functools
import importlib
import logging
import struct
from typing import Any, Final


class _Late:
    """The attributes of the module, which is loaded with the first of them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_loaded(), name)


@functools.cache
def _loaded() -> Any:
    module = importlib.import_module("pydicom")
    # Its log lines may quote element values, and patient data are never logged. Loading it sets a level of its own.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    # Values that break the rules of their VR are shown as they are; what matters is checked where it is used.
    module.config.settings.reading_validation_mode = module.config.IGNORE
    return module


pydicom: Final[Any] = _Late()
"""The module; it brings no types the checker could use."""


@functools.cache
def parse_errors() -> tuple[type[BaseException], ...]:
    """Return what converting a damaged element raises in pydicom."""
    return (
        pydicom.errors.BytesLengthException,
        pydicom.errors.InvalidDicomError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        NotImplementedError,
        OverflowError,
        EOFError,
        OSError,
        struct.error,
        RecursionError,
        MemoryError,
    )
