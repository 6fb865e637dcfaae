from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.model_makers import brightest_bundle

from mammoviewer.base.errors import InputError
from mammoviewer.cli import batch
from mammoviewer.cli.main import run


def _run(*arguments: object) -> int:
    def never(request: object) -> int:
        raise AssertionError(f"the window must not be opened: {request}")

    return run(["batch", *map(str, arguments)], show=never)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    brightest_bundle(tmp_path / "home" / "models" / "spots")
    folder = tmp_path / "pictures"
    for number in range(2):
        place = folder / f"patient{number}"
        place.mkdir(parents=True)
        picture = np.full((64, 48), 60, dtype=np.uint8)
        picture[20:24, 10 + number : 14 + number] = 250
        assert cv2.imwrite(str(place / "view.png"), picture)
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    (folder / ".hidden").write_text("", encoding="utf-8")
    return folder


def test_every_image_gets_its_line_and_failures_theirs(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _run(pictures, "--model", "spots", "--out", out, "--option=--pixel-size=0.1") == 1
    with (out / "batch.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    images = [row for row in rows if not row["failure"]]
    assert [Path(row["path"]).parent.name for row in images] == ["patient0", "patient1"]
    for row in images:
        document = json.loads((Path(row["folder"]) / "predictions.json").read_text(encoding="utf-8"))
        assert float(row["score"]) == document["images"][0]["score"] > 0.9
        assert int(row["marks"]) == len(document["images"][0]["detections"])
    assert [Path(row["path"]).name for row in rows if row["failure"]] == ["notes.txt"]
    assert "2 of 3 files done" in capsys.readouterr().out


def test_what_was_done_is_not_done_again(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def analyse(item: Mapping[str, Any]) -> Mapping[str, Any]:
        seen.append(Path(item["path"]).name)
        if "notes" in item["path"]:
            raise InputError("no image")
        return {"images": [{"uid": "1.2", "score": 0.5, "detections": []}]}

    monkeypatch.setattr(batch, "analyse", analyse)
    for _ in range(2):
        assert _run(pictures, "--model", "spots", "--out", tmp_path / "out") == 1
    assert sorted(seen) == ["notes.txt", "notes.txt", "view.png", "view.png"]


def test_paths_that_are_not_there_are_told(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path / "none", "--model", "spots", "--out", tmp_path / "out") == 1
    assert "no such file" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no files"):
        batch.files_of([empty])
