"""Preparation steps that are Python code of other installed packages: off until the user switches them on.

A package declares an entry point of the group ``mammoviewer.preprocessors``; its object is called with ``values``
float32 (channels, rows, columns) and ``mask`` bool (rows, columns), the breast, and returns values of the same shape.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Final

import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import ArgumentError

GROUP: Final = "mammoviewer.preprocessors"

_log = logging.getLogger(__name__)
_allowed = threading.Event()


def allow_plugins(allowed: bool) -> None:
    """Switch plugins on or off for this process."""
    if allowed:
        _allowed.set()
    else:
        _allowed.clear()


def plugins_allowed() -> bool:
    """Return whether plugins may run."""
    return _allowed.is_set()


def plugin_names() -> tuple[str, ...]:
    """Return the preprocessors that installed packages declare; none of them is loaded."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def run_plugin(name: str, values: FloatArray, mask: BoolArray) -> FloatArray:
    """Return what the preprocessor ``name`` makes of an image.

    Raises
    ------
    ArgumentError
        Plugins are off, no package brings this one, or it fails or returns something else than such an image.
    """
    if not plugins_allowed():
        raise ArgumentError(
            f"its preprocessing needs the Python plugin {name!r}, and plugins are switched off",
            hint='set "models": {"plugins": true} in the settings if you trust the package that brings it',
        )
    result: Any
    try:
        result = np.asarray(_loaded(name)(values.copy(), mask.copy()), dtype=np.float32)
    except ArgumentError:
        raise
    except Exception as error:
        _log.exception("the plugin %s failed", name)
        raise ArgumentError(f"the plugin {name!r} failed: {type(error).__name__}: {error}") from error
    if result.shape != values.shape or not np.isfinite(result).all():
        raise ArgumentError(f"the plugin {name!r} does not return finite values of the shape {values.shape}")
    return np.ascontiguousarray(result)


def _loaded(name: str) -> Callable[[FloatArray, BoolArray], object]:
    for point in entry_points(group=GROUP, name=name):
        found: Callable[[FloatArray, BoolArray], object] = point.load()
        return found
    hint = "install the package that the model's card names"
    raise ArgumentError(f"no installed package brings the preprocessor {name!r}", hint=hint)
