"""Tasks on a small cluster of processes of this machine, one of which is killed at work."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mammoviewer.base.errors import InputError, TrainingError
from mammoviewer.training.cluster import run_tasks


def square(item: tuple[int, str]) -> Mapping[str, Any]:
    """Square a number, slowly; leaves a line in a file for every time it is begun."""
    number, log = item
    with Path(log).open("a", encoding="utf-8") as handle:
        handle.write(f"{number} {os.getpid()}\n")
    if number < 0:
        raise InputError("negative")
    time.sleep(0.3)
    return {"value": number * number, "process": os.getpid()}


def begun(log: Path) -> list[list[int]]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [[int(word) for word in line.split()] for line in lines]


def test_without_a_scheduler_everything_is_done_here_and_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    items = {f"n{number}": (number, str(log)) for number in (1, 2, -1)}
    for expected in (3, 4):
        results, failures = run_tasks(square, items, tmp_path / "results")
        assert {name: result["value"] for name, result in results.items()} == {"n1": 1, "n2": 4}
        assert failures == {"n-1": "negative"}
        # what failed is tried again, what was done is not
        assert len(begun(log)) == expected
    (tmp_path / "results" / "n1.json").write_text("{", encoding="utf-8")
    assert run_tasks(square, {"n1": (1, str(log))}, tmp_path / "results")[0]["n1"]["value"] == 1


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own; yields the address."""
    pytest.importorskip("distributed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    address_file = folder / "scheduler.json"
    children: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> None:
        command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        children.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

    address = ["--scheduler-file", str(address_file)]
    start("dask_scheduler", *address, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")
    for _ in range(2):
        start("dask_worker", *address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    try:
        end = time.monotonic() + 60
        while not address_file.exists() or not address_file.stat().st_size:
            assert time.monotonic() < end
            time.sleep(0.1)
        import json

        yield json.loads(address_file.read_text(encoding="utf-8"))["address"]
    finally:
        for child in reversed(children):
            child.kill()
            child.wait(20)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_two_workers_share_and_what_a_lost_one_had_is_done_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    items = {f"n{number}": (number, str(log)) for number in range(12)}
    killed: list[int] = []

    def kill_one(fraction: float, name: str) -> None:
        workers = {process for _, process in begun(log)}
        if not killed and len(workers) == 2:
            # the one whose task was begun last is at work
            killed.append(begun(log)[-1][1])
            os.kill(killed[0], signal.SIGKILL)

    with cluster(tmp_path) as address:
        results, failures = run_tasks(square, items, tmp_path / "results", scheduler=address, progress=kill_one)
    assert failures == {}
    assert {name: result["value"] for name, result in results.items()} == {f"n{n}": n * n for n in range(12)}
    assert killed
    numbers = [number for number, _ in begun(log)]
    assert len(numbers) > len(set(numbers)) == 12
    assert len(list((tmp_path / "results").glob("*.json"))) == 12


def test_a_scheduler_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("mammoviewer.training.cluster._CONNECT_S", 1)
    with pytest.raises(TrainingError, match="no scheduler"):
        run_tasks(square, {"a": (1, str(tmp_path / "log"))}, tmp_path, scheduler="tcp://127.0.0.1:9")
