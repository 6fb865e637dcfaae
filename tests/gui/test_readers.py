"""Several readers: who reads, whose findings are whose, how they agree."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from helpers.viewports import picture, shown

from mammoviewer.annotations.agreement import fleiss_kappa
from mammoviewer.annotations.density import examination_of, new_density
from mammoviewer.annotations.edits import AddFinding, ReplaceFinding, SayDensity
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.canvas.tools import visible_findings
from mammoviewer.gui.dialogs.agreement_dialog import AgreementDialog
from mammoviewer.gui.exports import export_content
from mammoviewer.gui.kept_settings import KeptSettings
from mammoviewer.gui.readers import Readers
from mammoviewer.session.blind import sign_first_read
from mammoviewer.session.reader_agreement import CONSENSUS, agreements, common_agreements
from mammoviewer.session.settings import SettingsFile


def box(top, left, size=20.0):
    return Roi(RoiKind.RECTANGLE, ((top, left), (top + size, left + size)))


def add(workspace, roi, reader, **changes):
    uid = next(i.attributes.identity for i in workspace.images if i.attributes.view.label == "RMLO")
    finding = replace(new_finding(uid, 0, roi, "Mass", reader=reader), **changes)
    workspace.edit(AddFinding(finding))
    return finding


@pytest.fixture
def settings(four_views, qtbot, tmp_path):
    file = SettingsFile(tmp_path / "settings.json")
    keeper = KeptSettings(four_views, file)
    yield file
    keeper.deleteLater()


def test_a_name_is_chosen_kept_and_put_into_force(qtbot, four_views, settings):
    add(four_views, box(10, 60), "B")
    readers = Readers(four_views, settings)
    dialog = readers.dialog()
    qtbot.addWidget(dialog)
    assert [dialog.name.itemText(i) for i in range(dialog.name.count())] == ["B"]
    dialog.name.setCurrentText(" Dr A ")
    dialog._choose()
    assert SettingsFile(settings.path).settings.reader == "Dr A"
    assert four_views.settings.reader == four_views.store.reader == "Dr A"


def test_findings_of_others_are_dotted(qtbot, four_views, settings):
    Readers(four_views, settings).choose("A")
    viewport = shown(qtbot, four_views, "RMLO", (480, 520))
    finding = add(four_views, box(50, 50, 40.0), "A")
    mine = picture(viewport).astype(int)
    four_views.edit(ReplaceFinding(finding.edited(reader="B")))
    theirs = picture(viewport).astype(int)
    assert (np.abs(mine - theirs).sum(axis=2) > 60).sum() > 50


def test_who_reads_blind_sees_own_findings_alone(qtbot, four_views, settings):
    Readers(four_views, settings).choose("A")
    viewport = shown(qtbot, four_views, "RMLO", (480, 520))
    own = add(four_views, box(10, 60), "A")
    add(four_views, box(60, 60), "B")
    assert len(visible_findings(viewport)) == 2
    assert len(export_content(four_views, viewport.shown).findings) == 2
    four_views.desk.blind = True
    assert visible_findings(viewport) == (own,)
    assert export_content(four_views, viewport.shown).findings == (own,)


def test_the_agreement_is_counted_and_kept_as_consensus(qtbot, four_views, tmp_path):
    matched = add(four_views, box(60, 50), "A", assessment="4A")
    add(four_views, box(62, 51), "B", assessment="4B")
    add(four_views, box(145, 0, 8.0), "A")
    add(four_views, box(2, 105, 8.0), "B", assessment="2")
    (pair,) = agreements(four_views)
    assert (pair.first, pair.second, pair.assessed) == ("A", "B", 1)
    dialog = AgreementDialog(four_views)
    qtbot.addWidget(dialog)
    assert [dialog.table.item(0, column).text() for column in range(6)] == ["A", "B", "1", "1", "1", "0.500"]
    dialog.write(tmp_path / "table.csv")
    line, _everybody = csv.DictReader((tmp_path / "table.csv").read_text().splitlines())
    assert (line["first"], line["matched"], line["dice"]) == ("A", "1", "0.500")
    dialog.keep()
    (agreed,) = [f for f in four_views.annotations.findings if f.reader == CONSENSUS]
    assert agreed.roi == matched.roi
    assert len(agreements(four_views)) == 1, "the consensus is no reader"
    four_views.edits.undo()
    assert not [f for f in four_views.annotations.findings if f.reader == CONSENSUS]


def test_the_agreement_is_closed_to_who_reads_blind_until_the_read_is_signed(qtbot, four_views, settings, tmp_path):
    Readers(four_views, settings).choose("A")
    add(four_views, box(60, 50), "A", assessment="2")
    add(four_views, box(62, 51), "B", assessment="5")
    four_views.desk.blind = True
    closed = AgreementDialog(four_views)
    qtbot.addWidget(closed)
    assert closed.table.rowCount() == 0
    assert "sign your first read" in closed.nothing.text()
    assert not closed.nothing.isHidden()
    closed.write(tmp_path / "table.csv")
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 1
    closed.keep()
    assert not [f for f in four_views.annotations.findings if f.reader == CONSENSUS]
    sign_first_read(four_views)
    opened = AgreementDialog(four_views)
    qtbot.addWidget(opened)
    assert opened.table.rowCount() == 1
    Readers(four_views, settings).choose("C")
    again = AgreementDialog(four_views)
    qtbot.addWidget(again)
    assert again.table.rowCount() == 0, "the signature was that of A"
    four_views.desk.blind = False
    seeing = AgreementDialog(four_views)
    qtbot.addWidget(seeing)
    assert seeing.table.rowCount() == 1


def test_all_readers_together_have_kappa_of_fleiss_on_assessments_and_densities(qtbot, four_views, tmp_path):
    said = (("4A", "4A", "4B"), ("2", "2", "2"), ("3", "2", "3"))
    for number, values in enumerate(said):
        for reader, value in zip("ABC", values, strict=True):
            add(four_views, box(10.0 + 45 * number, 40, 18.0), reader, assessment=value)
    add(four_views, box(100, 90, 8.0), "A", assessment="5")
    study = examination_of(four_views.images[0].attributes)
    grades = {"R": "bbc", "L": "ccc"}
    for side, values in grades.items():
        for reader, value in zip("ABC", values, strict=True):
            four_views.edit(SayDensity(new_density(study, side, value, reader=reader)))
    four_views.edit(SayDensity(new_density("9.9", "R", "d", reader="D")))
    assessments, densities = common_agreements(four_views, agreements(four_views))
    assert (assessments.readers, assessments.cases) == (("A", "B", "C"), 3)
    assert assessments.kappa == pytest.approx(fleiss_kappa(said))
    assert (densities.readers, densities.cases) == (("A", "B", "C"), 2)
    assert densities.kappa == pytest.approx(fleiss_kappa(list(grades.values())))
    dialog = AgreementDialog(four_views)
    qtbot.addWidget(dialog)
    assert f"assessments (3 cases): Fleiss' kappa {assessments.kappa:.3f}" in dialog.common.text()
    assert f"breast densities (2 cases): Fleiss' kappa {densities.kappa:.3f}" in dialog.common.text()
    dialog.write(tmp_path / "table.csv")
    lines = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [(line["first"], line["second"], line["assessed"]) for line in lines[-2:]] == [
        ("all 3 readers", "assessments", "3"),
        ("all 3 readers", "breast densities", "2"),
    ]


def test_one_reader_alone_has_nobody_to_agree_with(qtbot, four_views):
    add(four_views, box(10, 60), "A")
    dialog = AgreementDialog(four_views)
    qtbot.addWidget(dialog)
    assert dialog.table.isHidden()
