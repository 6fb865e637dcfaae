from __future__ import annotations

import json

import pydicom
import pytest
from helpers.planted import NUMBER, PLANTED, write_image, write_study

from mammoviewer.cli.main import run


def never(request):
    raise AssertionError("the window must not be opened")


def _run(*arguments) -> int:
    return run(["anonymize", *map(str, arguments)], show=never)


@pytest.fixture
def study(tmp_path):
    write_study(tmp_path / "in")
    return tmp_path / "in"


def test_a_folder_is_copied_and_summed_up_without_patient_data(study, tmp_path, capsys):
    assert _run(study, "--out", tmp_path / "out", "--id", "CASE-7") == 0
    written = sorted((tmp_path / "out").rglob("*.dcm"))
    assert len(written) == 4
    assert {str(pydicom.dcmread(path).PatientID) for path in written} == {"CASE-7"}
    told = capsys.readouterr()
    assert told.err == ""
    assert "4 de-identified files of 1 patient" in told.out
    assert "1 x Segmentation Storage" in told.out
    assert [value for value in PLANTED if value in told.out] == []


def test_json_names_what_was_written_and_what_was_not(study, tmp_path, capsys):
    write_image(study / "burned.dcm", BurnedInAnnotation="YES", SOPInstanceUID="1.2.3.4.9")
    assert _run(study, "--out", tmp_path / "out", "--json", "--shift-dates", "-30") == 1
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (document["schema_version"], document["dates"], document["patients"]) == (1, "MODIFIED", 1)
    assert len(document["written"]) == 4
    assert [item["path"] for item in document["refused"]] == [str(study / "burned.dcm")]
    assert told.err.count("\n") == 1
    assert "--accept-burned-in" in told.err


def test_burned_in_text_is_accepted_on_a_word(study, tmp_path):
    write_image(study / "burned.dcm", BurnedInAnnotation="YES", SOPInstanceUID="1.2.3.4.9")
    assert _run(study, "--out", tmp_path / "out", "--accept-burned-in") == 0


def test_a_preview_shows_changes_and_writes_nothing(study, tmp_path, capsys):
    assert _run(study, "--preview") == 0
    text = capsys.readouterr().out
    assert "(0010,0020)  PatientID" in text
    assert f"'{NUMBER}' -> 'ANON-" in text
    assert "[4 files]" in text
    assert _run(study, "--preview", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    changed = {change["keyword"]: change for change in document["changes"]}
    assert changed["PatientBirthDate"]["before"] == "19610417"
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_map_goes_on_in_a_later_run(study, tmp_path):
    kept = tmp_path / "secret.json"
    for part, out in (("image.dcm", "a"), ("report.dcm", "b")):
        assert _run(study / part, "--out", tmp_path / out, "--map", kept) == 0
    studies = {str(pydicom.dcmread(path).StudyInstanceUID) for path in tmp_path.glob("[ab]/**/*.dcm")}
    assert len(studies) == 1
    assert json.loads(kept.read_text())["schema_version"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "no folder for the copies"),
        (("--out", "{in}"), 1, "folder of their own"),
        (("--out", "{out}", "--id", "Doe^Jane"), 2, "not valid"),
        (("--out", "{out}", "--id", NUMBER), 2, "already hold"),
        (("--out", "{out}", "--shift-dates", "0"), 2, "shifted by"),
        (("--out", "{out}", "--map", "{out}/map.json"), 1, "keep it out of"),
        (("--out", "{out}", "--map", "{in}/image.dcm"), 1, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(study, tmp_path, capsys, arguments, code, message):
    places = {"in": str(study), "out": str(tmp_path / "out")}
    assert _run(study, *(text.format(**places) for text in arguments)) == code
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert message in told.err
    assert told.out == ""


def test_nothing_to_do_is_told(tmp_path, capsys):
    assert _run(tmp_path / "nosuch.dcm", "--out", tmp_path / "out") == 1
    assert "no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_keeping_and_shifting_dates_at_once_is_usage(study, tmp_path):
    with pytest.raises(SystemExit) as stop:
        _run(study, "--out", tmp_path, "--keep-dates", "--shift-dates", "3")
    assert stop.value.code == 2
