import argparse
import json
import shutil

import numpy as np
import pytest
from helpers.layout_makers import infn
from helpers.model_makers import brightest_bundle, linear_bundle, onnx_bytes
from onnx import helper

from mammoviewer.base.errors import ArgumentError, InputError, ModelError
from mammoviewer.cli import models
from mammoviewer.inference.manifest import load_manifest


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


def test_a_folder_and_a_zip_file_are_added_once(folder, tmp_path, capsys):
    linear_bundle(tmp_path / "from" / "spots")
    archive = shutil.make_archive(str(tmp_path / "spots"), "zip", tmp_path / "from")
    assert call("add", archive) == 0
    assert "added spots.1" in capsys.readouterr().out
    assert call("check", "spots") == 0
    capsys.readouterr()
    with pytest.raises(ModelError, match="already"):
        call("add", str(tmp_path / "from" / "spots"))
    assert call("add", str(tmp_path / "from" / "spots"), "--replace", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"added": "spots.1", "folder": str(folder / "spots.1")}


@pytest.fixture
def foreign(tmp_path):
    nodes = [
        helper.make_node("AveragePool", ["image"], ["map"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["map"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["p"]),
    ]
    weights = {"w": np.full((16, 1), 0.25, dtype=np.float32)}
    path = tmp_path / "My Net.onnx"
    path.write_bytes(onnx_bytes(nodes, {"image": ["n", 1, 16, 16]}, {"p": ["n", 1]}, weights))
    return path


def test_an_onnx_file_alone_says_what_was_found_and_what_is_missing(foreign):
    with pytest.raises(
        ArgumentError, match=r"input any x 1 x 16 x 16, 1 value \(sigmoid\), .* map \(1 x 4 x 4\)"
    ) as caught:
        call("add", str(foreign))
    assert "--classes" in caught.value.hint


def test_an_onnx_file_becomes_a_model_with_a_few_answers(foreign, folder, tmp_path, capsys):
    answers = ["--classes", "no,yes", "--pixel-size", "0.1", "--threshold", "0.7", "--trained-on", "our own"]
    assert call("add", str(foreign), *answers, "--title", "Ours", "--stride", "5") == 0
    assert "added my-net.1" in capsys.readouterr().out
    manifest = load_manifest(folder / "my-net.1")
    assert manifest.outputs.classes == ("no", "yes")
    assert manifest.outputs.operating_threshold == 0.7
    assert manifest.tiling.stride == 5
    assert manifest.training_data[0]["name"] == "our own"
    steps = [{"op": "voi"}, {"op": "scale", "divide_by": 255}, {"op": "scale", "multiply_by": 2}]
    (tmp_path / "steps.json").write_text(json.dumps(steps))
    own = ["--classes", "no,yes", "--pixel-size", "any", "--preprocessing", str(tmp_path / "steps.json")]
    assert call("add", str(foreign), *own, "--name", "other") == 0
    read = load_manifest(folder / "other.1")
    assert [step["op"] for step in read.preprocessing] == ["voi", "scale", "scale"]
    assert read.input.pixel_size_mm is None


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (["--pixel-size", "wide"], ArgumentError, "millimetres"),
        (["--pixel-size", "0.1", "--size", "wide"], ArgumentError, "--size"),
        (["--pixel-size", "0.1", "--preprocessing", "nothing"], ArgumentError, "no preprocessing"),
        (["--pixel-size", "0.1", "--positive", "maybe"], ModelError, "maybe"),
        (["--pixel-size", "-1"], ModelError, "pixel_size_mm"),
    ],
)
def test_answers_that_do_not_fit_are_told(foreign, folder, options, error, said):
    with pytest.raises(error, match=said):
        call("add", str(foreign), "--classes", "no,yes", *options)
    assert not folder.exists() or not any(folder.iterdir())


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"op": "exec"}]'])
def test_a_file_that_holds_no_steps_is_told(foreign, tmp_path, text):
    (tmp_path / "steps.json").write_text(text)
    with pytest.raises(ModelError, match=r"steps\.json"):
        call(
            "add",
            str(foreign),
            "--classes",
            "a,b",
            "--pixel-size",
            "any",
            "--preprocessing",
            str(tmp_path / "steps.json"),
        )


def test_adding_needs_something_that_is_there(tmp_path):
    with pytest.raises(ArgumentError, match="models add needs"):
        call("add")
    with pytest.raises(InputError, match="no such"):
        call("add", str(tmp_path / "gone"))


def test_quantise_tells_whether_the_int8_form_is_kept_and_writes_it_into_the_card(folder, tmp_path, capsys):
    linear_bundle(folder / "linear", head="flatten")
    data = infn(tmp_path / "data")
    with pytest.raises(ArgumentError, match="--data"):
        call("quantise", "linear")
    code = call("quantise", "linear", "--data", str(data), "--limit", "20", "--force")
    said = capsys.readouterr().out
    assert said.startswith("linear.1  int8 kept" if code == 0 else "linear.1  int8 not kept: ")
    assert "## int8 form" in (folder / "linear" / "CARD.md").read_text(encoding="utf-8")
    assert ("int8" in load_manifest(folder / "linear").files) is (code == 0)
