from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers import model_makers
from helpers.images import breast_like, make_image
from helpers.model_makers import linear_bundle, whole_image_bundle

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.inference.embedding import embed_windows
from mammoviewer.inference.manifest import describe_file, write_manifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.job import JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session import draft as draft_module
from mammoviewer.session.heatmap_runs import HeatmapRuns
from mammoviewer.session.quick_learning import QuickLearning, QuickTask

STRIPED = (100, 200)
"""Columns that have stripes in every test image."""


def striped_image(uid="1.2", patient="P1", seed=0):
    """Return a breast of 320 x 240 pixels of .1 mm whose columns 100 to 200 are striped."""
    pixels = breast_like(320, 240, seed=seed)
    # Lines at random rows, for regular ones would make two places the same picture.
    lines = np.random.default_rng(seed).random(320) < 0.3
    part = pixels[:, STRIPED[0] : STRIPED[1]]
    part[lines] = np.where(part[lines] > 0, 3900, 0)
    return make_image("RCC", pixels=pixels, uid=uid, PatientID=patient, pixel_spacing=PixelSpacing(0.1, 0.1, "mm"))


def region(image, row, column, label):
    roi = Roi(RoiKind.RECTANGLE, ((row - 6, column - 6), (row + 6, column + 6)))
    return new_finding(image.attributes.identity, 0, roi, label)


def regions(image):
    """Return two striped and two plain regions."""
    return (
        region(image, 130, 150, "Stripes"),
        region(image, 190, 140, "Stripes"),
        region(image, 140, 220, "Normal"),
        region(image, 180, 222, "Normal"),
    )


@pytest.fixture
def base(tmp_path):
    return linear_bundle(tmp_path / "models" / "lines")


@pytest.fixture
def quick(tmp_path, base):
    registry = ModelRegistry([tmp_path / "models"])
    with ThreadRunner(1, "test") as runner:
        yield QuickLearning(runner, registry, HeatmapRuns(runner, runner, registry))


def learnt(quick, task):
    job = quick.learn(task)
    assert job.wait(60)
    assert job.state is JobState.DONE, job.error
    return job


def test_two_regions_a_class_give_a_heatmap_that_tells_them_apart(quick, base):
    image, told, changed = striped_image(), [], []
    quick.told.connect(told.append)
    quick.changed.connect(lambda identity, frame: changed.append((identity, frame)))
    learnt(quick, QuickTask(regions(image), (image,), base.identity, image, 0))
    heatmap = quick.heatmap("1.2", 0)
    assert heatmap is not None
    assert heatmap.complete
    assert (heatmap.mode, heatmap.class_name) == ("draft", "Stripes")
    assert "Draft on" in heatmap.model
    assert heatmap.at(160, 150) > 0.5 > heatmap.at(160, 225)
    assert ("1.2", 0) in changed
    assert "Not assessable: 1 patient" in told[-1]


def test_enough_patients_are_judged_with_an_interval(quick, base):
    images = tuple(striped_image(f"1.{number}", f"P{number}", number) for number in range(10))
    findings = tuple(one for image in images for one in regions(image))
    told = []
    quick.told.connect(told.append)
    learnt(quick, QuickTask(findings, images, base.identity, images[0], 0))
    assert quick.figures is not None
    low, high = quick.figures.interval
    assert 0.9 < low <= quick.figures.auc <= high <= 1.0
    assert f"({low:.2f} to {high:.2f})" in told[-1]


def test_with_too_few_regions_it_says_what_is_missing_and_keeps_nothing(quick, base):
    image, told = striped_image(), []
    quick.told.connect(told.append)
    learnt(quick, QuickTask(regions(image)[:3], (image,), base.identity, image, 0))
    assert quick.heatmap("1.2", 0) is None
    assert "second class" in told[-1]


def test_a_draft_that_lost_its_regions_is_taken_off_the_screen(quick, base):
    image, changed = striped_image(), []
    learnt(quick, QuickTask(regions(image), (image,), base.identity, image, 0))
    quick.changed.connect(lambda identity, frame: changed.append((identity, frame)))
    learnt(quick, QuickTask(regions(image)[:1], (image,), base.identity, image, 0))
    assert quick.heatmap("1.2", 0) is None
    assert changed == [("1.2", 0)]


@pytest.mark.parametrize("change", ["replaced", "int8"])
def test_another_file_of_the_model_has_a_head_and_a_strength_of_its_own(quick, base, tmp_path, monkeypatch, change):
    searches, real = [], draft_module.choose_strength
    monkeypatch.setattr(draft_module, "choose_strength", lambda *given: searches.append(1) or real(*given))
    monkeypatch.setattr(model_makers, "CHANNELS", 6)
    # The other file has more channels: a head of the first would not even fit it.
    other = linear_bundle(tmp_path / "other")
    task = QuickTask(
        (*regions(image := striped_image()), region(image, 160, 145, "Stripes")), (image,), base.identity, image, 0
    )
    name = "int8.onnx" if change == "int8" else "model.onnx"
    if change == "int8":
        shutil.copy(tmp_path / "other" / "model.onnx", base.folder / name)
        write_manifest(base.folder, replace(base, files={**base.files, "int8": describe_file(base.folder, name)}))
        quick._registry.refresh()
    learnt(quick, task)
    first = quick.heatmap("1.2", 0)
    if change == "int8":
        quick._models.models.use_int8(True)
    else:
        shutil.copytree(tmp_path / "other", base.folder, dirs_exist_ok=True)
        write_manifest(base.folder, replace(other, name=base.name, folder=base.folder))
        quick._registry.refresh()
        quick._models.forget_model(base.identity)
    learnt(quick, task)
    assert not np.array_equal(quick.heatmap("1.2", 0).scores, first.scores)
    assert len(searches) == 2


def test_a_new_label_runs_no_window_again_and_drops_the_old_heatmaps(quick, base, monkeypatch):
    image, other = striped_image(), striped_image("1.3", seed=3)
    findings = regions(image)
    learnt(quick, QuickTask(findings, (image,), base.identity, other, 0))
    learnt(quick, QuickTask(findings, (image,), base.identity, image, 0))
    assert quick.heatmap("1.3", 0) is not None
    looked_at = []
    real = OnnxModel.run
    monkeypatch.setattr(OnnxModel, "run", lambda model, batch: looked_at.append(len(batch)) or real(model, batch))
    more = (*findings, region(image, 100, 226, "Normal"))
    learnt(quick, QuickTask(more, (image,), base.identity, image, 0))
    assert sum(looked_at) == 16, "two patches of one region in eight versions"
    assert quick.heatmap("1.2", 0) is not None
    assert quick.heatmap("1.3", 0) is None


def test_a_new_label_is_one_fit_before_its_heatmap_and_the_strength_is_looked_for_now_and_then(
    quick, base, monkeypatch
):
    image, order = striped_image(), []
    real_fit, real_search = draft_module.fit_linear, draft_module.choose_strength
    monkeypatch.setattr(
        draft_module, "fit_linear", lambda data, strength: order.append("fit") or real_fit(data, strength)
    )
    monkeypatch.setattr(draft_module, "choose_strength", lambda *given: order.append("search") or real_search(*given))
    quick.changed.connect(lambda *_: order.append("shown"))
    findings = (*regions(image), region(image, 160, 145, "Stripes"))
    learnt(quick, QuickTask(findings, (image,), base.identity, image, 0))
    assert order[:2] == ["fit", "shown"]
    assert order.count("search") == 1
    assert order.index("search") > order.index("shown")
    order.clear()
    more = (*findings, region(image, 100, 226, "Normal"))
    learnt(quick, QuickTask(more, (image,), base.identity, image, 0))
    assert set(order[1:]) == {"shown"}
    assert order[0] == "fit"
    order.clear()
    most = (*more, region(image, 230, 218, "Normal"))
    learnt(quick, QuickTask(most, (image,), base.identity, image, 0))
    assert "search" in order, "seven regions are more than five by a quarter"


def test_the_next_region_is_suggested_away_from_those_there_are(quick, base):
    image, found = striped_image(), []
    quick.suggested.connect(found.append)
    findings = regions(image)
    task = QuickTask(findings, (image,), base.identity, image, 0)
    assert quick.suggest(task).wait(60)
    (suggestion,) = found
    assert quick.suggestion("1.2", 0) == suggestion
    assert quick.suggestion("1.3", 0) is None
    row, column = suggestion.point
    assert 0 < row < 320
    assert 0 < column < 240
    for one in findings:
        top, left, bottom, right = one.roi.bounding_box()
        assert not (top <= row <= bottom and left <= column <= right)
    learnt(quick, QuickTask((*findings, region(image, row, column, "Normal")), (image,), base.identity, image, 0))
    assert quick.suggestion("1.2", 0) is None


def test_the_newest_request_wins_and_what_was_found_stays(quick, base, monkeypatch):
    image = striped_image()
    begun, go_on = threading.Event(), threading.Event()

    def slowly(*values, **options):
        begun.set()
        go_on.wait(20)
        return embed_windows(*values, **options)

    monkeypatch.setattr("mammoviewer.session.quick_learning.embed_windows", slowly)
    task = QuickTask(regions(image), (image,), base.identity, image, 0)
    first = quick.learn(task)
    assert begun.wait(20)
    second = quick.learn(task)
    go_on.set()
    assert first.wait(20)
    assert second.wait(20)
    assert first.state is JobState.CANCELLED
    assert second.state is JobState.DONE
    assert quick.heatmap("1.2", 0) is not None
    quick.forget("1.2")
    assert quick.heatmap("1.2", 0) is None


def test_a_model_of_whole_images_is_refused_in_words(tmp_path, quick):
    bundle = whole_image_bundle(tmp_path / "models" / "whole")
    quick._registry.refresh()
    image, told = striped_image(), []
    quick.told.connect(told.append)
    job = quick.learn(QuickTask(regions(image), (image,), bundle.identity, image, 0))
    assert job.wait(20)
    assert job.state is JobState.FAILED
    assert "cannot be retrained" in told[-1]
