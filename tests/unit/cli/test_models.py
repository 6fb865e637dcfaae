import argparse
import json

import pytest
from helpers.model_makers import brightest_bundle, linear_bundle

from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.cli import models


def call(*arguments):
    parser = argparse.ArgumentParser()
    models.add_parser(parser.add_subparsers(dest="command", required=True))
    return models.run(parser.parse_args([models.NAME, *arguments]))


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    monkeypatch.setattr("mammoviewer.inference.registry.bundled_models_dir", lambda: tmp_path / "bundled")
    return tmp_path / "models"


def test_the_list_tells_models_and_refused_ones(folder, capsys):
    brightest_bundle(folder / "spots")
    (folder / "bad").mkdir()
    (folder / "bad" / "manifest.json").write_text("{}")
    assert call() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("spots.1  A model for tests")
    assert lines[1].startswith("refused")
    assert "schema_version" in lines[1]
    assert call("list", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["models"][0]["identity"] == "spots.1"
    assert document["refused"][0]["folder"] == str(folder / "bad")


def test_an_empty_list_says_where_was_looked(folder, capsys):
    assert call("list") == 0
    assert str(folder) in capsys.readouterr().out


def test_a_sound_model_passes_with_a_line_per_check(folder, capsys):
    linear_bundle(folder / "linear")
    assert call("check", "linear") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert all("  ok  " in line or "  skip  " in line for line in lines)
    assert "mean(CAM) + b = logit" in lines[6]
    assert "torch" in lines[9]
    assert call("check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sound"] is True


def test_a_model_that_is_not_sound_gives_one(folder, capsys):
    linear_bundle(folder / "linear", broken_gradient=True)
    assert call("check", "linear") == 1
    assert "FAILED  head_grad" in capsys.readouterr().out


def test_checking_all_counts_the_refused_ones(folder, capsys):
    brightest_bundle(folder / "spots")
    (folder / "bad").mkdir()
    (folder / "bad" / "manifest.json").write_text("{")
    assert call("check") == 1
    assert "bad  FAILED  manifest" in capsys.readouterr().out


def test_the_card_is_printed(folder, capsys):
    brightest_bundle(folder / "spots")
    assert call("card", "spots") == 0
    assert capsys.readouterr().out.startswith("# A model for tests")
    assert call("card", "spots.1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["card"].startswith("# A model for tests")


def test_names_that_are_missing_or_unknown_are_expected_failures(folder):
    brightest_bundle(folder / "spots")
    with pytest.raises(ArgumentError, match=r"spots\.1"):
        call("card")
    with pytest.raises(ModelError, match="no model"):
        call("check", "other")
    with pytest.raises(ArgumentError, match="takes no name"):
        call("list", "spots")


def test_nothing_to_check_is_an_expected_failure():
    with pytest.raises(ModelError, match="no models"):
        call("check")
