from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import boxes_bundle, brightest_bundle, dense_bundle, linear_bundle, whole_image_bundle

from mammoviewer.inference.manifest import write_manifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.jobs.job import JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.heatmap_runs import CamChoice, HeatmapRuns, RunRequest


@pytest.fixture
def runs(tmp_path):
    """Runs that wait behind other work for as long as the test lasts."""
    gate = threading.Event()
    with ThreadRunner(1, "test") as runner:
        runner.submit("other work", lambda progress: gate.wait(20), priority=9)
        yield HeatmapRuns(runner, runner, ModelRegistry([tmp_path]))
        gate.set()


def test_a_run_says_which_heatmaps_it_will_bring(runs):
    image = make_image("RCC", pixels=breast_like(frames=4), uid="1.2")
    assert not runs.is_coming("1.2", 1, "calc.1")
    runs.start(RunRequest(image, (1, 2), "calc.1"))
    assert runs.is_coming("1.2", 1, "calc.1")
    assert not runs.is_coming("1.2", 3, "calc.1")
    assert not runs.is_coming("1.2", 1, "calc.2")
    assert not runs.is_coming("1.3", 1, "calc.1")


def test_the_runs_of_a_model_can_be_stopped(runs):
    old = runs.start(RunRequest(make_image("RCC", uid="1.2"), (0,), "calc.1"))
    new = runs.start(RunRequest(make_image("LCC", uid="1.3"), (0,), "calc.2"))
    runs.stop("calc.2")
    assert old.state is JobState.PENDING
    assert new.state is JobState.CANCELLED
    assert not runs.is_coming("1.3", 0, "calc.2")


def test_a_slice_of_a_run_under_way_is_brought_forward_in_it(tmp_path):
    brightest_bundle(tmp_path / "spots")
    registry = ModelRegistry([tmp_path])
    (model,) = [manifest.identity for manifest in registry.models]
    image = make_image("RCC", pixels=breast_like(frames=6), uid="1.2")
    gate, came = threading.Event(), []
    with ThreadRunner(1, "runs") as runner, ThreadRunner(1, "explain") as explaining:
        runner.submit("other work", lambda progress: gate.wait(20), priority=9)
        runs = HeatmapRuns(runner, explaining, registry)
        everything = runs.start(RunRequest(image, tuple(range(6)), model, override=True))
        assert runs.start(RunRequest(image, (4,), model, override=True)) is everything
        other = runs.start(RunRequest(make_image("LCC", uid="1.3"), (0,), model, override=True))
        explained = runs.explain_patch(image, 0, model, (80.0, 90.0))
        assert explained.wait(20), "an explanation does not wait for the runs"
        runs.changed.connect(lambda identity, frame: came.append(frame) if identity == "1.2" else None)
        gate.set()
        assert everything.wait(60)
        assert other.wait(60)
        assert everything.state is JobState.DONE, everything.error
    assert list(dict.fromkeys(came)) == [4, 0, 1, 2, 3, 5]


def test_a_patch_of_air_is_not_explained(tmp_path):
    brightest_bundle(tmp_path / "spots")
    registry = ModelRegistry([tmp_path])
    (model,) = [manifest.identity for manifest in registry.models]
    image = make_image("RCC", pixels=breast_like(320, 240), uid="1.2")
    told = []
    with ThreadRunner(1, "explain") as runner:
        runs = HeatmapRuns(runner, runner, registry)
        runs.notice.connect(told.append)
        refused = runs.explain_patch(image, 0, model, (160.0, 10.0))
        assert refused.wait(20)
        assert refused.state is JobState.FAILED
        assert runs.cam("1.2", 0, model) is None
        assert [(notice.text, bool(notice.hint)) for notice in told] == [("that is not breast", True)]
        explained = runs.explain_patch(image, 0, model, (160.0, 200.0))
        assert explained.wait(20)
        assert explained.state is JobState.DONE


def test_what_a_removed_model_found_is_forgotten(tmp_path):
    bundle = brightest_bundle(tmp_path / "spots")
    registry = ModelRegistry([tmp_path])
    image = make_image("RCC", uid="1.2")
    with ThreadRunner(1, "runs") as runner:
        runs = HeatmapRuns(runner, runner, registry)
        assert runs.start(RunRequest(image, (0,), bundle.identity, override=True)).wait(60)
        assert runs.heatmap("1.2", 0, bundle.identity) is not None
        shutil.rmtree(tmp_path / "spots")
        registry.refresh()
        runs.forget_model(bundle.identity)
    assert runs.heatmap("1.2", 0, bundle.identity) is None
    assert runs.detections("1.2", 0, bundle.identity) == ()


def test_what_was_under_way_on_a_forgotten_image_is_not_kept(tmp_path):
    bundle = brightest_bundle(tmp_path / "spots")
    image = make_image("RCC", uid="1.2")
    begun, go_on = threading.Event(), threading.Event()
    with ThreadRunner(1, "runs") as runner, ThreadRunner(1, "explain") as explaining:
        runs = HeatmapRuns(runner, explaining, ModelRegistry([tmp_path]))
        runs.model(bundle.identity)

        def slowly(*_: object) -> None:
            begun.set()
            go_on.wait(20)

        runs.changed.connect(slowly)
        job = runs.start(RunRequest(image, (0,), bundle.identity, override=True))
        assert begun.wait(20)
        runs.forget("1.2")
        go_on.set()
        assert job.wait(20)
        assert runs.heatmap("1.2", 0, bundle.identity) is None
        assert runs.detections("1.2", 0, bundle.identity) == ()
        again = runs.start(RunRequest(image, (0,), bundle.identity, override=True))
        assert again.wait(20)
        assert runs.heatmap("1.2", 0, bundle.identity) is not None


@pytest.mark.parametrize(
    ("make", "mode", "found"),
    [
        (brightest_bundle, "patches", "patches"),
        (brightest_bundle, "coarse", "coarse"),
        (brightest_bundle, "dense", "patches"),
        (dense_bundle, "dense", "dense"),
        (boxes_bundle, "coarse", "boxes"),
        (whole_image_bundle, "dense", ""),
    ],
)
def test_models_of_every_task_run_in_the_mode_asked_for_or_their_own(tmp_path, make, mode, found):
    bundle = make(tmp_path / "m")
    image = make_image("RCC", pixels=breast_like(400, 300, frames=2), uid="1.2")
    with ThreadRunner(1, "runs") as runner:
        runs = HeatmapRuns(runner, runner, ModelRegistry([tmp_path]))
        job = runs.start(RunRequest(image, (1,), bundle.identity, override=True, mode=mode))
        assert job.wait(60)
        assert job.state is JobState.DONE, job.error
        heatmap = runs.heatmap("1.2", 1, bundle.identity)
        assert (heatmap.mode if heatmap is not None else "") == found
        scores = runs.scores("1.2", 1, bundle.identity)
        assert bundle.outputs.positive_class in scores
        first, second = runs.slice_scores(image, bundle.identity)
        assert first is None
        assert second == pytest.approx(scores[bundle.outputs.positive_class])
        runs.forget("1.2")
        assert runs.scores("1.2", 1, bundle.identity) == {}


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_that_was_cancelled_goes_on_from_the_windows_it_had(tmp_path, monkeypatch, kept):
    monkeypatch.setattr("mammoviewer.inference.tiling.PARTIAL_INTERVAL_S", 0.0)
    bundle = brightest_bundle(tmp_path / "spots", patch=(32, 32), stride=4)
    image = make_image("RCC", pixels=breast_like(400, 300), uid="1.2")
    cache = ResultCache(tmp_path / "results") if kept else None
    ran = []
    original = OnnxModel.scores
    monkeypatch.setattr(OnnxModel, "scores", lambda self, batch: ran.append(len(batch)) or original(self, batch))
    with ThreadRunner(1, "runs") as runner:
        runs = HeatmapRuns(runner, runner, ModelRegistry([tmp_path]), cache=cache)
        enough = threading.Event()

        def watch(identity, frame):
            if runs.heatmap(identity, frame, bundle.identity).share > 0.1:
                enough.set()

        runs.changed.connect(watch)
        job = runs.start(RunRequest(image, (0,), bundle.identity, override=True))
        assert enough.wait(60)
        job.cancel()
        assert job.wait(60)
        stopped = runs.heatmap("1.2", 0, bundle.identity)
        assert 0.1 < stopped.share < 1.0
        if kept:
            runs.forget("1.2")
        ran.clear()
        assert runs.start(RunRequest(image, (0,), bundle.identity, override=True)).wait(60)
        whole = runs.heatmap("1.2", 0, bundle.identity)
        assert whole.complete
        total = (whole.scores == whole.scores).sum()
        assert 0 < sum(ran) <= 0.92 * total


def test_scores_are_explained_in_the_way_that_was_chosen(tmp_path):
    bundle = brightest_bundle(tmp_path / "spots")
    image = make_image("RCC", pixels=breast_like(320, 240), uid="1.2")
    model = bundle.identity
    with ThreadRunner(1, "runs") as runner:
        runs = HeatmapRuns(runner, runner, ModelRegistry([tmp_path]))
        assert runs.explain_image(image, 0, model).wait(60)
        own = runs.cam("1.2", 0, model)
        assert own.mode == "cam:eigencam"
        assert runs.explain_image(image, 0, model, CamChoice("ablationcam", above_noise=True)).wait(60)
        quiet = runs.cam("1.2", 0, model)
        assert quiet.mode == "cam:ablationcam"
        assert (np.nan_to_num(quiet.values) == 0).mean() > 0.5
        assert runs.start(RunRequest(image, (0,), model)).wait(60)
        assert runs.explain_image(image, 0, model).wait(60)
        np.testing.assert_array_equal(runs.cam("1.2", 0, model).values, own.values)
        assert runs.explain_patch(image, 0, model, (160.0, 200.0), CamChoice("occlusion")).wait(60)
        assert runs.cam("1.2", 0, model).method == "occlusion"


def test_a_model_whose_file_was_damaged_is_refused_though_its_results_were_kept(tmp_path):
    bundle = linear_bundle(tmp_path / "models" / "linear")
    image, told = make_image("RCC", pixels=breast_like(320, 240), uid="1.2"), []
    with ThreadRunner(1, "runs") as runner:
        registry = ModelRegistry([tmp_path / "models"])
        runs = HeatmapRuns(runner, runner, registry, cache=ResultCache(tmp_path / "kept"))
        runs.notice.connect(told.append)
        request = RunRequest(image, (0,), bundle.identity, override=True)
        assert runs.start(request).wait(60)
        assert told == []
        path = bundle.file_path("model")
        path.write_bytes(path.read_bytes()[::-1])
        jobs = [runs.start(request), runs.explain_patch(image, 0, bundle.identity, (160.0, 200.0))]
        assert all(job.wait(60) for job in jobs)
    assert [job.state for job in jobs] == [JobState.FAILED] * 2
    assert len(told) == 2
    for notice in told:
        assert "SHA-256 differs" in notice.text
        assert notice.text.startswith(path.name)
        assert "install the model again" in notice.hint


def test_a_bundle_put_in_the_place_of_another_is_loaded_anew(tmp_path):
    bundle = brightest_bundle(tmp_path / "models" / "spots")
    registry = ModelRegistry([tmp_path / "models"])
    with ThreadRunner(1, "runs") as runner:
        runs = HeatmapRuns(runner, runner, registry)
        before = runs.model(bundle.identity)
        assert runs.model(bundle.identity) is before
        other = linear_bundle(tmp_path / "other")
        shutil.copytree(tmp_path / "other", bundle.folder, dirs_exist_ok=True)
        write_manifest(bundle.folder, replace(other, name=bundle.name, folder=bundle.folder))
        registry.refresh()
        after = runs.model(bundle.identity)
        assert after.manifest.files == other.files
        after.load()
