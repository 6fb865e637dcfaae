from __future__ import annotations

import pytest

from mammoviewer.cli.main import COMMANDS, run


def never(request):
    raise AssertionError("the window must not be opened")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_usage(command, capsys):
    with pytest.raises(SystemExit) as stop:
        run([command, "--help"], show=never)
    assert stop.value.code == 0
    assert command in capsys.readouterr().out


def test_wrong_usage_is_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop:
        run(["render"], show=never)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_paths_open_the_window(tmp_path):
    asked = []
    assert run([str(tmp_path), "--pixel-size", "0.2"], show=lambda request: asked.append(request) or 0) == 0
    assert asked[0].paths == (tmp_path,)
    assert asked[0].pixel_spacing_mm == 0.2


def test_no_arguments_open_the_start_page():
    asked = []
    assert run([], show=lambda request: asked.append(request) or 0) == 0
    assert asked[0].paths == ()


def test_a_mistyped_command_is_one_clear_line(capsys):
    assert run(["rendr"], show=never) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "render" in error


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x00" * 200 + b"DICM", b"\x89PNG\r\n\x1a\nbroken"])
@pytest.mark.parametrize("command", ["info", "render", "predict"])
def test_bad_input_is_one_line_and_exit_code_1(command, content, tmp_path, capsys):
    path = tmp_path / "bad.dcm"
    path.write_bytes(content)
    extra = {"render": ["--out", str(tmp_path / "o.png")], "predict": ["--model", "none", "--out", str(tmp_path)]}
    assert run([command, str(path), *extra.get(command, [])], show=never) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.strip()


def test_a_defect_is_one_line_and_the_log_tells_more(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))

    def broken(request):
        raise ZeroDivisionError("secret of a patient")

    assert run([], show=broken) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "secret" not in error
    assert "ZeroDivisionError" in (tmp_path / "logs" / "mammoviewer.log").read_text()
