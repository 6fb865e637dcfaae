"""Who changed what in the open study, as a table."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.annotations import rows as annotation_rows
from mammoviewer.annotations.density import examination_of, new_density
from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding, SayDensity
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.annotations.rows import is_long
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.audit import COLUMNS, audit_csv, save_audit
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    made = Workspace(replace(Settings(), reader="A"))
    made.add(OpenResult((make_image("RCC", uid="1.1"),), ()))
    yield made
    made.close()


def disc(radius):
    rows, columns = np.mgrid[0:160, 0:120]
    return region_of_mask(np.hypot(rows - 80, columns - 60) < radius)


def rows(workspace):
    return list(csv.DictReader(audit_csv(workspace).splitlines()))


def test_every_change_has_its_line_also_what_was_undone(workspace, monkeypatch):
    monkeypatch.setattr(annotation_rows, "LONG", 100)
    finding = new_finding("1.1", 0, disc(55), "Mass", reader="A")
    assert is_long(finding.roi)
    workspace.edit(AddFinding(finding))
    workspace.edit(ReplaceFinding(finding.edited(roi=disc(50), note="smaller")))
    workspace.edits.undo()
    workspace.edits.redo()
    workspace.store.reader = "B"
    workspace.edit(RemoveFinding(finding.id))
    workspace.edit(SayDensity(new_density(examination_of(workspace.images[0].attributes), "R", "c", reader="B")))
    workspace.edit(AddFinding(new_finding("9.9", 0, disc(50), "Mass")))
    found = rows(workspace)
    assert tuple(found[0]) == COLUMNS
    assert [(line["reader"], line["done"], line["change"], line["label"]) for line in found] == [
        ("A", "edit", "added", "Mass"),
        ("A", "edit", "note, region", "Mass"),
        ("A", "undo", "note, region", "Mass"),
        ("A", "redo", "note, region", "Mass"),
        ("B", "edit", "removed", "Mass"),
        ("B", "edit", "density none to c", "R"),
    ]
    assert {(line["of"], line["frame"], line["id"]) for line in found[:5]} == {("1.1", "1", finding.id)}
    assert [line["time"] for line in found] == sorted(line["time"] for line in found)


def test_who_reads_blind_gets_own_lines_alone(workspace):
    for reader in "AB":
        workspace.edit(AddFinding(new_finding("1.1", 0, disc(50), "Mass", reader=reader)))
    assert len(rows(workspace)) == 2
    workspace.desk.blind = True
    assert len(rows(workspace)) == 1


def test_it_is_saved_in_the_background(workspace, tmp_path):
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    workspace.edit(AddFinding(new_finding("1.1", 0, disc(50), "Mass")))
    assert save_audit(workspace, tmp_path / "changes.csv").wait(20)
    assert (tmp_path / "changes.csv").read_text() == audit_csv(workspace)
    (tmp_path / "file").write_text("")
    assert save_audit(workspace, tmp_path / "file" / "changes.csv").wait(20)
    assert told[0] == "The log of 1 change is in changes.csv"
    assert "cannot be written" in told[1]
