from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from helpers.networks import SmallDense, SmallDetector, SmallNetwork  # noqa: E402

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.inference.manifest import load_manifest, verify_files  # noqa: E402
from mammoviewer.inference.model_records import DenseAgreement, Tiling  # noqa: E402
from mammoviewer.inference.onnx_session import OnnxModel  # noqa: E402
from mammoviewer.training import bundle  # noqa: E402
from mammoviewer.training.bundle import BundleFacts, check_output, published_folder, write_bundle  # noqa: E402

RESIZED = ({"op": "voi"}, {"op": "resize", "rows": 16, "columns": 12}, {"op": "repeat_channels", "count": 3})
FACTS = BundleFacts(
    name="small",
    tag="1",
    title="Small",
    classes=("a", "b", "c", "d"),
    positive_class="b",
    operating_threshold=0.5,
    patch=(16, 12),
    pixel_size_mm=None,
    preprocessing=({"op": "voi"}, {"op": "repeat_channels", "count": 3}),
    kinds=("MAMMOGRAM",),
    card="# Small\n",
    intended_use="tests",
    channels=3,
    value_range=(-1.0, 2.0),
)


def test_the_written_folder_is_a_valid_model(base_model: Path) -> None:
    manifest = load_manifest(base_model)
    verify_files(manifest)
    assert manifest.identity == "base.1"
    assert manifest.outputs.activation == "sigmoid"
    assert sorted(path.name for path in base_model.iterdir()) == [
        "CARD.md",
        "head_grad.onnx",
        "manifest.json",
        "model.onnx",
    ]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "models" / "new"
    with published_folder(output, replace=False) as staging:
        (staging / "manifest.json").write_text("{}", encoding="utf-8")
        assert not output.exists()
        assert staging.name.startswith(".")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["new"]


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    def write_half() -> None:
        with published_folder(tmp_path / "new", replace=False) as staging:
            (staging / "model.onnx").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_model_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "model"
    output.mkdir()
    (output / "manifest.json").write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), published_folder(output, replace=True):
        raise ZeroDivisionError
    assert (output / "manifest.json").read_text(encoding="utf-8") == "old"
    with published_folder(output, replace=True) as staging:
        (staging / "manifest.json").write_text("new", encoding="utf-8")
    assert (output / "manifest.json").read_text(encoding="utf-8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_foreign_folders_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(TrainingError, match="exists"):
        check_output(tmp_path / "photos", replace=True)
    check_output(tmp_path / "new", replace=False)


def test_old_leavings_of_killed_runs_go_and_young_ones_stay(tmp_path: Path) -> None:
    old, young, foreign, full = (
        ".new.00000001.partial",
        ".new.00000002.partial",
        ".thesis.partial",
        ".new.0000000a.partial",
    )
    for name, age in ((old, 10_000.0), (young, 0.0), (foreign, 10_000.0), (full, 10_000.0)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / ("diary.txt" if name == full else "model.onnx")).write_text("x")
        stamp = folder.stat().st_mtime - age
        os.utime(folder, (stamp, stamp))
    with published_folder(tmp_path / "new", replace=False):
        assert not (tmp_path / old).exists()
        assert all((tmp_path / name).is_dir() for name in (young, foreign, full))


def test_whole_image_classifiers_have_no_tiling(tmp_path: Path) -> None:
    facts = replace(FACTS, task="image-classification", preprocessing=RESIZED, multi_label=True, views=("CC",))
    write_bundle(tmp_path, SmallNetwork(), facts)
    manifest = load_manifest(tmp_path)
    assert manifest.tiling is None
    assert manifest.input.shape == (None, 3, 16, 12)
    assert manifest.input.value_range == (-1.0, 2.0)
    assert manifest.outputs.activation == "sigmoid"
    assert manifest.accepts.views == ("CC",)
    assert OnnxModel(manifest, threads=1).scores(torch.zeros(2, 3, 16, 12).numpy()).shape == (2, 4)


@pytest.mark.parametrize("any_size", [False, True])
def test_detectors_have_boxes_and_no_gradient(tmp_path: Path, any_size: bool) -> None:
    facts = replace(
        FACTS,
        task="detection",
        classes=("background", "lesion"),
        positive_class="lesion",
        preprocessing=FACTS.preprocessing if any_size else RESIZED,
        cam_method="eigencam",
        any_size=any_size,
    )
    write_bundle(tmp_path, SmallDetector(), facts)
    manifest = load_manifest(tmp_path)
    assert manifest.outputs.boxes == "boxes"
    assert set(manifest.files) == {"model"}
    assert manifest.input.shape[2:] == ((None, None) if any_size else (16, 12))


def test_a_dense_form_comes_with_its_agreement(tmp_path: Path) -> None:
    agreement = DenseAgreement(0.99, 0.01, 0.05, 0.001)
    tiling = Tiling((8, 8), 4, modes=("patches", "dense"), dense_stride=4, dense_patch_agreement=agreement)
    facts = replace(
        FACTS,
        classes=("a", "b"),
        patch=(8, 8),
        tiling=tiling,
        dense=SmallDense(),
        head_gradient=False,
        cam_method="occlusion",
    )
    write_bundle(tmp_path, SmallNetwork(1), facts)
    manifest = load_manifest(tmp_path)
    assert manifest.tiling == tiling
    whole = torch.zeros(1, 3, 20, 24).numpy()
    assert OnnxModel(manifest, threads=1).dense_logits(whole).shape == (1, 1, 4, 5)


def test_a_model_that_comes_with_the_program_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "bundled_models_dir", lambda: tmp_path)
    monkeypatch.setattr(bundle, "MOST_BUNDLED_BYTES", 100)
    folder = tmp_path / "small"
    folder.mkdir()
    with pytest.raises(TrainingError, match="a bundled file 100"):
        write_bundle(folder, SmallNetwork(), FACTS)
