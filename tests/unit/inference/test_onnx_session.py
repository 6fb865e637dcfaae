import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers.model_makers import brightest_bundle, linear_bundle, make_bundle, onnx_bytes
from onnx import helper

from mammoviewer.base.errors import ModelError
from mammoviewer.inference import onnx_session
from mammoviewer.inference.onnx_session import OnnxModel, as_batch, default_threads, usable_providers


def spots(*levels):
    batch = np.zeros((len(levels), 1, 16, 16), dtype=np.float32)
    for patch, level in zip(batch, levels, strict=True):
        patch[0, 4:6, 8:10] = level
    return batch


def test_nothing_is_loaded_before_the_first_use(tmp_path):
    manifest = brightest_bundle(tmp_path / "m")
    (tmp_path / "m" / "model.onnx").unlink()
    model = OnnxModel(manifest)
    assert model.provider == ""
    with pytest.raises(ModelError, match="missing"):
        model.load()


def test_one_sigmoid_logit_gives_a_column_per_class(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    scores, features = model.run(spots(0.5, 1.0))
    expected = 1 / (1 + np.exp(-np.array([0.0, 10.0])))
    np.testing.assert_allclose(scores, np.column_stack([1 - expected, expected]), atol=1e-6)
    assert scores.dtype == np.float32
    assert features.shape == (2, 1, 8, 8)
    assert model.provider == "CPUExecutionProvider"
    np.testing.assert_array_equal(model.scores(spots(0.5, 1.0)), scores)


def test_softmax_scores_add_up_to_one_and_survive_huge_logits(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m", classes=3))
    scores = model.scores(1e4 * np.random.default_rng(0).standard_normal((4, 1, 16, 16)).astype(np.float32))
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-6)


def test_the_gradient_of_the_other_class_is_the_opposite(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    _, features = model.run(spots(0.7))
    np.testing.assert_array_equal(model.head_gradient(features, 0), -model.head_gradient(features, 1))


def test_threads_leave_a_core_free_but_are_never_none(monkeypatch, tmp_path):
    monkeypatch.setattr(onnx_session.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert default_threads() == 7
    monkeypatch.setattr(onnx_session.os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert default_threads() == 1
    assert OnnxModel(brightest_bundle(tmp_path / "m"), threads=0).threads == 1


def test_providers_are_tried_in_the_stated_order(monkeypatch):
    available = ["CPUExecutionProvider", "OpenVINOExecutionProvider", "CUDAExecutionProvider"]
    monkeypatch.setattr(onnx_session, "_has_nvidia_driver", lambda: True)
    assert usable_providers(available) == (
        "CUDAExecutionProvider",
        "OpenVINOExecutionProvider",
        "CPUExecutionProvider",
    )
    monkeypatch.setattr(onnx_session, "_has_nvidia_driver", lambda: False)
    assert usable_providers(available) == ("OpenVINOExecutionProvider", "CPUExecutionProvider")


def test_a_provider_that_does_not_work_gives_way_to_the_next(monkeypatch, tmp_path):
    order = ("CUDAExecutionProvider", "CPUExecutionProvider")
    monkeypatch.setattr(onnx_session, "usable_providers", lambda available: order)
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    model.load()
    assert model.provider in order
    assert model.scores(spots(1.0)).shape == (1, 2)


def test_a_file_that_was_changed_after_the_manifest_does_not_run(tmp_path):
    manifest = brightest_bundle(tmp_path / "m")
    data = bytearray((tmp_path / "m" / "model.onnx").read_bytes())
    data[-1] ^= 1
    (tmp_path / "m" / "model.onnx").write_bytes(bytes(data))
    with pytest.raises(ModelError, match="SHA-256"):
        OnnxModel(manifest).load()


def test_a_file_with_operators_that_are_not_allowed_is_named(tmp_path):
    nodes = [
        helper.make_node("RandomNormalLike", ["input"], ["features"]),
        helper.make_node("Relu", ["features"], ["logits"]),
    ]
    shape = ["n", 1, 16, 16]
    manifest = make_bundle(tmp_path / "m", onnx_bytes(nodes, {"input": shape}, {"logits": shape, "features": shape}))
    with pytest.raises(ModelError, match="RandomNormalLike") as caught:
        OnnxModel(manifest).load()
    assert caught.value.path == tmp_path / "m" / "model.onnx"


def test_values_that_are_no_numbers_are_an_error_not_a_heatmap(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    with pytest.raises(ModelError, match="finite"):
        model.scores(np.full((1, 1, 16, 16), np.nan, dtype=np.float32))


def test_a_batch_of_the_wrong_shape_is_a_model_error(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    with pytest.raises(ModelError, match="failed to run"):
        model.scores(np.zeros((1, 1, 17, 16), dtype=np.float32))


def test_a_wrong_number_of_logits_is_an_error(tmp_path):
    manifest = linear_bundle(tmp_path / "m", classes=3)
    two = replace(manifest, outputs=replace(manifest.outputs, classes=("a", "b"), positive_class="b"))
    with pytest.raises(ModelError, match="logits of shape"):
        OnnxModel(two).scores(spots(1.0))


def test_grey_is_repeated_over_the_channels():
    patches = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
    batch = as_batch(patches, 3)
    assert batch.shape == (2, 3, 2, 2)
    assert batch.flags.c_contiguous
    np.testing.assert_array_equal(batch[:, 2], patches[:, 0])


def test_channels_go_as_they_are_and_a_wrong_number_is_refused():
    patches = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    np.testing.assert_array_equal(as_batch(patches, 3), patches)
    with pytest.raises(ModelError, match="3 channels where the model takes 2"):
        as_batch(patches, 2)


def test_loading_prints_nothing(tmp_path):
    brightest_bundle(tmp_path / "m")
    code = (
        "import sys; from pathlib import Path; from mammoviewer.inference.manifest import load_manifest;"
        "from mammoviewer.inference.onnx_session import OnnxModel;"
        "OnnxModel(load_manifest(Path(sys.argv[1]))).load()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m")], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
