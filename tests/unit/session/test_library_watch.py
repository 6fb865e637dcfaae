"""Two windows on one library: what one changes the other shows, and none overwrites the other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.images import make_image

from mammoviewer.annotations.density import examination_of, new_density
from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding, SayDensity
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.blind import sign_first_read
from mammoviewer.session.library_watch import LibraryWatch
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace

BOX = Roi(RoiKind.RECTANGLE, ((1.0, 2.0), (30.0, 40.0)))


@pytest.fixture
def windows(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    made = []
    for reader in ("A", "B"):
        made.append(Workspace(replace(Settings(), reader=reader)))
        made[-1].add(OpenResult((make_image("RCC", uid="1.1"),), ()))
    yield tuple(made)
    for workspace in made:
        workspace.close()


@pytest.fixture
def finding(windows):
    one, two = windows
    made = new_finding("1.1", 0, BOX, "Mass", reader="A")
    one.edit(AddFinding(made))
    assert two.watch.look() == (made.id,)
    return made


def test_what_one_window_says_the_other_shows(windows, finding):
    one, two = windows
    told = []
    two.annotations.changed.connect(told.append)
    assert two.annotations.findings == (finding,)
    changed = finding.edited(note="seen twice", roi=BOX.moved(3, 4))
    one.edit(ReplaceFinding(changed))
    assert two.watch.look() == (finding.id,)
    assert two.annotations.findings == (changed,)
    one.edit(RemoveFinding(finding.id))
    assert two.watch.look() == (finding.id,)
    assert two.annotations.findings == ()
    density = new_density(examination_of(one.images[0].attributes), "R", "c", reader="A")
    one.edit(SayDensity(density))
    two.watch.look()
    assert two.annotations.densities == (density,)
    assert told == [(finding.id,), (finding.id,), (density.id,)]
    assert two.watch.look() == one.watch.look() == (), "nobody hears of oneself"


def test_what_is_not_open_is_left_out(windows):
    one, two = windows
    one.edit(AddFinding(new_finding("9.9", 0, BOX, "Mass")))
    assert two.watch.look() == ()


def test_an_edit_after_that_is_made_on_what_the_other_said_and_leaves_no_copy(windows, finding):
    one, two = windows
    one.edit(ReplaceFinding(finding.edited(note="by A")))
    two.watch.look()
    two.edit(ReplaceFinding(two.annotations.get(finding.id).edited(label="Cyst")))
    one.watch.look()
    (both,) = one.annotations.findings
    assert (both.note, both.label) == ("by A", "Cyst")
    assert one.store.load() == (both,)


def test_of_two_edits_at_once_both_stay_and_both_windows_show_them(windows, finding):
    one, two = windows
    one.edit(ReplaceFinding(finding.edited(note="by A")))
    two.edit(ReplaceFinding(finding.edited(note="by B")))
    for workspace in (one, two):
        workspace.watch.look()
        assert sorted(f.note for f in workspace.annotations.findings) == ["by A", "by B"]


def test_what_is_not_stored_yet_is_not_replaced_and_is_looked_at_again(windows, finding, monkeypatch):
    one, two = windows
    theirs, mine = finding.edited(note="by A"), finding.edited(note="by B")
    one.edit(ReplaceFinding(theirs))
    with monkeypatch.context() as patch:
        patch.setattr(type(two.recorder), "waiting_ids", frozenset((finding.id,)))
        assert two.watch.look() == ()
        assert two.annotations.findings == (finding,)
        two.edit(ReplaceFinding(mine))
    two.watch.look()
    assert sorted(f.note for f in two.annotations.findings) == ["by A", "by B"], "theirs was kept as a copy"


def test_what_another_has_changed_is_not_undone_here(windows, finding):
    one, two = windows
    other = new_finding("1.1", 0, BOX, "Scar", reader="A")
    one.edit(AddFinding(other, title="Add Scar"))
    one.edit(ReplaceFinding(finding.edited(label="Cyst"), title="Rename"))
    two.watch.look()
    two.edit(ReplaceFinding(two.annotations.get(finding.id).edited(note="by B")))
    one.watch.look()
    assert one.edits.undo_title == "Add Scar"
    one.edits.undo()
    assert [f.note for f in one.annotations.findings] == ["by B"]


def test_it_is_told_once_and_to_nobody_who_reads_blind(windows):
    one, two = windows
    told = []
    two.notice.connect(lambda notice: told.append(notice.text))
    two.desk.blind = True
    one.edit(AddFinding(new_finding("1.1", 0, BOX, "Mass", reader="A")))
    two.watch.look()
    assert told == []
    assert len(two.annotations) == 1
    sign_first_read(two)
    told.clear()
    for label in ("Cyst", "Scar"):
        one.edit(AddFinding(new_finding("1.1", 0, BOX, label, reader="A")))
        two.watch.look()
    assert told == ["Another window has changed a finding (Cyst) of A on these images"]


def test_it_looks_by_itself_until_it_is_closed(windows):
    one, two = windows
    watch = LibraryWatch(two, interval_s=0.005)
    came = []
    two.annotations.changed.connect(came.append)
    watch.start()
    watch.start()
    one.edit(AddFinding(new_finding("1.1", 0, BOX, "Mass")))
    for _ in range(2000):
        if came:
            break
        watch._stop.wait(0.005)
    watch.close()
    assert len(two.annotations) == 1
    assert not watch._thread.is_alive()
