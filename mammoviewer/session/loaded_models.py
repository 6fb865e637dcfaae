"""The models that were used, ready to run: loaded once, and again where their bundle has become another."""

from __future__ import annotations

import threading

from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.registry import ModelRegistry


class LoadedModels:
    """Loads models at their first use and keeps them. Safe to use from several threads.

    Parameters
    ----------
    registry
        Where they are found; another may be put in its place.
    threads
        Threads of each; those of :func:`mammoviewer.inference.onnx_session.default_threads` when 0.
    int8
        Use the int8 form of models that have one.
    """

    def __init__(self, registry: ModelRegistry, *, threads: int = 0, int8: bool = False) -> None:
        self.registry = registry
        self._threads = threads or None
        self._int8 = int8
        self._loaded: dict[str, OnnxModel] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> OnnxModel:
        """Return a model; made at the first use, so call this on a worker's thread.

        Raises
        ------
        ModelError
            If there is no such model.
        """
        manifest = self.registry.get(name)
        with self._lock:
            loaded = self._loaded.get(manifest.identity)
            # A bundle of the same name may have been put in the place of the one that was loaded.
            if loaded is None or loaded.manifest != manifest:
                loaded = self._loaded[manifest.identity] = OnnxModel(manifest, threads=self._threads, int8=self._int8)
            return loaded

    def runs_on(self, model: str) -> str:
        """Return what a model runs on, its form and its threads, for people; empty before it was used."""
        with self._lock:
            loaded = self._loaded.get(model)
        if loaded is None or not loaded.provider:
            return ""
        threads = f"{loaded.threads} thread{'s' if loaded.threads > 1 else ''}"
        form = ", int8" if loaded.role == "int8" else ""
        return f"{loaded.provider.removesuffix('ExecutionProvider')}, {threads}{form}"

    def use_int8(self, wanted: bool) -> None:
        """Let later runs use the int8 form of models that have one, or not."""
        with self._lock:
            if wanted != self._int8:
                self._int8 = wanted
                self._loaded.clear()

    def forget(self, model: str) -> None:
        """Drop a model that was removed."""
        with self._lock:
            self._loaded.pop(model, None)
