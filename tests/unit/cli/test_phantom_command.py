from __future__ import annotations

import argparse
import json
from pathlib import Path

import pydicom
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.cli import phantom
from mammoviewer.dicom.phantom_exam import ExamFiles


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


def test_a_data_set_has_exams_with_and_without_lesions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def write(directory: Path, **options: object) -> ExamFiles:
        asked.append({"directory": directory, **options})
        return ExamFiles(directory, {}, directory / "t", directory / "s", directory / "truth.json")

    monkeypatch.setattr("mammoviewer.dicom.phantom_exam.write_exam", write)
    assert phantom.run(arguments("--out", str(tmp_path), "--seed", "7", "--exams", "9")) == 0
    assert [one["seed"] for one in asked] == list(range(7, 16))
    assert "".join(str(one["density"]) for one in asked) == "ABCDABCDA"
    assert [one["lesions"] for one in asked] == [True] * 4 + [False] * 4 + [True]
    assert asked[2]["directory"] == tmp_path / "exam-9"


def test_breasts_without_lesions_are_others_in_the_files(tmp_path: Path) -> None:
    small = ("--seed", "2", "--frames", "40", "--scale", "0.125")
    assert phantom.run(arguments("--out", str(tmp_path / "with"), *small)) == 0
    assert phantom.run(arguments("--out", str(tmp_path / "without"), *small, "--no-lesions")) == 0
    truth = json.loads((tmp_path / "without" / "truth.json").read_text(encoding="utf-8"))
    assert truth["lesions"] == []
    assert sorted(truth["files"]) == sorted(path.name for path in (tmp_path / "without").glob("*.dcm"))
    one, other = (pydicom.dcmread(tmp_path / name / "LMLO.dcm") for name in ("with", "without"))
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.StudyInstanceUID != other.StudyInstanceUID
