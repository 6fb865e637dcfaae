from __future__ import annotations

from pathlib import Path

import pytest

from mammoviewer.base.errors import InputError
from mammoviewer.datasets.mini_mias import load_mini_mias

TEXT = """INFORMATION:
mdb001 G CIRC B 535 425 197
mdb002 D NORM
mdb003 D NORM
mdb216 D CALC M *NOTE 3*
"""


def test_lines_become_films_and_the_text_around_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "Info.txt").write_text(TEXT, encoding="latin-1")
    for name in ("mdb001", "mdb002", "mdb216"):
        (tmp_path / f"{name}.png").touch()
    first, second, last = load_mini_mias(tmp_path)
    assert (first.tissue, first.abnormality, first.severity, first.radius_px) == ("G", "CIRC", "B", 197)
    # y = 425 counts from the bottom of 1024 rows
    assert first.centre == (599, 535)
    assert (second.abnormality, second.centre) == ("NORM", None)
    assert (last.severity, last.centre) == ("M", None)
    assert first.patient == second.patient == "patient 1"
    assert last.patient == "patient 108"


def test_a_folder_without_list_or_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_mini_mias(tmp_path)
    (tmp_path / "Info.txt").write_text(TEXT, encoding="latin-1")
    with pytest.raises(InputError, match="no film"):
        load_mini_mias(tmp_path)


def test_the_real_list(shared_data: Path) -> None:
    films = load_mini_mias(shared_data / "mini_mias")
    assert len({film.path for film in films}) == 242
    assert sum(film.abnormality == "NORM" for film in films) == 156
    assert sum(film.abnormality == "CALC" and film.centre is not None for film in films) == 20
