"""The model that comes with the program, as it lies in ``models/``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.datasets.infn import load_infn
from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.manifest import load_manifest, verify_files
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import prepare_frame
from mammoviewer.training.metrics import area_under_curve

FOLDER = bundled_models_dir() / "microcalc-hypermodel"


def test_manifest_files_and_card_agree() -> None:
    manifest = load_manifest(FOLDER)
    verify_files(manifest)
    assert manifest.name == "microcalc-hypermodel"
    assert manifest.outputs.classes == ("normal", "microcalcification")
    assert manifest.input.pixel_size_mm == 0.085
    card = (FOLDER / "CARD.md").read_text(encoding="utf-8")
    assert f"| AUC | {manifest.metrics['auc']:.3f} " in card
    assert "mammoviewer train --recipe microcalc-hypermodel" in card


def test_whole_images_are_marked_from_a_measured_threshold() -> None:
    manifest = load_manifest(FOLDER)
    figures = manifest.metrics["whole_images"]
    assert manifest.outputs.marks_from == figures["threshold"] > manifest.outputs.operating_threshold
    assert {step["op"] for step in manifest.preprocessing} >= {"fill_air"}
    card = (FOLDER / "CARD.md").read_text(encoding="utf-8")
    assert f"Marks begin at {figures['threshold']:g}" in card
    assert "python benchmarks/marks_per_image.py --write" in card


def test_it_beats_the_regression_on_grey_statistics_out_of_fold() -> None:
    metrics = load_manifest(FOLDER).metrics
    assert metrics["auc_95"][0] > metrics["baseline_statistics_auc_95"][1]
    assert metrics["accuracy"] > metrics["baseline_statistics_accuracy"] > metrics["baseline_majority_accuracy"]


def test_window_brightness_does_not_change_the_probability() -> None:
    model = OnnxModel(load_manifest(FOLDER), threads=1)
    patch = np.random.default_rng(0).normal(0.4, 0.03, (1, 1, 60, 60)).astype(np.float32)
    assert np.allclose(model.scores(patch), model.scores(patch + 0.3), atol=1e-3)


def test_a_patch_read_as_a_picture_scores_as_in_training(shared_data: Path) -> None:
    patches = load_infn(shared_data / "infn_microcalcifications")
    manifest = load_manifest(FOLDER)
    model = OnnxModel(manifest, threads=1)
    for index in (0, 300, 600):
        path = shared_data / "infn_microcalcifications" / patches.names[index]
        (image,) = open_paths([path]).images
        prepared = prepare_frame(image, 0, manifest, pixel_size_mm=0.085)
        trained = patches.images[index].astype(np.float32) / 255.0
        assert np.abs(prepared.values - trained).max() <= 1e-6
        assert np.allclose(model.scores(prepared.values[None]), model.scores(trained[None, None]), atol=1e-5)


def test_it_still_knows_the_patches_it_was_made_from(shared_data: Path) -> None:
    patches = load_infn(shared_data / "infn_microcalcifications")
    model = OnnxModel(load_manifest(FOLDER), threads=1)
    some = slice(None, None, 8)
    scores = model.scores(patches.images[some, None].astype(np.float32) / 255.0)[:, 1].astype(np.float64)
    assert area_under_curve(np.asarray(patches.labels[some]), scores) > 0.98
