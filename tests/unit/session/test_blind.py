from __future__ import annotations

import json
from dataclasses import replace

import pytest
from helpers.images import make_image

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.paths import user_dir
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session import blind
from mammoviewer.session.blind import FirstReads, ai_hidden, sign_first_read, switch_blind
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def workspace():
    settings = Settings(reader="Dr Reader")
    made = Workspace(replace(settings, window=replace(settings.window, blind=True)))
    made.add(OpenResult((make_image("RCC", uid="1.1"),), ()))
    yield made
    made.close()


def test_ai_is_hidden_until_the_study_is_signed_and_stays_signed(workspace):
    image = workspace.images[0]
    assert ai_hidden(workspace, image)
    sign_first_read(workspace)
    assert not ai_hidden(workspace, image)
    assert FirstReads().is_signed("1.2.3", "Dr Reader")
    assert not FirstReads().is_signed("1.2.3", "Somebody else")
    kept = json.loads((user_dir() / "first-reads.json").read_text())
    assert list(kept["signed"]["1.2.3"]) == ["Dr Reader"]


def test_every_reader_signs_and_the_first_signature_stays():
    reads = FirstReads()
    reads.sign("1", "A")
    first = json.loads((user_dir() / "first-reads.json").read_text())["signed"]["1"]
    reads.sign("1", "A")
    reads.sign("1", "B")
    kept = json.loads((user_dir() / "first-reads.json").read_text())["signed"]["1"]
    assert list(kept) == ["A", "B"]
    assert kept["A"] == first["A"]


def test_signatures_of_the_first_version_are_read(tmp_path):
    path = tmp_path / "reads.json"
    path.write_text(json.dumps({"schema_version": 1, "signed": {"1": {"reader": "A", "time": "2026"}}}))
    assert FirstReads(path).is_signed("1", "A")


def test_all_pictures_of_a_folder_are_signed(workspace):
    pictures = [make_image(label, StudyInstanceUID="") for label in ("RCC", "LCC")]
    workspace.add(OpenResult(tuple(pictures), ()))
    workspace.choose_study(workspace.studies[-1])
    assert workspace.study.images == tuple(pictures)
    sign_first_read(workspace)
    assert [ai_hidden(workspace, image) for image in pictures] == [False, False]


def test_two_windows_keep_each_others_signatures(tmp_path):
    path = tmp_path / "reads.json"
    one, other = FirstReads(path), FirstReads(path)
    one.sign("1", "A")
    other.sign("2", "B")
    assert set(json.loads(path.read_text())["signed"]) == {"1", "2"}


def test_signing_does_not_overwrite_a_list_that_cannot_be_read(tmp_path):
    path = tmp_path / "reads.json"
    path.write_text('{"schema_version": 9, "signed": {"1": {}}}')
    FirstReads(path).sign("2", "B")
    assert set(json.loads(path.read_text())["signed"]) == {"2"}
    assert json.loads((tmp_path / "reads.json.bad").read_text())["schema_version"] == 9


def test_who_does_not_read_blind_sees_everything(workspace):
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    switch_blind(workspace)
    assert not ai_hidden(workspace, workspace.images[0])
    switch_blind(workspace)
    assert ai_hidden(workspace, workspace.images[0])
    assert ["off" in text for text in told] == [True, False]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1, "signed": [1]}', '{"schema_version": 9}'])
def test_a_broken_list_hides_rather_than_shows(tmp_path, text):
    path = tmp_path / "reads.json"
    path.write_text(text)
    assert not FirstReads(path).is_signed("1", "")


def test_a_signature_that_cannot_be_kept_does_not_count(workspace, monkeypatch):
    def refuse(path, text):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(blind, "write_text_atomically", refuse)
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    sign_first_read(workspace)
    assert "cannot be kept" in told[-1]
    assert ai_hidden(workspace, workspace.images[0])
    with pytest.raises(SettingsError):
        workspace.reads.sign("1", "")
