"""The table of what a mammography display must do names tests and pictures that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = TESTS.parent / "docs" / "conformance.md"


def test_every_row_names_tests_and_pictures_that_exist() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, 13))
    sources = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    defined = set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))
    for number, _, _, shown_by in rows:
        named = re.findall(r"`(test_\w+)`", shown_by)
        assert named, number
        assert set(named) <= defined, set(named) - defined
        for picture in re.findall(r"\]\((images/[^)]+)\)", shown_by):
            assert (TABLE.parent / picture).is_file(), picture


def test_pictures_of_the_window_show_the_whole_of_it() -> None:
    """A screen that is too small squeezes the window, and nobody looks at the pictures of a script."""
    documents = "".join((TABLE.parent / name).read_text(encoding="utf-8") for name in ("reading.md", "conformance.md"))
    pictures = sorted(set(re.findall(r"\]\((images/[^)]+\.png)\)", documents)))
    assert len(pictures) >= 9
    for picture in pictures:
        # The width stands behind signature and the head of the first chunk.
        head = (TABLE.parent / picture).read_bytes()[:24]
        assert int.from_bytes(head[16:20]) >= 1600, picture
