from dataclasses import replace

import numpy as np
import pytest
from helpers.model_makers import brightest_bundle, linear_bundle

from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.inference.check import check_model
from mammoviewer.inference.manifest import load_manifest, verify_files, write_manifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training import quantise
from mammoviewer.training.quantise import quantised


@pytest.fixture
def patches():
    return np.random.default_rng(2).random((200, 1, 16, 16), dtype=np.float32)


def labels_of(manifest, patches):
    """Return labels that the model tells apart well but not perfectly."""
    scores = OnnxModel(manifest).logits(patches)[:, 0]
    noisy = scores + np.random.default_rng(3).normal(0, scores.std() / 4, len(scores))
    return (noisy > np.median(noisy)).astype(int).tolist()


def test_a_form_that_agrees_is_kept_with_its_figures_and_runs(tmp_path, patches):
    manifest = linear_bundle(tmp_path / "m", head="flatten")
    facts = quantised(tmp_path / "m", patches, labels_of(manifest, patches))
    assert facts["kept"] is True
    assert facts["reason"] == ""
    assert facts["calibrated_on"] + facts["measured_on"] == 200
    assert 0 < facts["mean_abs_dp"] <= facts["max_abs_dp"] < 0.2
    assert facts["auc_float"] > 0.8
    assert abs(facts["auc_difference"]) <= 0.005
    assert facts["speed_up"] > 0
    read = load_manifest(tmp_path / "m")
    verify_files(read)
    assert read.metrics["int8"] == facts
    small, whole = OnnxModel(read, int8=True), OnnxModel(read)
    assert (small.role, whole.role) == ("int8", "model")
    assert "QuantizeLinear" in small.operators("int8")
    difference = np.abs(small.scores(patches) - whole.scores(patches))
    assert 0 < difference.max() < 0.2
    results = {result.name: result for result in check_model(read)}
    assert results["int8"].passed
    assert "mean |dp|" in results["int8"].detail


@pytest.mark.parametrize(("limit", "said"), [("MOST_MEAN_DP", "mean"), ("MOST_AUC_DIFFERENCE", "AUC")])
def test_a_form_that_does_not_agree_leaves_the_bundle_as_it_was(tmp_path, patches, monkeypatch, limit, said):
    linear_bundle(tmp_path / "m", head="flatten")
    manifest = load_manifest(tmp_path / "m")
    monkeypatch.setattr(quantise, limit, -1.0)
    facts = quantised(tmp_path / "m", patches, labels_of(manifest, patches))
    assert facts["kept"] is False
    assert said in facts["reason"]
    assert load_manifest(tmp_path / "m") == manifest
    assert not (tmp_path / "m" / "int8.onnx").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ModelError("it does not run")])
@pytest.mark.parametrize("step", ["_seconds", "write_bytes_atomically", "write_manifest"])
@pytest.mark.parametrize("again", [False, True])
def test_an_end_half_way_leaves_a_bundle_that_loads(tmp_path, patches, monkeypatch, error, step, again):
    labels = labels_of(linear_bundle(tmp_path / "m", head="flatten"), patches)
    if again:
        quantised(tmp_path / "m", patches[20:], labels[20:])

    def end(*given):
        raise error

    monkeypatch.setattr(quantise, step, end)
    with pytest.raises(type(error)):
        quantised(tmp_path / "m", patches, labels)
    verify_files(load_manifest(tmp_path / "m"))


def test_an_int8_form_without_figures_that_no_longer_agrees_is_taken_out(tmp_path, patches, monkeypatch):
    manifest = linear_bundle(tmp_path / "m", head="flatten")
    labels = labels_of(manifest, patches)
    quantised(tmp_path / "m", patches, labels)
    write_manifest(tmp_path / "m", replace(load_manifest(tmp_path / "m"), metrics={}))
    monkeypatch.setattr(quantise, "MOST_MEAN_DP", -1.0)
    assert not quantised(tmp_path / "m", patches, labels)["kept"]
    assert set(load_manifest(tmp_path / "m").files) == set(manifest.files)
    assert not (tmp_path / "m" / "int8.onnx").exists()


def test_without_an_int8_file_the_float_one_runs(tmp_path):
    manifest = brightest_bundle(tmp_path / "m")
    assert OnnxModel(manifest, int8=True).role == "model"


def test_groups_are_never_on_both_sides():
    groups = [f"case{i // 5}" for i in range(40)]
    first, second = quantise._halves(groups)
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(40))
    assert not {groups[i] for i in first} & {groups[i] for i in second}
    with pytest.raises(ArgumentError, match="two groups"):
        quantise._halves(["a"] * 9)


def test_one_class_alone_has_no_area_but_can_be_measured(tmp_path, patches):
    linear_bundle(tmp_path / "m", head="flatten")
    facts = quantised(tmp_path / "m", patches, [0] * 200)
    assert facts["auc_float"] is None
    assert facts["mean_abs_dp"] > 0


def test_too_few_patches_are_refused(tmp_path, patches):
    linear_bundle(tmp_path / "m")
    with pytest.raises(ArgumentError, match="8 patches"):
        quantised(tmp_path / "m", patches[:7], [0] * 7)
    with pytest.raises(ArgumentError, match="label"):
        quantised(tmp_path / "m", patches, [0])


def test_an_int8_file_without_its_figures_fails_the_check(tmp_path, patches):
    manifest = linear_bundle(tmp_path / "m", head="flatten")
    quantised(tmp_path / "m", patches, labels_of(manifest, patches))
    read = load_manifest(tmp_path / "m")
    results = {result.name: result for result in check_model(replace(read, metrics={}))}
    assert not results["int8"].passed
