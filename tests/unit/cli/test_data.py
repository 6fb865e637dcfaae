from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest
from helpers import layout_makers as make

from mammoviewer.base.errors import ArgumentError
from mammoviewer.cli import data
from mammoviewer.datasets.splits import Split, read_split, write_split


def call(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    data.add_parser(parser.add_subparsers(dest="command", required=True))
    return data.run(parser.parse_args([data.NAME, *map(str, arguments)]))


def test_what_a_folder_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make.rsna(tmp_path)
    (root / "train_images" / "3" / "32.dcm").unlink()
    assert call(root) == 0
    shown = capsys.readouterr().out
    assert "rsna: 7 images of 4 patients, 0 findings" in shown
    assert "malignant: 2" in shown
    assert "the image is missing" in shown


def test_a_split_is_written_and_nothing_leaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make.rsna(tmp_path / "set", patients=6)
    split = tmp_path / "split.json"
    assert call(root, "--write-split", split, "--fractions", "0.5,0.2,0.3", "--leaks", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["split"] == {"train": 3, "validation": 1, "test": 2}
    assert (told["leaks"]["clean"], told["leaks"]["items"]) == (True, 12)
    assert read_split(split).layout == "rsna"


def test_the_same_picture_on_two_sides_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make.rsna(tmp_path / "set", patients=4)
    shutil.copy(root / "train_images" / "0" / "01.dcm", root / "train_images" / "1" / "12.dcm")
    split = write_split(tmp_path / "split.json", Split(("0", "2"), (), ("1", "3")))
    assert call(root, "--split", split, "--leaks") == 1
    assert "train_images/0/01.dcm = train_images/1/12.dcm" in capsys.readouterr().out


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    root = make.rsna(tmp_path, patients=2)
    with pytest.raises(ArgumentError, match="across a split"):
        call(root, "--leaks")
    with pytest.raises(ArgumentError, match="no fractions"):
        call(root, "--write-split", tmp_path / "s.json", "--fractions", "half")
