from __future__ import annotations

import threading

import pytest
from helpers.images import breast_like, make_image

from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.job import JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.heatmap_runs import HeatmapRuns, RunRequest


@pytest.fixture
def runs(tmp_path):
    """Runs that wait behind other work for as long as the test lasts."""
    gate = threading.Event()
    with ThreadRunner(1, "test") as runner:
        runner.submit("other work", lambda progress: gate.wait(20), priority=9)
        yield HeatmapRuns(runner, ModelRegistry([tmp_path]))
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
