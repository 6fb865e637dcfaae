"""Two versions of what was said: nothing is lost, whoever wins."""

from __future__ import annotations

from dataclasses import replace

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.transfer import Imported
from mammoviewer.annotations.merging import merge
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore

BOX = Roi(RoiKind.RECTANGLE, ((1.0, 2.0), (30.0, 40.0)))


def made(note="", modified="2026-01-01"):
    return replace(new_finding("1.2", 0, BOX, "Mass"), id="one", note=note, modified=modified)


def test_what_is_unknown_is_new_once():
    found = merge(Imported((made(), made())), (), (), dated=True)
    assert [finding.id for finding in found.new] == ["one"]
    assert (found.text, found.known) == ("1 new", 1)


def test_the_same_again_is_nothing():
    one = made()
    found = merge(Imported((one,)), (one,), (), dated=True)
    assert found.text == ""
    assert found.edit("x") is None
    assert found.known == 1


def test_the_newer_version_wins_and_ours_is_in_the_log(tmp_path):
    with AnnotationStore(tmp_path / "library.sqlite") as store:
        annotations = AnnotationSet()
        store.attach(annotations)
        ours, theirs = made("ours"), made("theirs", "2026-02-01")
        AddFinding(ours).apply(annotations)
        found = merge(
            Imported((theirs,)), annotations.findings, (), history=lambda i: store.changes(finding_id=i), dated=True
        )
        assert (found.newer, found.text) == ((theirs,), "1 changed since")
        edit = found.edit("take")
        assert edit is not None
        inverse = edit.apply(annotations)
        assert annotations.findings == (theirs,)
        assert store.changes(finding_id="one")[-1].before == ours
        inverse.apply(annotations)
        assert annotations.findings == (ours,)


def test_a_version_that_was_here_once_is_old_news_and_one_that_never_was_becomes_a_copy(tmp_path):
    with AnnotationStore(tmp_path / "library.sqlite") as store:
        annotations = AnnotationSet()
        store.attach(annotations)
        first, second = made("first"), made("second", "2026-03-01")
        AddFinding(first).apply(annotations)
        ReplaceFinding(second).apply(annotations)
        other = made("other", "2026-02-01")

        def brought(finding):
            theirs = Imported((finding,))
            return merge(theirs, annotations.findings, (), history=lambda i: store.changes(finding_id=i), dated=True)

        assert brought(first).text == ""
        found = brought(other)
        assert found.text == "1 changed on both sides"
        assert found.copies[0].note == "other"
        assert found.copies[0].id != "one"
        RemoveFinding("one").apply(annotations)
        assert brought(second).text == brought(other).text == ""
        assert brought(made("later", "2100-01-01")).text == "1 new"


def test_forms_without_times_never_change_what_is_here():
    found = merge(Imported((made("theirs", "2100"),)), (made("ours"),), (), dated=False)
    assert (found.text, found.known) == ("", 1)


def test_of_two_densities_the_newer_one_wins():
    old, new = (BreastDensity("1.2", "R", v, "A", time) for v, time in (("a", "2026-01"), ("b", "2026-02")))
    assert merge(Imported((), densities=(new,)), (), (old,), dated=True).densities == (new,)
    assert merge(Imported((), densities=(old,)), (), (new,), dated=True).densities == ()
    assert merge(Imported((), densities=(new,)), (), (old,), dated=False).known == 1
