import os
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import ALGORITHM, Finding, new_finding
from mammoviewer.annotations.recovery import open_store
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.store_schema import SCHEMA
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.sqlite_schema import Schema, upgrade

ROI = Roi(RoiKind.POLYGON, ((1, 2), (3.25, 4), (0.1, 9)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "library.sqlite"


def _finding(image_uid="1.2", label="Mass", **fields):
    return new_finding(image_uid, 0, ROI, label, **fields)


def test_the_same_image_finds_its_labels_again(path):
    first = _finding(note="a 'quoted' \u00fc note", assessment="4A", reader="R. Eader")
    second = _finding("sha256:ab", origin=ALGORITHM, score=0.1 + 0.2)
    with AnnotationStore(path) as store:
        store.save(first)
        store.save(second)
    with AnnotationStore(path) as store:
        assert store.load(["1.2"]) == (first,)
        assert store.load(["sha256:ab"]) == (second,)
        assert store.load(["1.2", "sha256:ab"]) == (first, second) == store.load()
        assert store.load(["9.9"]) == () == store.load([])


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(-1e6, 1e6)
any_finding = st.builds(
    Finding,
    id=text.filter(bool),
    image_uid=text.filter(bool),
    frame=st.integers(0, 500),
    roi=st.builds(
        Roi, st.just(RoiKind.FREEHAND), st.lists(st.tuples(numbers, numbers), min_size=3, max_size=5).map(tuple)
    ),
    label=text,
    note=text,
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_finding)
def test_any_finding_comes_back_as_it_was(tmp_path, finding):
    with AnnotationStore(tmp_path / "any.sqlite") as store:
        store.save(finding)
        assert store.load([finding.image_uid]) == (finding,)
        store.delete(finding.id)
        assert store.load() == ()


def test_more_images_than_one_query_takes(path):
    with AnnotationStore(path) as store:
        store.save(_finding("1.2.777"))
        assert len(store.load([f"1.2.{i}" for i in range(1200)])) == 1


def test_every_edit_of_an_attached_set_is_in_the_file_at_once(path):
    with AnnotationStore(path) as store, AnnotationStore(path) as second_reader:
        annotations = AnnotationSet()
        detach = store.attach(annotations)
        finding = _finding()
        AddFinding(finding).apply(annotations)
        assert second_reader.load() == (finding,)
        inverse = ReplaceFinding(finding.edited(label="Cyst")).apply(annotations)
        assert second_reader.load()[0].label == "Cyst"
        inverse.apply(annotations)
        assert second_reader.load() == (finding,)
        RemoveFinding(finding.id).apply(annotations)
        assert second_reader.load() == ()
        detach()
        AddFinding(_finding()).apply(annotations)
        assert second_reader.load() == ()


def test_labels_in_use_the_most_used_first(path):
    with AnnotationStore(path) as store:
        for label in ("Mass", "Cyst", "Cyst", "", "", ""):
            store.save(_finding(label=label))
        assert store.labels() == ("Cyst", "Mass")


def test_two_threads_share_a_store(path):
    with AnnotationStore(path) as store:
        threads = [threading.Thread(target=lambda: [store.save(_finding()) for _ in range(20)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.load()) == 60


WRITER = """
import sys, pathlib
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
with AnnotationStore(pathlib.Path(sys.argv[1])) as store:
    for _ in range(25):
        store.save(new_finding(sys.argv[2], 0, Roi(RoiKind.POINT, ((1, 2),)), "x"))
"""


def test_processes_that_open_a_new_file_together_all_write(path):
    names = ("1.1", "1.2", "1.3")
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in names]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with AnnotationStore(path) as store:
        assert {name: len(store.load([name])) for name in names} == dict.fromkeys(names, 25)


def test_a_file_locked_by_another_program_gives_a_clear_error_and_the_edit_does_not_happen(path):
    with AnnotationStore(path, busy_timeout_s=0.05) as store:
        annotations = AnnotationSet()
        store.attach(annotations)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AnnotationError, match="in use by another program"):
            AddFinding(_finding()).apply(annotations)
        assert annotations.findings == ()
        other.execute("ROLLBACK")
        other.close()
        AddFinding(_finding()).apply(annotations)
        assert len(store.load()) == 1


def _aside(path):
    return [p for p in path.parent.iterdir() if ".bad-" in p.name and not p.name.endswith(("-wal", "-shm"))]


def _make(path, statements):
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_file_that_is_no_database_is_kept_aside(path):
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(AnnotationError, match="damaged") as caught:
        AnnotationStore(path)
    (kept,) = _aside(path)
    assert kept.name in caught.value.hint
    assert kept.read_bytes() == b"not a database at all" * 100
    with AnnotationStore(path) as store:
        assert store.load() == ()


def test_a_damaged_database_is_kept_aside(path):
    with AnnotationStore(path) as store:
        for _ in range(200):
            store.save(_finding(note="x" * 300))
    damaged = bytearray(path.read_bytes())
    for start in range(4096, len(damaged), 8192):
        damaged[start : start + 512] = os.urandom(512)
    path.write_bytes(damaged)
    with pytest.raises(AnnotationError, match="damaged"):
        AnnotationStore(path)
    assert _aside(path)[0].read_bytes() == bytes(damaged)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["CREATE TABLE song (title TEXT)", "INSERT INTO song VALUES ('x')"], "another program"),
        (["PRAGMA application_id = 7"], "another program"),
        ([f"PRAGMA application_id = {SCHEMA.application_id}", "PRAGMA user_version = 99"], "schema version 99"),
    ],
)
def test_a_database_of_another_schema_is_kept_aside_unchanged(path, statements, message):
    _make(path, statements)
    before = path.read_bytes()
    with pytest.raises(AnnotationError, match=message):
        AnnotationStore(path)
    assert _aside(path)[0].read_bytes() == before
    assert not path.exists()


def test_a_newer_file_that_is_open_elsewhere_is_left_where_it_is(path):
    with AnnotationStore(path):
        pass
    newer = sqlite3.connect(path, isolation_level=None)
    newer.execute("PRAGMA user_version = 99")
    with pytest.raises(AnnotationError, match="in use"):
        AnnotationStore(path, busy_timeout_s=0.05)
    assert path.exists()
    assert not _aside(path)
    newer.close()


def test_an_edit_waits_as_long_as_it_is_told_to(path):
    store, _ = open_store(path, write_patience_s=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with store, pytest.raises(AnnotationError, match="in use"):
        store.save(_finding())
    assert time.monotonic() - start < 2.0
    other.close()


def test_open_store_begins_a_new_file_and_says_so(path):
    store, notice = open_store(path)
    store.close()
    assert notice is None
    path.write_bytes(b"rubbish" * 200)
    store, notice = open_store(path)
    with store:
        store.save(_finding())
    assert notice is not None
    assert "damaged" in notice.text
    assert ".bad-" in notice.hint


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(AnnotationError, match="folder cannot be made"):
        AnnotationStore(tmp_path / "file" / "library.sqlite")
    with pytest.raises(AnnotationError, match="cannot be used"):
        open_store(tmp_path)


ADD_COLOUR = ("ALTER TABLE finding ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'",)


def _newer(statements):
    return Schema(SCHEMA.application_id, (*SCHEMA.migrations, statements))


@pytest.mark.parametrize("act", ["change", "remove"])
def test_what_another_program_said_of_a_finding_meanwhile_is_not_lost(path, act):
    finding = _finding(note="at first")
    with AnnotationStore(path) as one, AnnotationStore(path) as other:
        one.save(finding)
        assert other.load() == (finding,)
        theirs, ours = finding.edited(note="theirs"), finding.edited(label="Cyst")
        other.save(theirs)
        if act == "change":
            one.save(ours)
            one.save(ours.edited(note="ours again"))
        else:
            one.delete(finding.id)
        kept = other.load()
        (apart,) = (f for f in kept if f.id != finding.id)
        assert replace(apart, id=finding.id) == theirs
        assert [f.label for f in kept if f.id == finding.id] == (["Cyst"] if act == "change" else [])
        assert [c.what for c in one.changes(finding_id=apart.id)] == ["added"]
        assert apart.id not in {c.finding_id for c in one.changes(session=one.session)}, "undo leaves it alone"


def test_without_another_program_nothing_is_kept_twice(path):
    finding = _finding()
    with AnnotationStore(path) as one, AnnotationStore(path) as other:
        one.save(finding)
        for note in "abc":
            one.save(finding.edited(note=note))
        other.load()
        other.save(finding.edited(note="d"))
        one.load()
        one.delete(finding.id)
        assert other.load() == ()


def test_an_older_file_is_copied_and_brought_up_to_date(path):
    finding = _finding()
    with AnnotationStore(path) as store:
        store.save(finding)
    connection = sqlite3.connect(path, isolation_level=None)
    upgrade(connection, path, _newer(ADD_COLOUR))
    assert connection.execute("SELECT id, colour FROM finding").fetchall() == [(finding.id, "red")]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(SCHEMA.migrations) + 1,)
    connection.close()
    with AnnotationStore(path.with_name(f"{path.name}.v{len(SCHEMA.migrations)}.bak")) as copy:
        assert copy.load() == (finding,)


def test_a_migration_that_fails_changes_nothing(path):
    with AnnotationStore(path) as store:
        store.save(_finding())
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        upgrade(connection, path, _newer((*ADD_COLOUR, "NO SUCH STATEMENT")))
    connection.close()
    with AnnotationStore(path) as store:
        assert len(store.load()) == 1


def test_a_row_that_is_no_finding_is_told(path):
    with AnnotationStore(path) as store:
        store.save(_finding())
        other = sqlite3.connect(path)
        other.execute("UPDATE finding SET points = 'rubbish'")
        other.commit()
        other.close()
        with pytest.raises(AnnotationError, match="cannot be read"):
            store.load()


def test_findings_are_counted_by_image_with_their_last_change(path):
    with AnnotationStore(path) as store:
        assert store.tallies() == {}
        first, second, other = _finding("1.1"), _finding("1.1"), _finding("1.2")
        store.record((first, second, other), ())
        later = replace(first, modified="2199-01-01T00:00:00+00:00")
        store.save(later)
        assert store.tallies() == {"1.1": (2, later.modified), "1.2": (1, other.modified)}


def test_a_file_of_the_first_version_is_brought_up_to_date_with_a_copy_beside_it(tmp_path):
    path = tmp_path / "library.sqlite"
    connection = sqlite3.connect(path)
    for statement in SCHEMA.migrations[0]:
        connection.execute(statement)
    values = ("a", "1.2", 0, "point", "[[1.0, 2.0]]", "Mass", "n", "4A", "reader", None, "R", "2026", "2026")
    connection.execute(f"INSERT INTO finding VALUES ({', '.join('?' * 13)})", values)
    connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with AnnotationStore(path) as store:
        (finding,) = store.load()
        assert (finding.descriptors, finding.lesion, finding.confidence) == ((), "", None)
        described = finding.edited(descriptors=(("margin", "obscured"),), lesion="x", confidence=0.75)
        store.save(described)
        assert store.load() == (described,)
    assert (tmp_path / "library.sqlite.v1.bak").is_file()
