from __future__ import annotations

import json

import pytest

from mammoviewer.base.errors import InputError, SettingsError
from mammoviewer.base.paths import user_dir
from mammoviewer.session import protocol as kept
from mammoviewer.session.protocol import (
    StageRule,
    delete_protocol,
    is_cell,
    load_protocol,
    protocols,
    save_protocol,
)

PAIR = StageRule("Pair", 1, 2, ("RCC", "prior:RCC"))


def document(**changes):
    stage = {"title": "Pair", "rows": 1, "columns": 2, "cells": ["RCC", "LCC"], "kinds": ["MAMMOGRAM"]}
    return {"schema_version": 2, "name": "Own", "stages": [{**stage, **changes}]}


@pytest.mark.parametrize(
    "cell", ["", "RCC", "LXCCL", "prior:RCC", "TOMO", "prior:SAME_VIEW_TOMO", "RMLO_TOMO", "OTHER_L"]
)
def test_words_of_cells(cell):
    assert is_cell(cell)


@pytest.mark.parametrize("cell", ["prior:", "CC", "rcc", "prior:prior:RCC", "NOTHING", "RCC "])
def test_what_is_no_cell(cell):
    assert not is_cell(cell)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"),
        ("[]", "schema version"),
        (json.dumps({"schema_version": 9, "stages": []}), "schema version"),
        (json.dumps({"schema_version": [2], "stages": []}), "schema version"),
        (json.dumps({"schema_version": 2, "name": "x", "stages": []}), "no stages"),
        (json.dumps(document(rows=float("inf"))), "not complete"),
        (json.dumps({"schema_version": 2, "name": "x"}), "not complete"),
        (json.dumps({"schema_version": 2, "name": "x", "stages": [7]}), "not complete|not valid"),
        (json.dumps(document(rows=3)), "3 x 2 cells, not 2"),
        (json.dumps(document(rows=5, cells=["RCC"] * 10)), "from 1 to 4"),
        (json.dumps(document(cells=["RCC", "nonsense"])), "'nonsense' is no cell"),
        (json.dumps(document(cells=["", ""])), "all cells are empty"),
        (json.dumps(document(title=" ")), "no title"),
        (json.dumps(document(kinds=["XRAY"])), "'XRAY' is no kind"),
    ],
)
def test_a_bad_protocol_is_told(tmp_path, text, reason):
    path = tmp_path / "protocol.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"protocol.*({reason})") as told:
        load_protocol(path)
    assert told.value.path == path


def test_protocols_of_the_first_schema_are_read(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({**document(), "schema_version": 1}))
    assert load_protocol(path).stages[0].cells == ("RCC", "LCC")


def test_an_own_protocol_is_kept_found_and_deleted():
    saved = save_protocol(" My / hanging ", [PAIR])
    assert saved.path is not None
    assert saved.path.parent == user_dir() / "hanging"
    found, errors = protocols()
    assert errors == []
    assert [p.name for p in found][-1] == "My / hanging"
    assert found[-1].stages == (PAIR,)
    assert not found[-1].bundled
    delete_protocol(found[-1])
    assert all(p.bundled for p in protocols()[0])


def test_a_broken_own_protocol_does_not_hide_the_others():
    save_protocol("Good", [PAIR])
    (kept.user_folder() / "bad.json").write_text("{")
    found, errors = protocols()
    assert "Good" in [p.name for p in found]
    assert [error.path.name for error in errors] == ["bad.json"]


def test_bundled_protocols_stay():
    with pytest.raises(SettingsError, match="came with the program"):
        delete_protocol(load_protocol())


@pytest.mark.parametrize(("name", "stages"), [("", [PAIR]), ("x", [])])
def test_a_protocol_needs_a_name_and_stages(name, stages):
    with pytest.raises(SettingsError, match="needs a name"):
        save_protocol(name, stages)


def test_a_folder_that_cannot_be_written_is_told(monkeypatch):
    def refuse(path, text):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(kept, "write_text_atomically", refuse)
    with pytest.raises(SettingsError, match="cannot be written: Permission denied"):
        save_protocol("x", [PAIR])
