"""Breast density in the findings panel: choices, keys, other readers, blind reading, the next start."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QToolButton

from mammoviewer.annotations.density import new_density
from mammoviewer.annotations.edits import SayDensity
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.panels.density_fields import DensityFields
from mammoviewer.session.breast_density import own_density, say_density, say_density_of_active
from mammoviewer.session.last_session import restore_undo
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace


def press(fields: DensityFields, side: str, text: str) -> None:
    (button,) = (b for b in fields.sides[side].findChildren(QToolButton) if b.text() == text)
    button.click()


def pressed(fields: DensityFields, side: str) -> str:
    return next(b.text() for b in fields.sides[side].findChildren(QToolButton) if b.isChecked())


def test_each_breast_is_said_for_itself_and_undo_takes_it_back(qtbot, four_views) -> None:
    fields = DensityFields(four_views)
    qtbot.addWidget(fields)
    press(fields, "R", "c")
    press(fields, "L", "b")
    assert [(d.laterality, d.value) for d in four_views.annotations.densities] == [("R", "c"), ("L", "b")]
    assert (pressed(fields, "R"), pressed(fields, "L")) == ("c", "b")
    four_views.edits.undo()
    assert (pressed(fields, "R"), pressed(fields, "L")) == ("c", "–")
    press(fields, "R", "–")
    assert four_views.annotations.densities == ()


def test_a_study_of_one_side_offers_that_side(qtbot, volume) -> None:
    fields = DensityFields(volume)
    qtbot.addWidget(fields)
    assert [side for side, line in fields._rows.items() if line.isVisibleTo(fields)] == ["R"]


def test_nothing_is_offered_while_nothing_is_open(qtbot, workspace) -> None:
    fields = DensityFields(workspace)
    qtbot.addWidget(fields)
    assert fields.isHidden()


def test_the_keys_say_it_of_the_breast_that_is_looked_at_and_take_it_back(four_views) -> None:
    keys = {command.id: command.keys for command in COMMANDS}
    assert [keys[f"finding.density_{value}"] for value in "abcd"] == [(f"Alt+{letter}",) for letter in "ABCD"]
    four_views.desk.active_identity = four_views.images[1].attributes.identity
    assert say_density_of_active(four_views, "d") == "L"
    assert (own_density(four_views, "R"), own_density(four_views, "L")) == ("", "d")
    say_density_of_active(four_views, "d")
    assert own_density(four_views, "L") == ""


def test_what_others_say_is_told_but_not_while_reading_blind(qtbot, four_views) -> None:
    fields = DensityFields(four_views)
    qtbot.addWidget(fields)
    study = four_views.images[0].attributes.StudyInstanceUID or four_views.images[0].attributes.identity
    four_views.edit(SayDensity(new_density(study, "R", "a", reader="Bell")))
    assert fields.others == "Bell: R a"
    four_views.desk.blind = True
    assert fields.others == ""


def test_it_is_there_at_the_next_start_and_can_still_be_undone(tmp_path, four_views) -> None:
    say_density(four_views, "R", "b")
    images, session = four_views.images, four_views.store.session
    four_views.recorder.close()
    again = Workspace(replace(Settings()), library=four_views.store.path)
    try:
        from mammoviewer.dicom.reader import OpenResult

        again.add(OpenResult(images, ()))
        assert own_density(again, "R") == "b"
        restore_undo(again, (session,))
        again.edits.undo()
        assert own_density(again, "R") == ""
        assert again.store.densities() == ()
    finally:
        again.close()
