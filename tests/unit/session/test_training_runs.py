from __future__ import annotations

import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import Cancelled, ModelRefused, TrainingError
from mammoviewer.base.paths import bundled_models_dir, user_models_dir
from mammoviewer.base.progress import no_progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.inference.manifest import ModelInput
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.session.training_runs import TrainingRequest, TrainingRun, TrainingRuns, what_is_missing

MODEL = "microcalc-hypermodel"


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    return ModelRegistry([bundled_models_dir(), user_models_dir()])


def region(image, row, column, label, origin="reader"):
    roi = Roi(RoiKind.RECTANGLE, ((row - 20, column - 20), (row + 20, column + 20)))
    return new_finding(image.attributes.identity, 0, roi, label, origin=origin)


def labelled(count=3, **changes):
    """Return an image and ``count`` regions of each of two classes that differ in texture."""
    pixels = breast_like(600, 400)
    pixels[40:600:7, 200:380:7] = 4000
    image = make_image(pixels=pixels, **changes)
    findings = [region(image, 120 + 120 * i, 300, "Calcifications") for i in range(count)]
    findings += [region(image, 120 + 120 * i, 130, "Normal") for i in range(count)]
    return image, tuple(findings)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([], "Draw two regions of two classes"),
        (["a"], "each of two classes"),
        (["a", "a"], "second class beside a"),
        (["a", "a", "b"], "second class beside a"),
        (["a", "a", "b", "b"], ""),
    ],
)
def test_what_is_missing_is_said(labels, said):
    image = make_image()
    missing = what_is_missing([region(image, 50, 50, label) for label in labels])
    assert said in missing
    assert bool(missing) == bool(said)


def test_marks_of_a_model_do_not_count_as_labels():
    image = make_image()
    assert what_is_missing([region(image, 50, 50, label, "algorithm") for label in "aabb"])


def test_too_few_regions_are_refused_before_a_process_starts(registry):
    image, findings = labelled()
    run = TrainingRun(TrainingRequest(findings[:1], (image,), MODEL, "x"), registry)
    with pytest.raises(TrainingError, match="two classes"):
        run.run(no_progress)
    assert run.events == []


def test_raw_images_are_refused_as_the_model_refuses_them(registry):
    image, findings = labelled(kind=ImageKind.MAMMOGRAM_RAW)
    with pytest.raises(ModelRefused, match="raw"):
        TrainingRun(TrainingRequest(findings, (image,), MODEL, "x"), registry).run(no_progress)


@pytest.mark.torch
def test_retraining_ends_with_a_model_that_can_be_chosen_and_reverted(registry):
    pytest.importorskip("torch")
    image, findings = labelled()
    runs = TrainingRuns(registry)
    run = runs.start(TrainingRequest(findings, (image,), MODEL, "My specks!", seconds=3.0))
    seen = []
    run.event.connect(lambda event: seen.append(event.kind))
    identity = run.run(no_progress)
    manifest = registry.get(identity)
    assert identity.startswith("my-specks.")
    assert manifest.outputs.classes == ("Normal", "Calcifications")
    assert manifest.outputs.positive_class == "Calcifications"
    assert manifest.parent == f"{MODEL}.1"
    assert (manifest.metrics["unit"], manifest.metrics["patients"]) == ("lesion", 1)
    assert manifest.metrics["assessable"] is False
    assert manifest.metrics["regions"] == 6
    assert "epoch" in seen
    assert seen[-1] == "done"
    runs.revert(identity)
    assert identity not in [model.identity for model in registry.models]


@pytest.mark.torch
def test_cancelling_leaves_no_model(registry):
    pytest.importorskip("torch")
    image, findings = labelled()
    run = TrainingRun(TrainingRequest(findings, (image,), MODEL, "x", seconds=60.0), registry)
    run.event.connect(lambda event: run.cancel())
    with pytest.raises(Cancelled):
        run.run(no_progress)
    registry.refresh()
    assert not user_models_dir().exists() or not any(user_models_dir().iterdir())


def test_bundled_models_cannot_be_reverted(registry):
    with pytest.raises(TrainingError, match="only models trained here"):
        TrainingRuns(registry).revert(MODEL)


def test_a_model_of_several_channels_or_whole_images_is_not_retrained(tmp_path):
    image, findings = labelled()
    steps = ({"op": "voi"}, {"op": "clahe_channels", "tiles": "4"})
    entry = ModelInput("input", (None, 2, 16, 16), None, (0.0, 255.0))
    brightest_bundle(tmp_path / "stack", pixel_size_mm=None, preprocessing=steps, input=entry)
    registry = ModelRegistry([tmp_path])
    with pytest.raises(TrainingError, match="cannot be retrained"):
        TrainingRun(TrainingRequest(findings, (image,), "stack", "x"), registry).run(no_progress)
