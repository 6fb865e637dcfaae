"""A pytest plugin that makes Qt and torch impossible to import: the core's tests must pass without them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

FORBIDDEN = ("PySide6", "shiboken6", "pyqtgraph", "torch")


class _Refusal(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{fullname} is kept out of this run", name=fullname)
        return None


sys.meta_path.insert(0, _Refusal())
