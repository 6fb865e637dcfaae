"""Every form of findings through the command line, over a folder, and back again by the import."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from helpers.exchange import MEASURES, REGIONS, WORDS, mammogram_file, opened, spread, volume_file

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.json_document import read_json, write_json
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.base.paths import library_path
from mammoviewer.cli.main import run
from mammoviewer.session.finding_formats import FINDING_FORMATS

WHOLE = Roi(RoiKind.RECTANGLE, ((4.5, 9.5), (14.5, 29.5)))
BACK = ("seg-findings", "sr", "cadsr", "gsps", "coco-rle", "dbtex", "vindr", "yolo", "labelme", "masks", "csv")


def _run(*arguments) -> int:
    def never(request):
        raise AssertionError("the window must not be opened")

    return run([str(argument) for argument in arguments], show=never)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mammogram_file(tmp_path / "in" / "a.dcm", PatientOrientation=["A", "H"])
    volume_file(tmp_path / "in" / "b.dcm")
    mammogram_file(tmp_path / "in" / "other.dcm", StudyInstanceUID="1.2.3.77")
    return tmp_path / "in"


@pytest.fixture
def findings(folder: Path, tmp_path: Path):
    images = opened(folder)
    made = tuple(
        new_finding(image.attributes.identity, frame, WHOLE, "Mass", origin="algorithm", reader="net.1", score=0.5)
        for image in images
        for frame in {0, image.attributes.frames - 1}
    )
    write_json(tmp_path / "mine.json", made)
    return made


@pytest.mark.parametrize("key", [form.key for form in FINDING_FORMATS])
def test_every_form_over_a_folder(key: str, folder: Path, findings, tmp_path: Path, capsys) -> None:
    if key == "hdf5" and importlib.util.find_spec("h5py") is None:
        pytest.skip("h5py is not installed")
    out = tmp_path / "out"
    assert _run("export", folder, "--format", key, "--annotations", tmp_path / "mine.json", "--out", out) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert written
    assert sorted(written) == sorted(path for path in out.rglob("*") if path.is_file())
    assert not [path for path in written if "Test" in path.name or "T1" in path.name]
    if key not in BACK:
        return
    assert _run("import", out, "--image", folder, "--annotations", tmp_path / "back.json") == 0
    wanted = {(f.image_uid, f.frame, f.label) for f in findings}
    if key == "dbtex":
        wanted = {
            (uid, frame, "") for uid, frame, _ in wanted if uid == opened(folder / "b.dcm")[0].attributes.identity
        }
    if key == "vindr":
        wanted = {place for place in wanted if place[0] != opened(folder / "b.dcm")[0].attributes.identity}
    found = read_json(tmp_path / "back.json")
    assert {(f.image_uid, f.frame, f.label) for f in found} == wanted
    for finding in found:
        np.testing.assert_allclose(
            finding.roi.bounding_box(), WHOLE.bounding_box(), atol=0.5 if "mask" in key else 0.51
        )
        if key not in ("masks", "seg-findings", "coco-rle"):
            np.testing.assert_allclose(finding.roi.bounding_box(), WHOLE.bounding_box(), atol=1e-6)


def test_all_forms_of_the_manual_go_in_one_run_with_a_summary(folder: Path, findings, tmp_path: Path, capsys) -> None:
    names = ["seg", "sr", "cadsr", "gsps", "sc", "coco", "dbtex", "vindr", "yolo", "labelme", "masks", "csv"]
    if importlib.util.find_spec("h5py") is not None:
        names.append("hdf5")
    asked = [part for name in names for part in ("--format", name)]
    out = tmp_path / "out"
    assert _run("export", folder, *asked, "--annotations", tmp_path / "mine.json", "--out", out) == 0
    told = capsys.readouterr()
    written = told.out.splitlines()
    assert len(written) == len(set(written)) == len([path for path in out.rglob("*") if path.is_file()])
    assert f"wrote {len(written)} files of 3 images" in told.err


def test_seg_without_a_model_is_the_findings_by_class_when_asked(folder: Path, findings, tmp_path: Path) -> None:
    options = ("--format", "seg", "--annotations", tmp_path / "mine.json", "--out", tmp_path / "out")
    assert _run("export", folder / "b.dcm", *options) == 0
    made = pydicom.dcmread(tmp_path / "out" / "b-seg-findings.dcm")
    assert (made.SegmentationType, len(made.SegmentSequence)) == ("BINARY", 2)
    assert _run("export", folder / "b.dcm", *options, "--by-class") == 0
    assert len(pydicom.dcmread(tmp_path / "out" / "b-seg-findings.dcm").SegmentSequence) == 1


def test_one_report_for_each_study(folder: Path, findings, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert _run("export", folder, "--format", "sr", "--annotations", tmp_path / "mine.json", "--out", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a-sr.dcm", "other-sr.dcm"]


def test_what_a_form_cannot_hold_is_counted_and_named(folder: Path, tmp_path: Path, capsys) -> None:
    facts = opened(folder / "a.dcm")[0].attributes
    made = spread(facts, REGIONS) + spread(facts, MEASURES) + spread(facts, WORDS, note="see")
    write_json(tmp_path / "mine.json", made)
    options = ("--annotations", tmp_path / "mine.json", "--out", tmp_path / "out")
    assert _run("export", folder / "a.dcm", "--format", "seg", "--format", "gsps", *options) == 0
    told = capsys.readouterr().err
    assert "wrote 2 files" in told
    assert "1 x distance marks, which a DICOM SEG does not hold" in told
    assert "1 x text marks, which a DICOM SEG does not hold" in told
    assert "presentation state" not in told
    assert "Test" not in told


def test_an_image_that_a_form_does_not_fit_is_told(tmp_path: Path, capsys) -> None:
    pixels = np.zeros((40, 50), np.uint8)
    cv2.imwrite(str(tmp_path / "p.png"), pixels)
    identity = opened(tmp_path / "p.png")[0].attributes.identity
    write_json(tmp_path / "mine.json", [new_finding(identity, 0, WHOLE, "Mass")])
    options = ("--annotations", tmp_path / "mine.json", "--out", tmp_path / "out")
    assert _run("export", tmp_path / "p.png", "--format", "sr", *options) == 1
    assert "sr: not DICOM" in capsys.readouterr().err
    for key in ("yolo", "labelme", "masks", "vindr", "csv", "coco-rle"):
        assert _run("export", tmp_path / "p.png", "--format", key, *options) == 0


def test_findings_go_into_the_library_once(folder: Path, findings, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert _run("export", folder, "--format", "sr", "--annotations", tmp_path / "mine.json", "--out", out) == 0
    capsys.readouterr()
    for added, known in ((4, ""), (0, ", 4 were there already")):
        assert _run("import", out, "--image", folder) == 0
        assert capsys.readouterr().out == f"{added} findings added to {library_path()}{known}\n"
    with AnnotationStore(library_path()) as store:
        assert {(f.id, f.frame) for f in store.load()} == {(f.id, f.frame) for f in findings}


def test_what_cannot_be_imported_is_told(folder: Path, findings, tmp_path: Path, capsys) -> None:
    (tmp_path / "x.bin").write_bytes(b"something else")
    good = tmp_path / "mine.json"
    assert (
        _run("import", tmp_path / "x.bin", good, "--image", folder / "a.dcm", "--annotations", tmp_path / "b.json") == 1
    )
    captured = capsys.readouterr()
    assert "no file of findings" in captured.err
    assert "3 x findings of images that are not open" in captured.err
    assert captured.out.startswith("1 findings added")
    assert _run("import", good, "--image", tmp_path / "nowhere") == 1


def test_a_picture_with_the_marks_is_as_the_image_is_hung(folder: Path, findings, tmp_path: Path) -> None:
    options = ("--annotations", tmp_path / "mine.json", "--out", tmp_path / "out")
    assert _run("export", folder / "b.dcm", "--format", "sc", *options) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    facts = opened(folder / "b.dcm")[0].attributes
    assert names == sorted(f"b-sc-frame{facts.file_frame(frame) + 1}.dcm" for frame in (0, 4))
    made = pydicom.dcmread(tmp_path / "out" / names[0])
    assert made.pixel_array.shape == (*facts.orientation.display_shape(facts.shape), 3)
    assert made.BurnedInAnnotation == "YES"


def test_findings_are_written_beside_their_images_without_a_folder(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    path = mammogram_file(tmp_path / "in" / "a.dcm")
    finding = new_finding(opened(path)[0].attributes.identity, 0, WHOLE, "Mass")
    write_json(tmp_path / "mine.json", [finding])
    assert _run("export", path, "--sidecar", "--annotations", tmp_path / "mine.json") == 0
    beside = path.with_name("a.dcm.mammoviewer.json")
    assert capsys.readouterr().out.split() == [str(beside)]
    assert read_json(beside) == (finding,)
    assert _run("import", beside, "--image", path) == 0
    assert "1 findings added" in capsys.readouterr().out
    assert _run("export", path) == 2
    assert _run("export", path, "--format", "json") == 2
    beside.write_text("[]", encoding="utf-8")
    assert _run("export", path, "--sidecar") == 1
    assert beside.read_text(encoding="utf-8") == "[]"
