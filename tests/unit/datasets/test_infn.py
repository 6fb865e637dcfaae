from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoviewer.base.errors import InputError
from mammoviewer.datasets.infn import CLASSES, load_infn


def make_set(folder: Path, rows: list[tuple[str, str, str]], shape: tuple[int, int] = (60, 60)) -> Path:
    for number, (name, _, _) in enumerate(rows):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full(shape, number, dtype=np.uint8))
    lines = ["file,label,case", *(",".join(row) for row in rows)]
    (folder / "patches.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_reads_patches_labels_and_cases(tmp_path: Path) -> None:
    rows = [("0/a.png", "0", "0001"), ("1/b.png", "1", "0002")]
    patches = load_infn(make_set(tmp_path, rows))
    assert patches.images.shape == (2, 60, 60)
    assert patches.images.dtype == np.uint8
    assert patches.images[1].max() == 1
    assert patches.labels == (0, 1)
    assert patches.groups == ("0001", "0002")
    assert patches.names == ("0/a.png", "1/b.png")
    assert patches.classes == CLASSES


@pytest.mark.parametrize(
    "text",
    ["", "file,label\na.png,0\n", "file,label,case\na.png,x,1\n", "file,label,case\n", "file,label,case\na.png,2,1\n"],
)
def test_refuses_a_table_that_is_not_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "patches.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        load_infn(tmp_path)


def test_refuses_a_folder_without_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_infn(tmp_path)


def test_refuses_patches_of_another_size(tmp_path: Path) -> None:
    make_set(tmp_path, [("0/a.png", "0", "1")], shape=(50, 60))
    with pytest.raises(InputError, match="60x60"):
        load_infn(tmp_path)


def test_refuses_a_path_out_of_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "set"
    inside.mkdir()
    make_set(tmp_path, [("a.png", "0", "1")])
    (inside / "patches.csv").write_text("file,label,case\n../a.png,0,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="out of the folder"):
        load_infn(inside)


def test_refuses_a_missing_patch_and_one_that_is_no_picture(tmp_path: Path) -> None:
    make_set(tmp_path, [("0/a.png", "0", "1")])
    (tmp_path / "0/a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="grey picture"):
        load_infn(tmp_path)
    (tmp_path / "0/a.png").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_infn(tmp_path)


def test_the_real_set(shared_data: Path) -> None:
    patches = load_infn(shared_data / "infn_microcalcifications")
    assert len(patches) == 644
    assert sum(patches.labels) == 299
    assert len(set(patches.groups)) == 75
