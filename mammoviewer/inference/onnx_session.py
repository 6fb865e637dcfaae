"""A classifier ready to run: ONNX Runtime sessions made from verified bytes, on the best processor that works."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import Cancelled, ModelError
from mammoviewer.inference.file_seals import FileSeals
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_check import check_onnx
from mammoviewer.inference.processor_graph import for_processor
from mammoviewer.inference.stopping import RunStop

PROVIDER_ORDER = (
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "OpenVINOExecutionProvider",
    "CPUExecutionProvider",
)
_CPU = PROVIDER_ORDER[-1]
_NVIDIA = PROVIDER_ORDER[:2]

_log = logging.getLogger(__name__)


def all_threads() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Return the number of threads inference may use beside a window: all cores but one, at least one."""
    return max(1, all_threads() - 1)


class OnnxModel:
    """One classifier. Making it is cheap; files are read, checked and loaded at the first use, on that thread.

    Safe to use from several threads.

    Parameters
    ----------
    manifest
        The bundle.
    threads
        Threads in all; :func:`default_threads` by default.
    int8
        Run the int8 form of the model where the bundle has one.
    """

    def __init__(self, manifest: ModelManifest, *, threads: int | None = None, int8: bool = False) -> None:
        self.manifest = manifest
        self.role = "int8" if int8 and "int8" in manifest.files else "model"
        self.threads = max(1, threads if threads is not None else default_threads())
        self._lock = threading.Lock()
        self._seals = FileSeals(manifest)
        self._sessions: dict[str, Any] = {}
        self._operators: dict[str, tuple[str, ...]] = {}

    @property
    def provider(self) -> str:
        """Return the execution provider that really runs; empty before the first use."""
        session = self._sessions.get(self.role)
        return str(session.get_providers()[0]) if session is not None else ""

    @property
    def on_processor(self) -> bool:
        """Return whether the model runs on the processor and not on an accelerator; loads it if need be."""
        self.load()
        return self.provider == _CPU

    @property
    def streams(self) -> int:
        """Return how many runs of a patch classifier should go on side by side, each on a thread of its own."""
        return self.threads if self.manifest.tiling is not None and self.on_processor else 1

    def operators(self, role: str = "model") -> tuple[str, ...]:
        """Return the operators of a file of the bundle, loading it if need be."""
        self._session(role)
        return self._operators[role]

    def load(self, role: str = "") -> None:
        """Read, check and load a file of the bundle now, the one that runs by default.

        Raises
        ------
        ModelError
            A file is not the one of the manifest, holds something that is not allowed, or does not load.
        """
        self._session(role or self.role)

    def check_file(self, role: str = "") -> None:
        """Look whether a file of the bundle, the one that runs by default, is still the one of the manifest.

        To be asked before results from before are told; the file is hashed once, and again only when it was touched.

        Raises
        ------
        ModelError
            It was damaged, replaced or removed.
        """
        self._seals.check(role or self.role)

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return probabilities (N, classes) and the feature maps (N, C, fh, fw) of ``batch`` (N, c, rows, columns).

        A model with a single sigmoid logit gives two columns, p for its positive class and 1 - p for the other.
        """
        outputs = self.manifest.outputs
        logits, features = self._run(self.role, [outputs.logits, outputs.features], {self.manifest.input.name: batch})
        if features.ndim != 4 or features.shape[0] != batch.shape[0]:
            raise ModelError(f"the output {outputs.features!r} of the model is not a feature map")
        return self.probabilities(self._checked_logits(logits, len(batch))), features

    def scores(self, batch: FloatArray, *, stop: RunStop | None = None) -> FloatArray:
        """Return the probabilities (N, classes) alone; ``stop`` may end the run, which then raises ``Cancelled``."""
        return self.probabilities(self.logits(batch, stop=stop))

    def logits(self, batch: FloatArray, *, stop: RunStop | None = None) -> FloatArray:
        """Return the logits (N, K) of ``batch`` (N, c, rows, columns); ``stop`` as in :meth:`scores`."""
        (logits,) = self._run(self.role, [self.manifest.outputs.logits], {self.manifest.input.name: batch}, stop)
        return self._checked_logits(logits, len(batch))

    def dense_logits(self, image: FloatArray, *, stop: RunStop | None = None) -> FloatArray:
        """Return the logits (1, K, grid rows, grid columns) of a whole image (1, c, rows, columns).

        ``stop`` is as in :meth:`scores`.
        """
        (logits,) = self._run("dense", [self.manifest.outputs.logits], {self.manifest.input.name: image}, stop)
        if logits.ndim != 4 or logits.shape[:2] != (1, self.manifest.outputs.logit_count):
            raise ModelError("the dense file of the model does not give a map of logits")
        return logits

    def boxes(self, image: FloatArray, *, stop: RunStop | None = None) -> tuple[FloatArray, FloatArray]:
        """Return the boxes (A, 4) and the probabilities (A, K) that a detection model gives of (1, c, rows, columns).

        Boxes are edges (first row, first column, last row, last column) in model pixels; class 0 is the background.
        ``stop`` is as in :meth:`scores`.
        """
        outputs = self.manifest.outputs
        if not outputs.boxes:
            raise ModelError(f"model {self.manifest.identity} gives no boxes")
        names = [outputs.logits, outputs.boxes]
        logits, boxes = self._run(self.role, names, {self.manifest.input.name: image}, stop)
        count = boxes.shape[1] if boxes.ndim == 3 else 0
        expected = ((1, count, len(outputs.classes)), (1, count, 4))
        if (logits.shape, boxes.shape) != expected:
            raise ModelError(f"the boxes {boxes.shape} of the model do not go with its logits {logits.shape}")
        return boxes[0], self.probabilities(logits[0])

    def head_gradient(self, features: FloatArray, class_index: int) -> FloatArray:
        """Return d logit[class] / d features, both (1, C, fh, fw).

        For a single sigmoid logit the class that is not positive has the negative gradient.
        """
        weights = np.zeros((1, self.manifest.outputs.logit_count), dtype=np.float32)
        if self.manifest.outputs.logit_count == 1:
            weights[0, 0] = 1.0 if class_index == self.manifest.outputs.positive_index else -1.0
        else:
            weights[0, class_index] = 1.0
        (gradient,) = self._run("head_grad", ["gradient"], {"features": features, "class_weights": weights})
        if gradient.shape != features.shape:
            raise ModelError("the head_grad file gives a gradient of another shape than the features")
        return gradient

    def class_logits(self, logits: FloatArray) -> FloatArray:
        """Return logits with one column per class (N, classes): a single logit z becomes z and -z."""
        outputs = self.manifest.outputs
        if outputs.logit_count != 1:
            return logits
        both = np.repeat(-logits, len(outputs.classes), axis=1)
        both[:, outputs.positive_index] = logits[:, 0]
        return both

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Return the probabilities (N, classes) of logits (N, K)."""
        z = self.class_logits(logits).astype(np.float64)
        if self.manifest.outputs.activation == "sigmoid":
            return (0.5 * (1.0 + np.tanh(0.5 * z))).astype(np.float32)
        exponentials = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)

    def _checked_logits(self, logits: FloatArray, count: int) -> FloatArray:
        expected = (count, self.manifest.outputs.logit_count)
        if logits.shape != expected:
            raise ModelError(f"the model gives logits of shape {logits.shape} where {expected} is needed")
        return logits

    def _run(
        self, role: str, names: list[str], feed: dict[str, FloatArray], stop: RunStop | None = None
    ) -> list[FloatArray]:
        session = self._session(role)
        try:
            results = session.run(names, feed) if stop is None else stop.run(session, names, feed)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own that share no base
            raise ModelError(f"model {self.manifest.identity} failed to run: {_first_line(error)}") from error
        arrays: list[FloatArray] = [np.asarray(result, dtype=np.float32) for result in results]
        if not all(bool(np.isfinite(array).all()) for array in arrays):
            raise ModelError(f"model {self.manifest.identity} gives values that are not finite numbers")
        return arrays

    def _session(self, role: str) -> Any:
        with self._lock:
            if role not in self._sessions:
                data = self._seals.read(role)
                self._operators[role] = self._check(role, data)
                self._sessions[role] = _make_session(data, self._threads_of(role), self.manifest.identity)
            return self._sessions[role]

    def _threads_of(self, role: str) -> int:
        """Return the threads within one run: one where several go on side by side, see :attr:`streams`."""
        tiling = self.manifest.tiling
        parted = tiling is not None and (role != "dense" or tiling.dense_halo is not None)
        return 1 if parted else self.threads

    def _check(self, role: str, data: bytes) -> tuple[str, ...]:
        entry, outputs = self.manifest.input, self.manifest.outputs
        try:
            if role == "head_grad":
                shapes = {"features": (1, None, None, None), "class_weights": (1, outputs.logit_count)}
                return check_onnx(data, inputs=shapes, outputs=["gradient"])
            if role == "dense":
                shape = (entry.shape[0], entry.shape[1], None, None)
                return check_onnx(data, inputs={entry.name: shape}, outputs=[outputs.logits])
            named = [outputs.logits, outputs.features, *([outputs.boxes] if outputs.boxes else [])]
            return check_onnx(data, inputs={entry.name: entry.shape}, outputs=named)
        except ModelError as error:
            raise ModelError(error.reason, hint=error.hint, path=self.manifest.file_path(role)) from error


def load_runtime() -> None:
    """Load ONNX Runtime, which holds the interpreter up for the time of several frames: before a window is used."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)


def usable_providers(available: list[str]) -> tuple[str, ...]:
    """Return which of :data:`PROVIDER_ORDER` are worth trying: those built in, NVIDIA's only with its driver."""
    has_driver = _has_nvidia_driver()
    return tuple(name for name in PROVIDER_ORDER if name in available and (has_driver or name not in _NVIDIA))


def _has_nvidia_driver() -> bool:
    # get_available_providers() lists CUDA on machines without one, and trying it prints errors on stderr.
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _make_session(data: bytes, threads: int, identity: str) -> Any:
    import onnxruntime

    load_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Spinning threads would take the cores from the window between two batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    reason = "no execution provider is available"
    for provider in usable_providers(onnxruntime.get_available_providers()):
        chain = [provider] if provider == _CPU else [provider, _CPU]
        try:
            graph = for_processor(data) if provider == _CPU else data
            session = onnxruntime.InferenceSession(graph, sess_options=options, providers=chain)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own that share no base
            reason = _first_line(error)
            _log.info("model %s does not load with %s: %s", identity, provider, reason)
            continue
        if session.get_providers()[0] == provider:
            return session
        _log.info("model %s: %s was asked for but does not run here", identity, provider)
    raise ModelError(f"model {identity} cannot be loaded: {reason}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def as_batch(patches: NDArray[np.float32], channels: int) -> FloatArray:
    """Return patches (N, c, rows, columns) as a contiguous batch with ``channels`` channels; a single one is repeated.

    Raises
    ------
    ModelError
        There are several channels, and not as many as wanted.
    """
    if patches.shape[1] not in (1, channels):
        raise ModelError(f"the preparation gives {patches.shape[1]} channels where the model takes {channels}")
    wanted = (patches.shape[0], channels, *patches.shape[2:])
    return np.ascontiguousarray(np.broadcast_to(patches, wanted), dtype=np.float32)
