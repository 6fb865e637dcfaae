from __future__ import annotations

import argparse
import csv
import json
import shutil
from pathlib import Path

import pytest
from helpers import layout_makers as make

from mammoviewer.base.errors import ExportError, InputError
from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.cli import evaluate
from mammoviewer.datasets.layouts import load_cases
from mammoviewer.datasets.splits import fixed_split, write_split


def call(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_parser(parser.add_subparsers(dest="command", required=True))
    return evaluate.run(parser.parse_args([evaluate.NAME, *map(str, arguments)]))


@pytest.fixture
def model() -> Path:
    """A bundled patch model; on generated patches its figures are nothing to go by."""
    return bundled_models_dir() / "microcalc-hypermodel"


def test_a_folder_gives_figures_a_table_and_a_page(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make.infn(tmp_path / "data", cases=12, per_case=1)
    assert call("--model", model, "--data", data, "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert "12 x patch, 12 patients" in shown
    assert "auc:" in shown
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    wanted = {"task", "n", "n_patients", "unit", "auc", "auc_ci", "accuracy", "accuracy_ci", "classes", "macro"}
    assert wanted <= set(metrics)
    with (tmp_path / "out" / "units.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 12
    assert set(rows[0]) >= {"unit", "patient", "truth normal", "score microcalcification"}
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()


def test_a_part_of_a_split_and_json(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make.infn(tmp_path / "data", cases=10, per_case=2)
    patients = load_cases(data).patients
    split = write_split(tmp_path / "split.json", fixed_split(patients, (0.6, 0, 0.4), 1))
    options = ("--model", model, "--data", data, "--out", tmp_path / "out", "--split", split, "--json")
    assert call(*options) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["n"], metrics["n_patients"], metrics["assessable"]) == (8, 4, False)
    with pytest.raises(InputError, match="no patient of the part 'validation'"):
        call(*options, "--part", "validation")


def test_what_was_passed_over_is_told(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make.infn(tmp_path / "data", cases=12, per_case=2)
    for case in range(12):
        (data / str(case % 2) / f"{case:04}_1.png").unlink()
    assert call("--model", model, "--data", data, "--out", tmp_path / "out", "--limit", 6) == 0
    told = capsys.readouterr()
    assert "the patch is missing" in told.err
    assert "and 2 more problems" in told.err
    assert "6 x patch" in told.out


def test_patients_that_the_model_learned_from_are_told(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = shutil.copytree(model, tmp_path / "known")
    data = make.infn(tmp_path / "data", cases=12, per_case=1)
    split = fixed_split(load_cases(data).patients, (0.75, 0, 0.25), 1, layout="infn")
    write_split(known / "split.json", split)
    assert call("--model", known, "--data", data, "--out", tmp_path / "out") == 0
    assert "the model learned from 9 of these 12 patients" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_told_before_the_work(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make.infn(tmp_path / "data", cases=2, per_case=1)
    monkeypatch.setattr(evaluate, "evaluate", lambda *_, **__: pytest.fail("it was run"))
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportError, match="the folder cannot be made"):
        call("--model", model, "--data", data, "--out", tmp_path / "out")
