from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mammoviewer.cli import train
from mammoviewer.cli.main import run


def _run(*arguments: object) -> int:
    def never(request: object) -> int:
        raise AssertionError(f"the window must not be opened: {request}")

    return run(["train", *map(str, arguments)], show=never)


def worker_that_prints(lines: list[str], code: int = 0) -> list[str]:
    program = (
        f"import sys; [print(line, flush=True) for line in {lines!r}]; print('oops', file=sys.stderr); sys.exit({code})"
    )
    return [sys.executable, "-c", program]


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    return ["--recipe", "microcalc-hypermodel", "--data", tmp_path, "--out", tmp_path / "out"]


def test_progress_goes_to_stderr_and_the_result_to_stdout(
    arguments: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        '{"event": "epoch", "epoch": 1, "epochs": 2, "loss": 0.5, "fraction": 0.5}',
        '{"event": "done", "model_folder": "models/new", "metrics": {"auc": 0.75, "patches": 3}}',
    ]
    monkeypatch.setattr(train, "worker_command", lambda _, __: worker_that_prints(lines))
    assert _run(*arguments) == 0
    output = capsys.readouterr()
    assert output.out.splitlines() == ["models/new", "  auc: 0.7500", "  patches: 3"]
    assert " 50% epoch 1/2, loss 0.500" in output.err


def test_several_processes_and_a_cluster_are_not_for_the_same_run(
    arguments: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(*arguments, "--processes", "2", "--scheduler", "tcp://127.0.0.1:9") != 0
    assert "cannot be used together" in capsys.readouterr().err


def test_settings_reach_the_worker(arguments: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def command(path: Path, processes: int) -> list[str]:
        seen.append(path.read_text(encoding="utf-8"))
        return worker_that_prints(['{"event": "done", "model_folder": "x", "metrics": {}}'])

    monkeypatch.setattr(train, "worker_command", command)
    assert _run(*arguments, "--set", "epochs=3", "--set", "seed=5") == 0
    assert '"epochs": 3' in seen[0]
    assert '"seed": 5' in seen[0]


@pytest.mark.parametrize(
    ("lines", "code", "message"),
    [
        (['{"event": "failed", "reason": "no patches", "hint": "look"}'], 1, "no patches (look)"),
        ([], 3, "ended with code 3 (oops)"),
        ([], 0, "ended with code 0"),
    ],
)
def test_failures_are_one_line(
    arguments: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lines: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr(train, "worker_command", lambda _, __: worker_that_prints(lines, code))
    assert _run(*arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["epochs", "=3", "a b=3", "epochs="])
def test_settings_must_be_pairs(arguments: list[object], capsys: pytest.CaptureFixture[str], setting: str) -> None:
    assert _run(*arguments, "--set", setting) == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_a_missing_data_folder_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("--recipe", "microcalc-hypermodel", "--data", tmp_path / "none", "--out", tmp_path / "out") == 1
    assert "no such data folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_recipe_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        _run("--recipe", "soup", "--data", tmp_path, "--out", tmp_path)
    assert stop.value.code == 2


def test_recipes_and_their_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--list") == 0
    assert "microcalc-hypermodel " in capsys.readouterr().out
    assert _run("--recipe", "microcalc-hypermodel", "--show") == 0
    assert "  outer_folds=5  (a whole number from 2 to 20)  folds of whole cases" in capsys.readouterr().out


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 2
    assert _run("--recipe", "microcalc-hypermodel", "--data", tmp_path) == 2
    assert "--data and --out are needed" in capsys.readouterr().err


def test_a_setting_out_of_range_is_told_before_anything_starts(
    arguments: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(*arguments, "--set", "outer_folds=1") == 1
    assert "outer_folds is a whole number from 2 to 20, not '1'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ending_the_command_ends_the_training(arguments: list[object], tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = (
        "import sys; from mammoviewer.cli import train; from mammoviewer.cli.main import run; "
        f"train.worker_command = lambda *_: [sys.executable, '-c', {child!r}]; "
        "sys.exit(run(['train', *sys.argv[1:]], show=None))"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + 60
            while not (note.exists() and note.read_text()):
                assert time.monotonic() < end
                time.sleep(0.05)
            process.terminate()
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 1
    assert "interrupted" in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
