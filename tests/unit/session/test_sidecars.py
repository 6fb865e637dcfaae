"""Annotations beside images: written where wished, offered on another machine, never forced in or overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from helpers.exchange import mammogram_file, opened
from helpers.images import breast_like

from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.sidecar import SUFFIX, read_sidecar, sidecar_path, write_sidecar
from mammoviewer.base.errors import AnnotationError
from mammoviewer.dicom.reader import open_paths
from mammoviewer.session.breast_density import own_density, say_density
from mammoviewer.session.settings import LibrarySettings, Settings
from mammoviewer.session.workspace import Workspace

BOX = Roi(RoiKind.RECTANGLE, ((1.0, 2.0), (30.0, 40.0)))
ON = Settings(library=LibrarySettings(sidecars=True), reader="Bell")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that starts the program as on a machine of its own, and opens a file."""
    made = []

    def start(name, path, settings=ON):
        monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / name))
        workspace = Workspace(settings, library=tmp_path / name / "library.sqlite")
        made.append(workspace)
        offers, notices = [], []
        workspace.sidecars.offered.connect(offers.append)
        workspace.notice.connect(notices.append)
        workspace.add(open_paths([path]))
        return workspace, offers, notices

    yield start
    for workspace in made:
        workspace.close()


def draw(workspace, label="Mass"):
    finding = new_finding(workspace.images[0].attributes.identity, 0, BOX, label, reader="Bell")
    workspace.edit(AddFinding(finding))
    return finding


@pytest.fixture(params=["dicom", "png"])
def picture(request, tmp_path) -> Path:
    if request.param == "dicom":
        return mammogram_file(tmp_path / "share" / "IM 1.dcm", PatientName="Doe^Jane", PatientID="4711")
    (tmp_path / "share").mkdir()
    cv2.imwrite(str(tmp_path / "share" / "a.png"), (breast_like() // 16).astype("uint8"))
    return tmp_path / "share" / "a.png"


def test_what_is_drawn_here_is_offered_there_by_uid_or_pixels(machine, picture, tmp_path):
    here, offers, _ = machine("here", picture)
    assert offers == []
    finding = draw(here)
    if here.images[0].attributes.view.laterality:
        say_density(here, "R", "c")
    here.close()
    beside = picture.with_name(picture.name + SUFFIX)
    document = json.loads(beside.read_text())
    assert document["schema_version"] == 3
    assert not any(word in beside.read_text() for word in ("Doe", "4711", "IM 1", "a.png", "1960"))
    moved = tmp_path / "elsewhere" / picture.name
    moved.parent.mkdir()
    for path in (picture, beside):
        path.rename(moved.with_name(path.name))
    there, offers, _ = machine("there", moved)
    assert there.annotations.findings == ()
    (offer,) = offers
    assert "1 new" in offer.notice.text
    there.sidecars.take_in(offer)
    assert there.annotations.findings == (finding,)
    assert there.store.load() == (finding,)
    if there.images[0].attributes.view.laterality:
        assert own_density(there, "R") == "c"
    there.edits.undo()
    assert there.annotations.findings == there.annotations.densities == ()
    assert there.sidecars.take_in(offer) == 0, "what was taken out again on purpose does not come back"


def test_another_image_of_the_name_gets_none_of_it_and_takes_none_away(machine, tmp_path):
    path = mammogram_file(tmp_path / "a.dcm")
    here, _, _ = machine("here", path)
    finding = draw(here)
    here.close()
    mammogram_file(path, SOPInstanceUID="1.2.3.4.5", ImageLaterality="L")
    there, offers, _ = machine("there", path)
    assert offers == []
    draw(there, "Calcifications")
    there.close()
    kept = json.loads(path.with_name("a.dcm.mammoviewer.json").read_text())["findings"]
    assert [found["label"] for found in kept] == ["Mass", "Calcifications"]
    assert kept[0]["id"] == finding.id


def test_nothing_is_written_unless_wished(machine, tmp_path):
    path = mammogram_file(tmp_path / "a.dcm")
    here, _, _ = machine("here", path, Settings())
    draw(here)
    here.close()
    assert not sidecar_path(opened(path)[0].attributes).exists()


def test_both_machines_keep_what_the_other_said(machine, tmp_path):
    path = mammogram_file(tmp_path / "a.dcm")
    here, _, _ = machine("here", path)
    mine = draw(here)
    here.sidecars.write_all()
    there, offers, _ = machine("there", path)
    theirs = draw(there, "Asymmetry")
    there.sidecars.write_all()
    image = opened(path)[0].attributes
    assert {f.id for f in read_sidecar(image).findings} == {mine.id, theirs.id}, "not taken in, and yet not lost"
    there.sidecars.take_in(offers[0])
    later = there.annotations.get(mine.id).edited(note="theirs")
    there.edit(ReplaceFinding(later))
    there.sidecars.write_all()
    here.edit(ReplaceFinding(replace(mine, note="ours", modified=mine.modified)))
    here.sidecars.write_all()
    assert {f.note for f in read_sidecar(image).findings if f.id == mine.id} == {"theirs"}
    there.edit(RemoveFinding(theirs.id))
    there.sidecars.write_all()
    assert [f.id for f in read_sidecar(image).findings] == [mine.id]


def test_a_file_that_cannot_be_read_is_left_alone_and_told(machine, tmp_path):
    path = mammogram_file(tmp_path / "a.dcm")
    beside = path.with_name("a.dcm.mammoviewer.json")
    beside.write_text('{"schema_version": 99}')
    here, offers, notices = machine("here", path)
    draw(here)
    here.sidecars.write_all()
    assert offers == []
    (told,) = (n for n in notices if "beside" in n.text)
    assert "a.dcm" in told.text
    assert "schema_version is 99" in told.text
    assert told.hint
    assert beside.read_text() == '{"schema_version": 99}'
    with pytest.raises(AnnotationError):
        write_sidecar(opened(path)[0].attributes, here.annotations.findings, ())


def test_a_folder_that_cannot_be_written_is_told_once_and_the_library_has_it(machine, tmp_path, monkeypatch):
    path = mammogram_file(tmp_path / "a.dcm")
    here, _, notices = machine("here", path)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mammoviewer.annotations.interchange.json_document.write_text_atomically", refuse)
    for label in ("Mass", "Asymmetry"):
        draw(here, label)
        here.sidecars.write_all()
    assert len([n for n in notices if "Permission denied" in n.text]) == 1
    assert len(here.store.load()) == 2


def test_a_folder_with_such_files_opens_without_a_word(machine, tmp_path):
    path = mammogram_file(tmp_path / "in" / "a.dcm")
    here, _, _ = machine("here", path)
    draw(here)
    here.close()
    assert open_paths([path.parent]).rejected == ()
