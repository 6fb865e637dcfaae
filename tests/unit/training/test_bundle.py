from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.inference.manifest import load_manifest, verify_files  # noqa: E402
from mammoviewer.training.bundle import check_output, published_folder  # noqa: E402


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
