from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.cli import phantom


def arguments(*texts: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    phantom.add_parser(parser.add_subparsers())
    return parser.parse_args([phantom.NAME, *texts])


def test_exam_is_written_and_its_files_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "exam"
    assert phantom.run(arguments("--out", str(out), "--seed", "2", "--frames", "40", "--scale", "0.125")) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == 7
    assert all(path.is_file() and path.parent == out for path in printed)


def test_defaults_are_those_of_the_library() -> None:
    args = arguments("--out", "x")
    assert (args.seed, args.density, args.transfer_syntax, args.frames, args.scale) == (1, "B", "jpeg-ls", 48, 1.0)


def test_wrong_numbers_are_expected_failures(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError):
        phantom.run(arguments("--out", str(tmp_path / "x"), "--frames", "3"))
    assert not (tmp_path / "x").exists()


def test_unknown_density_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments("--out", "x", "--density", "Q")
    assert caught.value.code == 2
    assert "density" in capsys.readouterr().err
