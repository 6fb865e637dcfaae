"""Breast densities: kept, logged, undone over a restart, and brought into libraries of before."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.density import BreastDensity, new_density
from mammoviewer.annotations.edits import SayDensity, UnsayDensity
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.store_schema import SCHEMA
from mammoviewer.annotations.undo_log import replayed
from mammoviewer.base.errors import AnnotationError


@pytest.mark.parametrize(
    "changes", [{"study_uid": ""}, {"laterality": "B"}, {"laterality": ""}, {"value": "e"}, {"value": 1}]
)
def test_a_density_that_is_none_is_refused(changes):
    with pytest.raises(AnnotationError):
        replace(BreastDensity("1.2", "R", "b"), **changes)


def test_it_is_of_the_term_list_of_its_time():
    made = new_density("1.2", "L", "c", reader="A")
    assert (made.terms, made.value) == (birads().version, "c")
    assert made.modified


def test_each_reader_says_it_once_for_each_breast_and_undo_takes_it_back():
    annotations = AnnotationSet()
    told = []
    annotations.changed.connect(told.append)
    first = SayDensity(new_density("1.2", "R", "b", reader="A")).apply(annotations)
    SayDensity(new_density("1.2", "L", "c", reader="A")).apply(annotations)
    SayDensity(new_density("1.2", "R", "d", reader="B")).apply(annotations)
    again = SayDensity(new_density("1.2", "R", "c", reader="A")).apply(annotations)
    said = {(d.laterality, d.reader): d.value for d in annotations.densities}
    assert said == {("R", "A"): "c", ("L", "A"): "c", ("R", "B"): "d"}
    assert annotations.findings == ()
    assert len(told) == 4
    redone = again.apply(annotations)
    found = annotations.density("1.2", "R", "A")
    assert found is not None
    assert found.value == "b"
    redone.apply(annotations).apply(annotations)
    first.apply(annotations)
    assert annotations.density("1.2", "R", "A") is None
    with pytest.raises(AnnotationError, match="not there"):
        first.apply(annotations)


def test_what_cannot_be_stored_is_not_said():
    annotations = AnnotationSet()

    def refuse(saved, deleted, step):
        raise AnnotationError("no")

    annotations.record_with(refuse)
    with pytest.raises(AnnotationError):
        SayDensity(new_density("1.2", "R", "b")).apply(annotations)
    assert annotations.densities == ()


def test_it_is_kept_logged_and_undone_after_a_restart(tmp_path):
    path = tmp_path / "library.sqlite"
    with AnnotationStore(path) as store:
        store.reader = "A"
        annotations = AnnotationSet()
        store.attach(annotations)
        for value in "ab":
            SayDensity(new_density("1.2", "R", value, reader="A")).apply(annotations)
        SayDensity(new_density("3.4", "L", "d", reader="A")).apply(annotations)
        UnsayDensity(annotations.densities[-1].id).apply(annotations)
        kept, session = annotations.densities, store.session
    with AnnotationStore(path) as store:
        assert store.densities() == store.densities(["1.2"]) == kept
        assert store.densities(["3.4"]) == store.load() == ()
        assert store.readers() == ("A",)
        changes = store.changes(session=session)
        assert [change.what for change in changes] == [
            "density none to a",
            "density a to b",
            "density none to d",
            "density d to none",
        ]
        assert {(change.kind, change.reader) for change in changes} == {("density", "A")}
        annotations = AnnotationSet()
        annotations.load(store.load(), store.densities())
        store.attach(annotations)
        seen = []
        for step in reversed(replayed(store.logged(session), 200).undo):
            step.edit.apply(annotations)
            seen.append([(d.study_uid, d.value) for d in annotations.densities])
        assert seen == [[("1.2", "b"), ("3.4", "d")], [("1.2", "b")], [("1.2", "a")], []]
        assert store.densities() == ()


def test_a_library_of_before_gets_the_table(tmp_path):
    path = tmp_path / "library.sqlite"
    connection = sqlite3.connect(path)
    for statements in SCHEMA.migrations[:3]:
        for statement in statements:
            connection.execute(statement)
    connection.execute("INSERT INTO change VALUES (1, 1, 's', 't', 'A', 'one', NULL, NULL)")
    connection.execute("PRAGMA user_version = 3")
    connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}")
    connection.commit()
    connection.close()
    with AnnotationStore(path) as store:
        assert store.densities() == ()
        assert [change.kind for change in store.changes()] == ["finding"]
        store.record((new_density("1.2", "R", "b"),), ())
        assert [density.value for density in store.densities()] == ["b"]
