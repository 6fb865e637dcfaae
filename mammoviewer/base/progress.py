"""The progress idiom: core functions take a ``Progress`` and call it often; it may raise ``Cancelled``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float, str], None]
"""Called as ``progress(fraction, message)`` with fraction in [0, 1]; raises ``Cancelled`` to stop the work."""


def no_progress(fraction: float, message: str) -> None:
    """Accept and drop every report."""


def subprogress(progress: Progress, start: float, end: float) -> Progress:
    """Return a reporter whose [0, 1] is mapped to [start, end] of ``progress``."""

    def report(fraction: float, message: str) -> None:
        progress(start + (end - start) * fraction, message)

    return report
