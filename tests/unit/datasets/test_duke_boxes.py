from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.errors import InputError
from mammoviewer.datasets.duke import DukeBox, load_duke_boxes

HEAD = "PatientID,StudyUID,View,Subject,Slice,X,Y,Width,Height,Class,AD,VolumeSlices\n"
BOX = DukeBox("DBT-P1", "DBT-S1", "RMLO", 21, row=8, column=19, rows=4, columns=6, label="cancer")


def frame(side: str) -> np.ndarray:
    """Return a frame whose borders tell a side, with a bright box where ``BOX`` lies once the frame is turned."""
    shown = np.zeros((30, 40), np.uint16)
    shown[:, -1 if side == "R" else 0] = 500
    return shown


def corrected(stored: np.ndarray, view: str) -> np.ndarray:
    """Return a frame as the reading function that comes with the data set returns it."""
    side = "R" if np.sum(stored[:, 0]) < np.sum(stored[:, -1]) else "L"
    return np.flip(stored, axis=(-1, -2)) if side != view[0] else stored


@pytest.mark.parametrize("side", ["R", "L"])
def test_a_box_covers_the_pixels_that_it_covers_in_the_turned_volume(side: str) -> None:
    stored = frame(side)
    mask = BOX.roi(stored).mask((30, 40))
    expected = np.zeros((30, 40), bool)
    expected[8:12, 19:25] = True
    np.testing.assert_array_equal(mask if side == "R" else mask[::-1, ::-1], expected)
    stored[mask] = 9000
    np.testing.assert_array_equal(corrected(stored, BOX.view) == 9000, expected)


def test_a_table_is_read(tmp_path: Path) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text(
        f"{HEAD}DBT-P1,DBT-S1,rmlo,0,21,19,8,6,4,cancer,0,57\nDBT-P2,DBT-S2,lcc2,0,3,0,0,1,1,benign,1,60\n",
        encoding="utf-8-sig",
    )
    first, second = load_duke_boxes(table)
    assert first == BOX
    assert (second.view, second.label, second.file_frame) == ("LCC2", "benign", 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PatientID,StudyUID\nA,B\n", "no column 'View'"),
        (f"{HEAD}P,S,cc,0,1,1,1,1,1,cancer,0,9\n", "names no side"),
        (f"{HEAD}P,S,rcc,0,1,-1,1,1,1,cancer,0,9\n", "cannot be"),
        (f"{HEAD}P,S,rcc,0,1,1,1,0,1,cancer,0,9\n", "cannot be"),
        (f"{HEAD}P,S,rcc,0,one,1,1,1,1,cancer,0,9\n", "no box"),
        (f"{HEAD}P,S,rcc\n", "no box"),
    ],
)
def test_a_table_that_is_none_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_duke_boxes(table)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_duke_boxes(tmp_path / "boxes.csv")
