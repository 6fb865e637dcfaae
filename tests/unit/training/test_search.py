from __future__ import annotations

import platform
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.recipe_files import load_recipe, recipe_names
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.search import (
    Dimension,
    Probe,
    SearchPlan,
    TrialOutcome,
    chosen_parameters,
    digest_of,
    grid_size,
    search,
    trials_of_fraction,
)
from mammoviewer.training.spec import TrainingSpec

SPACE = (
    Dimension("dim", (15, 20, 25)),
    Dimension("depth", (1, 3, 5)),
    Dimension("rate", (0.0, 0.05, 0.1)),
)


def cost(parameters: Mapping[str, Any], probe: Probe | None = None) -> float:
    return abs(parameters["dim"] - 20) + abs(parameters["depth"] - 3) + 10 * parameters["rate"]


def test_a_quarter_of_27_combinations_are_7_trials() -> None:
    assert grid_size(SPACE) == 27
    assert trials_of_fraction(SPACE, 0.25) == 7
    assert trials_of_fraction(SPACE, 1.0) == 27
    assert trials_of_fraction(SPACE, 0.001) == 1


def test_the_grid_tries_every_combination_once() -> None:
    result = search(SPACE, cost, SearchPlan("grid", 100))
    assert result.parameters == {"dim": 20, "depth": 3, "rate": 0.0}
    assert len({tuple(trial.parameters.values()) for trial in result.trials}) == len(result.trials) == 27


@pytest.mark.parametrize("method", ["grid", "random", "tpe"])
def test_the_same_seed_searches_the_same(method: str) -> None:
    first, second = (search(SPACE, cost, SearchPlan(method, 7)) for _ in range(2))
    assert first == second
    assert len(first.trials) == 7
    assert first.value == min(trial.value for trial in first.trials if trial.value is not None)


def test_tpe_finds_the_bottom_of_a_range() -> None:
    space = (Dimension("x", low=-5, high=5), Dimension("n", low=1, high=8, whole=True))
    result = search(space, lambda p, _: (float(p["x"]) - 1) ** 2 + abs(int(p["n"]) - 4), SearchPlan("tpe", 60))
    assert float(result.parameters["x"]) == pytest.approx(1, abs=0.7)
    assert result.parameters["n"] in (3, 4, 5)


def test_what_was_tried_is_not_tried_again() -> None:
    calls: list[object] = []

    def counted(parameters: Mapping[str, Any], probe: Probe) -> float:
        calls.append(parameters)
        return cost(parameters)

    few = (Dimension("dim", (15, 20)), SPACE[1], Dimension("rate", (0.0,)))
    result = search(few, counted, SearchPlan("tpe", 30))
    assert len(result.trials) == 30
    assert len(calls) <= 6


@pytest.mark.parametrize("pruning", ["median", "hyperband"])
def test_hopeless_trials_are_broken_off(pruning: str) -> None:
    epochs: list[int] = []

    def slow(parameters: Mapping[str, Any], probe: Probe) -> float:
        for epoch in range(1, 10):
            epochs.append(epoch)
            probe.report(epoch, cost(parameters) + 1 / epoch)
        return cost(parameters)

    result = search(SPACE, slow, SearchPlan("grid", 27, pruning=pruning, longest=9))
    assert any(trial.pruned for trial in result.trials)
    assert len(epochs) < 27 * 9
    assert result.value is not None


def test_a_search_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    plan = SearchPlan("grid", 9, journal=tmp_path / "study.journal")
    tried: list[Mapping[str, Any]] = []

    def breaks(parameters: Mapping[str, Any], probe: Probe) -> float:
        tried.append(dict(parameters))
        if len(tried) == 4:
            raise KeyboardInterrupt
        return cost(parameters)

    with pytest.raises(KeyboardInterrupt):
        search(SPACE, breaks, plan)
    result = search(SPACE, breaks, plan)
    assert len(result.trials) == 9
    # the trial that was under way is run again, none of the others is
    assert tried[4] == tried[3]
    assert len(tried) == 10
    assert sorted(map(str, tried[:3] + tried[4:])) == sorted(str(dict(t.parameters)) for t in result.trials)


def test_two_processes_share_a_study(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from mammoviewer.training.search import Dimension, SearchPlan, search

def cost(parameters, probe):
    print(parameters["x"], flush=True)
    time.sleep(0.05)
    return (parameters["x"] - 7) ** 2

plan = SearchPlan("grid", 16, journal=Path(sys.argv[1]), shared=True)
result = search([Dimension("x", tuple(range(16)))], cost, plan)
"""
    journal = tmp_path / "study.journal"
    command = [sys.executable, "-c", program, str(journal)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [child.communicate(timeout=120)[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert all(outputs)
    assert sorted(map(int, outputs[0] + outputs[1])) == list(range(16))
    whole = search([Dimension("x", tuple(range(16)))], cost, SearchPlan("grid", 16, journal=journal))
    assert whole.parameters == {"x": 7}
    assert len(whole.trials) == 16


def test_a_shared_study_takes_up_what_a_killed_process_had_but_not_what_another_is_at(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from mammoviewer.training.search import Dimension, SearchPlan, search

def cost(parameters, probe):
    print(parameters["x"], flush=True)
    time.sleep(60)

search([Dimension("x", (0, 1, 2))], cost, SearchPlan("grid", 3, journal=Path(sys.argv[1]), shared=True))
"""
    plan = SearchPlan("grid", 3, journal=tmp_path / "study.journal", shared=True)
    space, tried = [Dimension("x", (0, 1, 2))], []

    def told(parameters: Mapping[str, Any], probe: Probe) -> float:
        tried.append(parameters["x"])
        return float(parameters["x"])

    command = [sys.executable, "-c", program, str(plan.journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        begun = int(child.stdout.readline())

        def waited(machines: Sequence[str]) -> None:
            assert machines == [platform.node()]
            assert begun not in tried
            assert len(tried) == 2
            child.kill()

        assert len(search(space, told, plan, on_wait=waited).trials) == 3
    assert tried[-1] == begun
    assert sorted(tried) == [0, 1, 2]


@pytest.fixture
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mammoviewer.training.search._LOOK_S", 0.01)


@pytest.mark.usefixtures("quick_look")
@pytest.mark.parametrize("method", ["random", "tpe"])
def test_sharers_side_by_side_ask_for_different_combinations(tmp_path: Path, method: str) -> None:
    together = threading.Barrier(2, timeout=20)
    asked: list[float] = []

    def counted(parameters: Mapping[str, Any], probe: Probe) -> float:
        asked.append(float(parameters["x"]))
        together.wait()
        return float(parameters["x"])

    plan = SearchPlan(method, 6, journal=tmp_path / "study.journal", shared=True)
    space = [Dimension("x", low=0, high=1)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: search(space, counted, plan), range(2)))
    assert len(set(asked)) == 6
    assert found[0] == found[1]
    if method == "random":
        alone = SearchPlan(method, 6, journal=tmp_path / "other.journal", shared=True)
        assert search(space, lambda p, _: float(p["x"]), alone).trials == found[0].trials


@pytest.mark.usefixtures("quick_look")
def test_who_finds_all_trials_at_work_waits_and_chooses_the_same(tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()
    events: list[Mapping[str, Any]] = []
    settings = {"study": str(tmp_path / "study"), "search_method": "grid", "trials": 1}

    def slow(parameters: Mapping[str, Any], probe: Probe) -> float:
        begun.set()
        assert ended.wait(20)
        return 3.0

    def emit(event: Mapping[str, Any]) -> None:
        events.append(event)
        ended.set()

    space = [Dimension("x", (5,))]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(chosen_parameters, make_run(tmp_path / "one", [], **settings), space, slow)
        assert begun.wait(20)
        second = chosen_parameters(replace(make_run(tmp_path / "two", [], **settings), emit=emit), space, cost)
        assert second == first.result()
    assert second.value == 3.0
    text = f"waiting for trials of other processes to end: 1 on {platform.node()}"
    assert [event["text"] for event in events] == [text]


def test_a_trial_that_another_process_has_given_up_is_no_error(tmp_path: Path) -> None:
    plan = SearchPlan("grid", 3, journal=tmp_path / "study.journal", shared=True)
    told: list[TrialOutcome] = []

    def given_up(parameters: Mapping[str, Any], probe: Probe) -> float:
        if not told:
            probe._trial.study.tell(0, state=TrialState.FAIL)
            probe.report(1, 0.0)
        return float(parameters["x"])

    result = search([Dimension("x", (0, 1, 2))], given_up, plan, told.append)
    assert told[0].value is None
    assert len(result.trials) == 3


def test_digests_tell_parameters_apart() -> None:
    assert digest_of({}) == ""
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 1, "b": 3})


def make_run(folder: Path, events: list[Mapping[str, Any]], **settings: Any) -> RecipeRun:
    spec = TrainingSpec(kind="recipe", data=folder.parent, output=folder / "x", name="x", recipe="microcalc-hypermodel")
    return RecipeRun(spec, settings, events.append, folder / "checkpoints")


def test_a_recipe_searches_as_its_settings_say(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    run = make_run(tmp_path, events, searching_fraction=0.25, search_method="random")
    result = chosen_parameters(run, SPACE, cost)
    assert [event["event"] for event in events] == ["trial"] * 7
    assert events[-1]["text"] == "trial 7 of 7"
    assert result.report()["parameters"] == result.parameters
    assert (run.checkpoints / "search.journal").is_file()


def test_a_recipe_that_searches_takes_a_study_that_others_share(tmp_path: Path) -> None:
    for recipe in (load_recipe(name) for name in recipe_names()):
        known = {parameter.name for parameter in recipe.parameters}
        assert ("study" in known) == ("search_method" in known)
    settings = load_recipe("dbt-slices").settings(
        {"study": str(tmp_path / "study"), "search_method": "grid", "trials": 27}
    )
    found = [chosen_parameters(make_run(tmp_path / name, [], **settings), SPACE, cost) for name in ("one", "two")]
    assert found[0].trials == found[1].trials
    assert len(found[0].trials) == 27
    assert (tmp_path / "study.search").is_file()
    other = make_run(tmp_path / "three", [], **{**settings, "augmentation": 0.1})
    with pytest.raises(TrainingError, match="another search"):
        chosen_parameters(other, SPACE, cost)


def test_fast_execution_takes_saved_parameters(tmp_path: Path) -> None:
    run = make_run(tmp_path, [], fast_execution=True)
    saved = {"dim": 25, "depth": 5, "rate": 0.0}
    assert chosen_parameters(run, SPACE, cost, saved=saved).parameters == saved
    with pytest.raises(TrainingError, match="saved"):
        chosen_parameters(run, SPACE, cost)


def test_searches_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        SearchPlan("guess")
    with pytest.raises(TrainingError, match="values of x"):
        search([Dimension("x", low=0, high=1)], cost, SearchPlan("grid"))
    with pytest.raises(TrainingError, match="no trial"):
        search(SPACE, lambda p, _: float("nan"), SearchPlan("grid", 3))


def test_every_trial_is_told() -> None:
    told: list[TrialOutcome] = []
    result = search(SPACE, cost, SearchPlan("random", 5), told.append)
    assert tuple(told) == result.trials
