from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import tifffile
from helpers.dicom_makers import mammogram, save, secondary_capture, texture, tomo
from helpers.images import breast_like
from helpers.model_makers import brightest_bundle
from helpers.sco_maker import save_sco

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.json_document import read_json, write_json
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.base.paths import library_path, user_models_dir
from mammoviewer.cli.export import unique_stems
from mammoviewer.cli.main import run

ROI = Roi(RoiKind.RECTANGLE, ((60, 70), (90, 100)))


def never(request):
    raise AssertionError("the window must not be opened")


def _run(*arguments) -> int:
    return run(["export", *map(str, arguments)], show=never)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def flat(tmp_path):
    pixels = breast_like(seed=1)
    return save(tmp_path / "in" / "a.dcm", mammogram(pixels), pixels)


@pytest.fixture
def finding(flat):
    uid = str(pydicom.dcmread(flat, stop_before_pixels=True).SOPInstanceUID)
    return new_finding(uid, 0, ROI, "Mass")


@pytest.fixture
def model():
    return brightest_bundle(user_models_dir() / "bright").name


def test_findings_of_the_library_as_json_and_coco(flat, finding, tmp_path, capsys):
    with AnnotationStore(library_path()) as store:
        store.save(finding)
        store.save(new_finding("9.9", 0, ROI, "of another image"))
    out = tmp_path / "out"
    assert _run(flat, "--format", "json", "--format", "coco", "--out", out) == 0
    assert read_json(out / "findings.json") == (finding,)
    coco = json.loads((out / "findings.coco.json").read_text())
    assert coco["annotations"][0]["bbox"] == [70.5, 60.5, 30.0, 30.0]
    assert capsys.readouterr().out.split() == [str(out / "findings.json"), str(out / "findings.coco.json")]


def test_findings_of_a_file_go_before_the_library(flat, finding, tmp_path, home):
    write_json(tmp_path / "mine.json", [finding])
    assert _run(flat, "--format", "json", "--annotations", tmp_path / "mine.json", "--out", tmp_path / "out") == 0
    assert read_json(tmp_path / "out" / "findings.json") == (finding,)
    assert not home.exists()


def test_pictures_show_findings(flat, finding, tmp_path):
    write_json(tmp_path / "mine.json", [finding])
    plain, marked = tmp_path / "plain", tmp_path / "marked"
    assert _run(flat, "--format", "png8", "--out", plain) == 0
    formats = ("--format", "png8", "--format", "png16")
    assert _run(flat, *formats, "--annotations", tmp_path / "mine.json", "--out", marked) == 0
    assert cv2.imread(str(plain / "a-png8.png"), -1).ndim == 2
    assert cv2.imread(str(marked / "a-png8.png"), -1).shape == (160, 120, 3)
    assert cv2.imread(str(marked / "a-png16.png"), -1).dtype == np.uint16


def test_heatmap_as_tiff_and_seg_agree(flat, model, tmp_path):
    out = tmp_path / "out"
    assert _run(flat, "--format", "tiff", "--format", "seg", "--model", model, "--out", out) == 0
    heat = tifffile.imread(out / "a-tiff.tif")
    assert heat.shape == (160, 120)
    stored = pydicom.dcmread(out / "a-seg.dcm").pixel_array.reshape(heat.shape)
    assert np.abs(stored / 255.0 - np.nan_to_num(heat)).max() <= 0.5 / 255 + 1e-6
    assert stored.any()


def test_a_segmentation_of_a_volume_holds_all_frames_or_the_one_asked_for(model, tmp_path):
    pixels = breast_like(frames=3)
    volume = save(tmp_path / "in" / "t.dcm", tomo(pixels), pixels)
    assert _run(volume, "--format", "seg", "--model", model, "--out", tmp_path / "all") == 0
    assert pydicom.dcmread(tmp_path / "all" / "t-seg.dcm").NumberOfFrames == 3
    assert _run(volume, "--format", "seg", "--model", model, "--frame", 2, "--out", tmp_path / "one") == 0
    one = pydicom.dcmread(tmp_path / "one" / "t-seg.dcm")
    source = one.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
    assert (one.NumberOfFrames, source.ReferencedFrameNumber) == (1, 3)


def test_a_folder_goes_on_after_an_image_that_cannot_be_exported(flat, model, tmp_path, capsys):
    pixels = breast_like()
    save(flat.parent / "b" / "a.dcm", mammogram(pixels), pixels)
    capture = breast_like().astype(np.uint8)
    save(flat.parent / "c.dcm", secondary_capture(capture), capture)
    assert _run(flat.parent, "--format", "seg", "--model", model, "--out", tmp_path / "out") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-2-seg.dcm", "a-seg.dcm"]
    assert "c.dcm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--format", "json"), 1, "there are no findings"),
        (("--format", "tiff"), 2, "needs a model"),
        (("--format", "seg"), 1, "there are no findings"),
        (("--format", "tiff", "--model", "nosuch"), 1, "nosuch"),
        (("--format", "png8", "--frame", "7"), 1, "there is no frame 7"),
        (("--format", "json", "--annotations", "nosuch.json"), 1, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(flat, tmp_path, capsys, arguments, code, message):
    assert _run(flat, *arguments, "--out", tmp_path / "out") == code
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("mammoviewer: ")
    assert message in captured.err
    assert captured.out == ""


def test_a_file_of_other_images_findings_is_told(flat, tmp_path, capsys):
    write_json(tmp_path / "other.json", [new_finding("9.9", 0, ROI, "x")])
    assert _run(flat, "--format", "png8", "--annotations", tmp_path / "other.json", "--out", tmp_path / "out") == 1
    assert "no findings of these images" in capsys.readouterr().err


def test_no_image_is_told(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert _run(tmp_path / "empty", "--format", "png8", "--out", tmp_path / "out") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_wrong_format_is_usage(flat, tmp_path):
    with pytest.raises(SystemExit) as caught:
        _run(flat, "--format", "gif", "--out", tmp_path)
    assert caught.value.code == 2


def test_stems_are_unique_also_where_case_does_not_count():
    assert unique_stems([Path("x/a.dcm"), Path("y/A.dcm"), Path("z/a.png"), Path("b.dcm")]) == ("a", "A-2", "a-3", "b")


def test_a_private_volume_is_written_as_a_tomosynthesis_object(tmp_path, capsys):
    volume = np.stack([texture(10, 14, bits=10, seed=seed) for seed in range(3)])
    save_sco(tmp_path / "in" / "a.dcm", volume)
    save(tmp_path / "in" / "b.dcm", mammogram(volume[0]), volume[0])
    code = _run(tmp_path / "in", "--format", "bto", "--out", tmp_path / "out")
    written, told = capsys.readouterr()
    assert code == 1  # the mammogram beside it is none
    assert written.strip() == str(tmp_path / "out" / "a-bto.dcm")
    assert "only a Hologic SCO" in told


def test_the_duke_convention_turns_the_picture(tmp_path):
    frame = np.zeros((40, 60), np.uint16)
    frame[2:15, 30:] = 900
    volume = np.stack([frame] * 3)
    dataset = tomo(volume)  # a left breast by its header, a right one by its borders
    save(tmp_path / "a.dcm", dataset, volume)
    pictures = []
    for name, options in (("plain", ()), ("duke", ("--duke-convention",))):
        assert _run(tmp_path / "a.dcm", "--format", "png16", "--out", tmp_path / name, *options) == 0
        (made,) = (tmp_path / name).iterdir()
        pictures.append(cv2.imread(str(made), cv2.IMREAD_UNCHANGED))
    np.testing.assert_array_equal(pictures[1], np.rot90(pictures[0], 2))
    assert pictures[0].any()
