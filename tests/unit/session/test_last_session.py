from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.images import breast_like, make_image

from mammoviewer.base.errors import SettingsError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.imaging.filter_chain import parse_filter
from mammoviewer.imaging.voi import VoiFunction, VoiLut, Window
from mammoviewer.session.last_session import (
    ATTEMPTS,
    KeptView,
    LastSession,
    apply,
    capture,
    read_session,
    take_up,
    write_session,
)
from mammoviewer.session.opened import Opened
from mammoviewer.session.settings import Settings
from mammoviewer.session.viewer_state import FIT
from mammoviewer.session.workspace import Workspace

SIGMOID = Window(1800.5, 2200.0, VoiFunction.SIGMOID, "NORMAL")
SESSION = LastSession(
    opened=(Opened((Path("/exams/one"),)), Opened((Path("/a.png"), Path("/b.png")), 0.07)),
    stage=2,
    active="1.3",
    model="calc.1",
    views={"1.3": KeptView(4, (1.0, 2.0, "SIGMOID", "x"), None, True, (True, False, True), 2.5, (3.0, 4.5), ())},
    edits=("a", "b"),
    attempts=1,
)


@pytest.fixture
def make_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    made = []

    def make():
        made.append(Workspace(Settings()))
        made[-1].add(exam())
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()


def exam():
    lut = VoiLut(np.arange(4096, dtype=np.uint16), 0, 12, "SOFT")
    flat = [
        make_image(label, uid=f"1.{i}", vois=(Window(2000.0, 3000.0), lut))
        for i, label in enumerate(("RCC", "LCC", "RMLO", "LMLO"))
    ]
    tomo = make_image("LMLO", kind=ImageKind.TOMO, uid="1.9", pixels=breast_like(frames=5))
    return OpenResult((*flat, tomo), ())


def test_a_session_comes_back_from_its_file_as_it_was(tmp_path):
    path = tmp_path / "home" / "last.json"
    write_session(path, SESSION)
    assert read_session(path) == SESSION
    assert json.loads(path.read_text())["schema_version"] == 1


def test_paths_that_are_not_text_survive(tmp_path):
    odd = Path(b"/exams/\xff\xe4".decode("utf-8", "surrogateescape"))
    write_session(tmp_path / "last.json", LastSession(opened=(Opened((odd,)),)))
    session = read_session(tmp_path / "last.json")
    assert session is not None
    assert session.opened[0].paths == (odd,)


def test_views_stage_and_active_image_come_back_in_another_workspace(make_workspace, tmp_path):
    before = make_workspace()
    before.show_stage(1)
    before.desk.active_identity = "1.9"
    tomo, flat = before.state("1.9"), before.state("1.0")
    tomo.frame, tomo.inverted, tomo.zoom, tomo.centre = 4, True, 1.5, (40.25, 30.0)
    flat.voi, flat.orientation = SIGMOID, flat.orientation.rotated(1)
    flat.filters = (parse_filter("wavelet:sym3,levels=3,q=1.5"), parse_filter("clahe"))
    before.state("1.1").voi = before.state("1.1").image.attributes.vois[1]
    write_session(tmp_path / "last.json", capture(before))
    session = read_session(tmp_path / "last.json")
    assert session is not None
    assert session.attempts == 0

    after = make_workspace()
    apply(after, session)
    assert after.stage_index == 1
    assert after.desk.active_identity == "1.9"
    assert (after.active.frame, after.active.inverted, after.active.zoom) == (4, True, 1.5)
    assert after.active.centre == (40.25, 30.0)
    assert after.state("1.0").voi == SIGMOID
    assert after.state("1.0").orientation == flat.orientation
    assert after.state("1.0").filters == flat.filters
    assert after.state("1.1").voi is after.state("1.1").image.attributes.vois[1]
    assert after.state("1.2").zoom == FIT


def test_linked_views_come_back_linked_each_with_its_own_zoom(make_workspace, tmp_path):
    before = make_workspace()
    before.state("1.0").zoom, before.state("1.2").zoom = 1.5, 2.5
    before.links.toggle()
    before.links.toggle("1.1")
    before.desk.linked_cursor = True
    write_session(tmp_path / "last.json", capture(before))
    after = make_workspace()
    apply(after, read_session(tmp_path / "last.json"))
    assert [after.state(f"1.{n}").linked for n in range(4)] == [True, False, True, True]
    assert [after.state(f"1.{n}").zoom for n in range(4)] == [1.5, FIT, 2.5, FIT]
    assert after.desk.linked_cursor


def test_an_image_that_was_alone_is_alone_again(make_workspace):
    before = make_workspace()
    before.show_single("1.2")
    after = make_workspace()
    apply(after, capture(before))
    assert after.stage.cells == ("1.2",)
    assert after.desk.active_identity == "1.2"


def test_a_window_that_is_still_to_be_made_is_not_kept(make_workspace):
    workspace = make_workspace()
    workspace.state("1.0").window_pending = True
    session = capture(workspace)
    assert session.views["1.0"].window is None
    other = make_workspace()
    other.state("1.0").window_pending = True
    apply(other, session)
    assert other.state("1.0").window_pending


def test_what_is_not_there_any_more_is_left_out(make_workspace):
    workspace = make_workspace()
    view = KeptView(frame=900, lut=7, centre=(1e6, -1e6), zoom=3.0)
    model = workspace.desk.model
    session = LastSession(stage=1, active="gone", model="gone.1", views={"gone": view, "1.9": view, "1.0": view})
    apply(workspace, session)
    assert workspace.state("1.9").frame == 4
    assert workspace.state("1.0").voi == Window(2000.0, 3000.0)
    assert workspace.state("1.0").centre == (320.0, -120.0)
    assert workspace.desk.active_identity == "1.0"
    assert workspace.desk.model == model
    assert workspace.stage_index == 0


def test_what_was_opened_is_noted_with_its_pixel_size(make_workspace, tmp_path):
    workspace = make_workspace()
    job = workspace.reopen([Opened((tmp_path / "nothing-here",), 0.1)])
    assert job.wait(20)
    assert job.result == 5, "images that are open, whatever did not open"
    assert workspace.opened == ()


def change(**values):
    def act(document):
        document.update(values)

    return act


def change_view(**values):
    def act(document):
        document["views"]["1.3"].update(values)

    return act


@pytest.mark.parametrize(
    "spoil",
    [
        change(schema_version=2),
        change(opened=[{"paths": "/a"}]),
        change(opened=[{"paths": [1], "pixel_spacing_mm": None}]),
        change(opened=[{"paths": ["/a"], "pixel_spacing_mm": -1}]),
        change(stage=-1),
        change(stage=True),
        change(active=None),
        change(views=[]),
        change_view(frame=1.5),
        change_view(frame=10**400),
        change_view(zoom=float("nan")),
        change_view(zoom=1e300),
        change_view(zoom=10**400),
        change_view(centre=[1.0]),
        change_view(orientation=[1, 0, 0]),
        change_view(filters=["import os"]),
        change_view(filters=["clahe:tiles=9999999"]),
        change_view(window=[1.0, 0.0, "LINEAR", ""]),
        change_view(window=[1.0, 2.0, "CUBIC", ""]),
        change_view(lut="0"),
    ],
)
def test_a_file_that_does_not_fit_is_passed_over_with_a_line_in_the_log(tmp_path, caplog, spoil):
    path = tmp_path / "last.json"
    write_session(path, SESSION)
    document = json.loads(path.read_text())
    spoil(document)
    path.write_text(json.dumps(document))
    assert read_session(path) is None
    assert "cannot be used" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema_version": 1}'])
def test_a_broken_file_is_passed_over(tmp_path, caplog, content):
    path = tmp_path / "last.json"
    path.write_bytes(content)
    assert take_up(path) is None
    assert "cannot be used" in caplog.text


def test_without_a_file_nothing_is_said(tmp_path, caplog):
    assert take_up(tmp_path / "last.json") is None
    assert caplog.text == ""


def test_a_session_on_which_the_program_fails_is_given_up(tmp_path, caplog):
    path = tmp_path / "last.json"
    write_session(path, replace(SESSION, attempts=0))
    taken = [take_up(path) for _ in range(ATTEMPTS + 1)]
    assert [session is None for session in taken] == [False] * ATTEMPTS + [True]
    assert "left alone" in caplog.text


def test_edits_of_the_attempt_count_should_it_fail(tmp_path):
    path = tmp_path / "last.json"
    write_session(path, replace(SESSION, attempts=0))
    assert take_up(path, "c").edits == ("a", "b")
    assert read_session(path).edits == ("a", "b", "c")


@pytest.mark.parametrize(("written", "edits"), [("a", ("a",)), ("", ())])
def test_an_older_file_names_one_session_of_edits_or_none(tmp_path, written, edits):
    path = tmp_path / "last.json"
    write_session(path, SESSION)
    path.write_text(json.dumps({**json.loads(path.read_text()), "edits": written}))
    assert read_session(path).edits == edits


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be kept"):
        write_session(tmp_path / "file" / "last.json", SESSION)


def test_slabs_come_back_and_older_files_have_none(tmp_path):
    path = tmp_path / "session.json"
    thick = KeptView(slab_mm=5.0, slab_mode="MIP")
    write_session(path, replace(SESSION, views={"1.3": thick}))
    assert read_session(path).views["1.3"] == thick
    document = json.loads(path.read_text())
    del document["views"]["1.3"]["slab_mm"], document["views"]["1.3"]["slab_mode"]
    path.write_text(json.dumps(document))
    assert read_session(path).views["1.3"] == KeptView()
    document["views"]["1.3"]["slab_mode"] = "sum"
    path.write_text(json.dumps(document))
    assert read_session(path) is None
