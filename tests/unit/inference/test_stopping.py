"""Runs of a model that are ended while they go on."""

import threading
import time

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import dense_bundle, onnx_bytes, whole_image_bundle
from onnx import helper

from mammoviewer.base.errors import Cancelled, ModelError
from mammoviewer.imaging.voi import Window
from mammoviewer.inference import dense as dense_module
from mammoviewer.inference import stopping
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import predict_image, predict_prepared
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.inference.stopping import RunStop, StoppableRuns
from mammoviewer.jobs.job import JobState
from mammoviewer.jobs.thread_runner import ThreadRunner

SIDE = 1024
ENDLESS = 400
"""So many products of large matrices take a quarter of a minute; a run that ends sooner was ended."""


@pytest.fixture(scope="module")
def endless():
    """A session of ONNX Runtime whose run takes a quarter of a minute, of many short nodes."""
    import onnxruntime

    nodes = [
        helper.make_node("MatMul", ["x" if number == 0 else f"y{number}", "weight"], [f"y{number + 1}"])
        for number in range(ENDLESS)
    ]
    weight = np.zeros((SIDE, SIDE), dtype=np.float32)
    data = onnx_bytes(nodes, {"x": [SIDE, SIDE]}, {f"y{ENDLESS}": [SIDE, SIDE]}, {"weight": weight})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(data, sess_options=options, providers=["CPUExecutionProvider"])


@pytest.fixture
def feed():
    return {"x": np.zeros((SIDE, SIDE), dtype=np.float32)}


def test_a_run_under_way_ends_as_cancelled(endless, feed, capfd):
    names, stop = [f"y{ENDLESS}"], RunStop()
    timer = threading.Timer(0.05, stop.stop)
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        stop.run(endless, names, feed)
    assert time.monotonic() - started < 5.0
    timer.join()
    with pytest.raises(Cancelled):
        stop.run(endless, names, feed)
    assert capfd.readouterr() == ("", ""), "ONNX Runtime says nothing of it"


def test_other_runs_of_the_session_go_on(tmp_path):
    model = OnnxModel(dense_bundle(tmp_path / "m"))
    batch = np.zeros((1, *model.manifest.input.shape[1:]), dtype=np.float32)
    stop = RunStop()
    expected = model.scores(batch)
    np.testing.assert_array_equal(model.scores(batch, stop=RunStop()), expected)
    stop.stop()
    for run in (model.scores, model.logits):
        with pytest.raises(Cancelled):
            run(batch, stop=stop)
    np.testing.assert_array_equal(model.scores(batch), expected)


def test_a_failure_is_no_cancellation(tmp_path):
    model = OnnxModel(dense_bundle(tmp_path / "m"))
    with pytest.raises(ModelError, match="failed to run"):
        model.scores(np.zeros((1, 2, 3, 4), dtype=np.float32), stop=RunStop())


def test_a_cancelled_job_ends_its_run(endless, feed):
    running = threading.Event()

    def work(progress):
        with StoppableRuns(2, "runs") as runs:

            def run(_):
                running.set()
                return runs.stop.run(endless, [f"y{ENDLESS}"], feed)

            return list(runs.map(run, range(5), lambda: progress(0.5, "running")))

    with ThreadRunner(1, "test") as runner:
        job = runner.submit("run", work)
        assert running.wait(10.0)
        started = time.monotonic()
        job.cancel()
        assert job.wait(10.0)
        assert time.monotonic() - started < 5.0
    assert (job.state, job.result, job.error) == (JobState.CANCELLED, None, None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("runs")]


def test_a_run_that_fails_ends_the_others(endless, feed):
    running = threading.Event()

    def run(runs, number):
        if number:
            running.set()
            return runs.stop.run(endless, [f"y{ENDLESS}"], feed)
        assert running.wait(10.0)
        raise ModelError("broken")

    started = time.monotonic()
    with pytest.raises(ModelError, match="broken"), StoppableRuns(2, "runs") as runs:
        list(runs.map(lambda number: run(runs, number), range(2), lambda: None))
    assert time.monotonic() - started < 5.0


def test_results_come_in_order_and_the_caller_is_asked_meanwhile(monkeypatch):
    monkeypatch.setattr(stopping, "ASK_EVERY_S", 0.001)
    asked = []

    def slow(number):
        time.sleep(0.02 / (number + 1))
        return number * 10

    with StoppableRuns(3, "runs") as runs:
        assert list(runs.map(slow, range(4), lambda: asked.append(1))) == [0, 10, 20, 30]
        assert runs.result(lambda: 7, lambda: None) == 7
    assert asked


def test_a_dense_pass_that_is_cancelled_within_a_part_keeps_nothing(tmp_path, monkeypatch, endless, feed):
    monkeypatch.setattr(stopping, "ASK_EVERY_S", 0.001)
    monkeypatch.setattr(dense_module, "TILE_PX", 60)
    manifest = dense_bundle(tmp_path / "m")
    model = OnnxModel(manifest, threads=1)
    pixels = breast_like(203, 157)
    image = make_image(pixels=pixels, vois=(Window(2047.5, 4095.0),))
    within, kept = threading.Event(), []

    def hang(self, tile, *, stop):
        within.set()
        return stop.run(endless, [f"y{ENDLESS}"], feed)

    monkeypatch.setattr(OnnxModel, "dense_logits", hang)
    cache = ResultCache(tmp_path / "cache")
    monkeypatch.setattr(ResultCache, "store", lambda self, key, entry: kept.append(key))

    def progress(fraction, message):
        if within.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_image(image, 0, model, mode="dense", cache=cache, on_partial=kept.append, progress=progress)
    assert within.is_set()
    assert kept == []


def test_a_run_over_a_whole_image_ends(tmp_path, monkeypatch, endless, feed):
    monkeypatch.setattr(stopping, "ASK_EVERY_S", 0.001)
    model = OnnxModel(whole_image_bundle(tmp_path / "m"))
    pixels = breast_like(64, 48)
    image = make_image(pixels=pixels, vois=(Window(2047.5, 4095.0),))
    within = threading.Event()

    def hang(self, batch, *, stop):
        within.set()
        return stop.run(endless, [f"y{ENDLESS}"], feed)

    monkeypatch.setattr(OnnxModel, "scores", hang)

    def progress(fraction, message):
        if within.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_prepared(prepare(pixels, image.attributes, model.manifest), model, progress=progress)


def test_the_preparation_can_be_cancelled_between_its_steps(tmp_path):
    model = OnnxModel(dense_bundle(tmp_path / "m"))
    pixels = breast_like(64, 48)
    image = make_image(pixels=pixels, vois=(Window(2047.5, 4095.0),))
    steps = len(model.manifest.preprocessing)
    for last in range(steps + 1):
        told = []

        def progress(fraction, message, last=last, told=told):
            told.append((fraction, message))
            if len(told) > last:
                raise Cancelled

        with pytest.raises(Cancelled):
            prepare(pixels, image.attributes, model.manifest, progress=progress)
        assert set(told) == {(0.0, "preparing")}
