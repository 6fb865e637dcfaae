"""The dense microcalcification model that comes with the program."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.datasets.infn import load_infn
from mammoviewer.datasets.splits import project_split, read_split
from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.manifest import load_manifest, verify_files
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import prepare_frame
from mammoviewer.training.metrics import area_under_curve

FOLDER = bundled_models_dir() / "microcalc-dense"


def test_manifest_card_and_sizes_agree() -> None:
    manifest = load_manifest(FOLDER)
    verify_files(manifest)
    assert sum(entry.bytes for entry in manifest.files.values()) < 20_000_000
    card = (FOLDER / "CARD.md").read_text(encoding="utf-8")
    test = manifest.metrics["test"]
    assert f"| AUC, test | {test['auc']:.3f} (" in card
    assert "mammoviewer train --recipe microcalc-dense" in card
    assert test["auc_95"][0] > manifest.metrics["baselines"]["test"]["auc"]
    agreement = manifest.windows.dense_patch_agreement
    assert agreement is not None
    assert agreement.spearman >= 0.98
    assert manifest.outputs.marks_from == manifest.metrics["whole_images"]["threshold"]


def test_one_pass_gives_what_the_patches_give_on_a_real_mammogram(shared_data: Path) -> None:
    (image,) = open_paths([shared_data / "dicom" / "ge_essential_rmlo.dcm"]).images
    manifest = load_manifest(FOLDER)
    prepared = prepare_frame(image, 0, manifest)
    model = OnnxModel(manifest, threads=1)
    stride = manifest.windows.dense_stride
    assert stride is not None
    assert stride <= 15
    part = np.ascontiguousarray(prepared.values[:, 1500:1700, 1800:2000])
    logits = model.dense_logits(part[None])[0, 0]
    for row in range(0, logits.shape[0], 6):
        for column in range(0, logits.shape[1], 6):
            top, left = row * stride, column * stride
            patch = part[None, :, top : top + 60, left : left + 60]
            assert model.logits(np.ascontiguousarray(patch))[0, 0] == pytest.approx(logits[row, column], abs=1e-3)


def test_cases_it_was_tested_on_are_those_of_the_project_and_score_as_the_card_says(shared_data: Path) -> None:
    patches = load_infn(shared_data / "infn_microcalcifications")
    split = project_split("infn", patches.groups, [patches.classes[label] for label in patches.labels])
    assert read_split(FOLDER / "split.json").test == split.test
    manifest = load_manifest(FOLDER)
    aside = np.isin(patches.groups, split.test)
    scores = OnnxModel(manifest, threads=1).scores(patches.images[aside, None].astype(np.float32) / 255.0)[:, 1]
    truth = np.asarray(patches.labels, dtype=np.int64)[aside]
    area = area_under_curve(truth, scores.astype(np.float64))
    assert area == pytest.approx(json.loads((FOLDER / "manifest.json").read_text())["metrics"]["test"]["auc"], abs=1e-3)
