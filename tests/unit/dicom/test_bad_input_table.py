"""The table of bad inputs in the documents names tests for every row, and they exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[2] / "docs" / "bad-inputs.md"


def test_every_row_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, 37))
    sources = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    defined = set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))
    for number, _, _, shown_by in rows:
        named = re.findall(r"`(test_\w+)`", shown_by)
        assert named, number
        assert set(named) <= defined, set(named) - defined


def test_tests_that_bear_the_number_of_a_row_are_named_in_it() -> None:
    table = TABLE.read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_damaged_*.py"))
    numbered = set(re.findall(r"^def (test_\d+_\w+)\(", sources, re.MULTILINE))
    assert numbered
    assert {name for name in numbered if f"`{name}`" not in table} == set()
