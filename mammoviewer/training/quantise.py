"""An int8 form of a trained classifier, kept only where it says what the float one says.

Static quantisation with QuantizeLinear and DequantizeLinear around each operator: the ranges of the activations are
those seen on a share of the given patches, and how far the two forms are apart is measured on the rest. No torch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.base.paths import write_bytes_atomically
from mammoviewer.inference.manifest import ModelManifest, describe_file, load_manifest, read_verified, write_manifest
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.training.metrics import area_under_curve, finite_or_none

INT8_NAME = "int8.onnx"
MOST_MEAN_DP = 0.02
MOST_AUC_DIFFERENCE = 0.005
_QUANTISED = ("Conv", "Gemm", "MatMul")
"""Where the work is; what lies between them, such as a normalisation behind a rectifier, keeps its precision."""
_PIXEL_CHANNELS = 3
_FEWEST_PATCHES = 8
_MOST_FOR_CALIBRATION = 256
_BATCH = 32
_SEED = 20
_TIMED_RUNS = 5


def quantised(
    folder: Path, patches: FloatArray, labels: Sequence[int], groups: Sequence[str] | None = None
) -> dict[str, Any]:
    """Add an int8 form to the bundle in ``folder`` if it agrees with the float one, and tell how far it does.

    Parameters
    ----------
    folder
        A bundle with its manifest; on success it gains ``int8.onnx``, and the manifest the file and ``metrics.int8``.
    patches
        float32 (n, channels, rows, columns), prepared as the model sees them; at least 8.
    labels
        The class index of each.
    groups
        Case or patient of each: none is on both sides of the split into calibration and measurement. Each patch stands
        for itself by default.

    Returns
    -------
    dict
        ``kept``, ``reason`` (empty when kept), ``calibrated_on`` and ``measured_on`` (patches), ``mean_abs_dp``,
        ``max_abs_dp``, ``auc_float``, ``auc_int8`` and ``auc_difference`` (None where one class alone was measured),
        ``bytes_float``, ``bytes_int8``, ``speed_up`` (float time / int8 time of one batch on this machine), ``vnni``
        (whether its processor is known to multiply bytes in one step).

    Raises
    ------
    ModelError
        The bundle is not sound.
    ArgumentError
        There are too few patches, or the arguments differ in length.
    """
    manifest = load_manifest(folder)
    if len(patches) < _FEWEST_PATCHES or len(labels) != len(patches) or len(groups or patches) != len(patches):
        raise ArgumentError(f"quantisation needs {_FEWEST_PATCHES} patches or more, a label and a group for each")
    calibration, held_out = _halves(groups if groups is not None else [str(i) for i in range(len(patches))])
    prepared = np.stack([as_batch(patch[np.newaxis], manifest.channels)[0] for patch in patches])
    data = read_verified(manifest, "model")
    with tempfile.TemporaryDirectory(prefix="mammoviewer-int8-") as place:
        small = _quantise(data, prepared[calibration[:_MOST_FOR_CALIBRATION]], manifest, Path(place))
        facts = _compared(manifest, Path(place), small, prepared[held_out], np.asarray(labels)[held_out])
    facts = {"calibrated_on": int(min(len(calibration), _MOST_FOR_CALIBRATION)), **facts}
    _put_down(manifest, folder)
    if facts["kept"]:
        write_bytes_atomically(folder / INT8_NAME, small)
        files = {**manifest.files, "int8": describe_file(folder, INT8_NAME)}
        write_manifest(folder, replace(manifest, files=files, metrics={**manifest.metrics, "int8": facts}))
    return facts


def _put_down(manifest: ModelManifest, folder: Path) -> None:
    """Take the int8 form out of a bundle, the manifest first: it never names a file that is not there."""
    if "int8" in manifest.files:
        files, metrics = dict(manifest.files), dict(manifest.metrics)
        del files["int8"]
        metrics.pop("int8", None)
        write_manifest(folder, replace(manifest, files=files, metrics=metrics))
    (folder / INT8_NAME).unlink(missing_ok=True)


def _halves(groups: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices to calibrate with and to measure on: half of the groups each, by chance with a fixed seed."""
    names = np.array(sorted(set(groups)))
    chosen = set(np.random.default_rng(_SEED).permutation(names)[: max(1, len(names) // 2)].tolist())
    first = np.array([group in chosen for group in groups])
    if first.all():
        raise ArgumentError("quantisation needs patches of two groups or more")
    shuffled = np.random.default_rng(_SEED).permutation(len(groups))
    return shuffled[first[shuffled]], shuffled[~first[shuffled]]


def _quantise(data: bytes, patches: FloatArray, manifest: ModelManifest, place: Path) -> bytes:
    """Return the int8 form of an ONNX file, calibrated on ``patches``."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    size = 1 if manifest.input.shape[0] == 1 else _BATCH
    feed: Iterator[dict[str, FloatArray]] = iter(
        [{manifest.input.name: patches[start : start + size]} for start in range(0, len(patches), size)]
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, FloatArray] | None:
            return next(feed, None)

    (place / "model.onnx").write_bytes(data)
    try:
        # Normalisations melt into the convolutions first; else each would be rounded on its own.
        quant_pre_process(place / "model.onnx", place / "ready.onnx", skip_symbolic_shape=True)
        ready = onnx.load(place / "ready.onnx")
        for number, node in enumerate(ready.graph.node):
            node.name = node.name or f"node {number}"
        onnx.save(ready, place / "ready.onnx")
        quantize_static(
            place / "ready.onnx",
            place / INT8_NAME,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=_first_layers(ready.graph),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Older processors add two products of 8 bits in 16: with 7 bits for a weight that cannot overflow.
            reduce_range=True,
        )
        model = onnx.load(place / INT8_NAME)
    except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own that share no base
        raise ModelError(f"model {manifest.identity} cannot be quantised: {error}") from error
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return bytes(model.SerializeToString())


def _first_layers(graph: Any) -> list[str]:
    """Return the names of the convolutions that look at the pixels themselves.

    They have few products and the widest range of values: rounded, they cost the most agreement and gain no time.
    """
    few = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 4 and tensor.dims[1] <= _PIXEL_CHANNELS}
    found = [node.name for node in graph.node if node.op_type == "Conv" and node.input[1] in few and not _grouped(node)]
    # A network of such layers alone would have no int8 form.
    return found if len(found) < sum(node.op_type in _QUANTISED for node in graph.node) else []


def _grouped(conv: Any) -> bool:
    return any(attribute.name == "group" and attribute.i != 1 for attribute in conv.attribute)


def _compared(
    manifest: ModelManifest, place: Path, small: bytes, patches: FloatArray, labels: NDArray[np.intp]
) -> dict[str, Any]:
    """Run both forms over ``patches``; the int8 file is written to ``place``, for the bundle may be in use."""
    (place / INT8_NAME).write_bytes(small)
    entry = describe_file(place, INT8_NAME)
    whole = OnnxModel(manifest, threads=1)
    part = OnnxModel(replace(manifest, files={"int8": entry}, folder=place), threads=1, int8=True)
    index = manifest.outputs.positive_index
    before, after = _scores(whole, patches)[:, index], _scores(part, patches)[:, index]
    speed_up = _seconds(whole, patches) / _seconds(part, patches)
    truth = labels == index
    areas = [area_under_curve(truth, scores) for scores in (before, after)]
    difference = areas[1] - areas[0]
    change = np.abs(after - before)
    reasons = []
    if change.mean() > MOST_MEAN_DP:
        reasons.append(f"mean |dp| {change.mean():.3f} is above {MOST_MEAN_DP}")
    if abs(difference) > MOST_AUC_DIFFERENCE:
        reasons.append(f"the AUC changes by {difference:+.4f}, more than {MOST_AUC_DIFFERENCE}")
    return {
        "kept": not reasons,
        "reason": "; ".join(reasons),
        "measured_on": len(patches),
        "mean_abs_dp": float(change.mean()),
        "max_abs_dp": float(change.max()),
        "auc_float": finite_or_none(areas[0]),
        "auc_int8": finite_or_none(areas[1]),
        "auc_difference": finite_or_none(difference),
        "bytes_float": manifest.files["model"].bytes,
        "bytes_int8": entry.bytes,
        "speed_up": float(speed_up),
        "vnni": _has_vnni(),
    }


def _has_vnni() -> bool:
    facts = Path("/proc/cpuinfo")
    return facts.is_file() and "vnni" in facts.read_text(encoding="utf-8", errors="replace")


def _size(model: OnnxModel) -> int:
    return 1 if model.manifest.input.shape[0] == 1 else _BATCH


def _scores(model: OnnxModel, patches: FloatArray) -> DoubleArray:
    size = _size(model)
    parts = [model.scores(patches[start : start + size]) for start in range(0, len(patches), size)]
    return np.concatenate(parts).astype(np.float64)


def _seconds(model: OnnxModel, patches: FloatArray) -> float:
    """Return the shortest time of a batch, after one run to warm up."""
    batch = patches[: _size(model)]
    times = []
    for _ in range(_TIMED_RUNS + 1):
        started = time.perf_counter()
        model.scores(batch)
        times.append(time.perf_counter() - started)
    return min(times[1:])
