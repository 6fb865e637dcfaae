from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders import RLELosslessDecoder

from mammoviewer.base.errors import ArgumentError, ExportError
from mammoviewer.dicom.phantom_encoding import SYNTAXES, set_pixel_data
from mammoviewer.dicom.phantom_exam import ExamFiles, write_exam
from mammoviewer.dicom.phantom_tomo import plane_vectors
from mammoviewer.imaging.phantom.exam import PhantomExam, PhantomRequest

SCALE = 0.25
FRAMES = 48
DECODERS = {
    "jpeg-lossless": imagecodecs.jpeg8_decode,
    "jpeg-ls": imagecodecs.jpegls_decode,
    "jpeg-2000": imagecodecs.jpeg2k_decode,
    "htj2k": imagecodecs.htj2k_decode,
}


def pixels(path: Path) -> Any:
    dataset = pydicom.dcmread(path)
    frames = int(dataset.get("NumberOfFrames", 1))
    decoded = [
        imagecodecs.jpegls_decode(frame) for frame in generate_frames(dataset.PixelData, number_of_frames=frames)
    ]
    return np.stack(decoded) if "NumberOfFrames" in dataset else decoded[0]


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> ExamFiles:
    reports: list[float] = []
    files = write_exam(
        tmp_path_factory.mktemp("exam"), seed=3, scale=SCALE, progress=lambda part, _: reports.append(part)
    )
    assert reports == sorted(reports)
    assert reports[-1] == 1.0
    return files


@pytest.fixture(scope="module")
def truth(exam: ExamFiles) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(exam.truth.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def tomo(exam: ExamFiles) -> Any:
    return pixels(exam.tomo)


def all_files(exam: ExamFiles) -> list[Path]:
    return [*exam.views.values(), exam.tomo, exam.synthetic]


def test_exam_is_complete_and_of_one_study(exam: ExamFiles) -> None:
    assert list(exam.views) == ["RCC", "LCC", "RMLO", "LMLO"]
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in all_files(exam)]
    assert len({header.StudyInstanceUID for header in headers}) == 1
    assert len({header.SOPInstanceUID for header in headers}) == 6
    assert all(header.SOPInstanceUID.startswith("2.25.") for header in headers)
    assert {str(header.PatientName) for header in headers} == {"PHANTOM^B"}
    assert {header.BurnedInAnnotation for header in headers} == {"NO"}


@pytest.mark.parametrize(
    ("view", "orientation", "code"),
    [
        ("RCC", ["P", "L"], "399162004"),
        ("LCC", ["A", "R"], "399162004"),
        ("RMLO", ["P", "FL"], "399368009"),
        ("LMLO", ["A", "FR"], "399368009"),
    ],
)
def test_mammogram_headers_tell_how_to_hang(exam: ExamFiles, view: str, orientation: list[str], code: str) -> None:
    header = pydicom.dcmread(exam.views[view], stop_before_pixels=True)
    assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2"
    assert header.PresentationIntentType == "FOR PRESENTATION"
    assert header.ImageLaterality == view[0]
    assert header.ViewPosition == view[1:]
    assert header.ViewCodeSequence[0].CodeValue == code
    assert list(header.PatientOrientation) == orientation
    assert [float(value) for value in header.ImagerPixelSpacing] == [0.1 / SCALE] * 2
    assert float(header.EstimatedRadiographicMagnificationFactor) == 1
    image = pixels(exam.views[view])
    assert image.shape == (header.Rows, header.Columns)
    chest_wall = image[:, -1] if view[0] == "R" else image[:, 0]
    assert np.count_nonzero(chest_wall) > 0.7 * len(chest_wall)
    assert not image[:, 0 if view[0] == "R" else -1].any()


def test_mammograms_carry_three_windows_and_a_table(exam: ExamFiles) -> None:
    header = pydicom.dcmread(exam.views["RCC"], stop_before_pixels=True)
    assert list(header.WindowCenterWidthExplanation) == ["NORMAL", "HARDER", "SOFTER"]
    assert len(header.WindowCenter) == len(header.WindowWidth) == 3
    assert header.VOILUTFunction == "SIGMOID"
    lut = header.VOILUTSequence[0]
    table = np.frombuffer(lut.LUTData, "<u2")
    assert list(lut.LUTDescriptor) == [4096, 0, 12]
    assert len(table) == 4096
    assert (np.diff(table.astype(int)) >= 0).all()
    assert (table[0], table[-1]) == (0, 4095)


def test_tomo_frames_lie_a_millimetre_apart_along_the_normal(exam: ExamFiles, tomo: Any) -> None:
    header = pydicom.dcmread(exam.tomo, stop_before_pixels=True)
    assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.13.1.3"
    assert tomo.shape == (FRAMES, header.Rows, header.Columns)
    shared = header.SharedFunctionalGroupsSequence[0]
    assert float(shared.PixelMeasuresSequence[0].PixelSpacing[0]) == pytest.approx(0.12 / SCALE)
    assert shared.FrameAnatomySequence[0].FrameLaterality == "L"
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    assert cosines[:3] @ cosines[3:] == pytest.approx(0, abs=1e-5)
    normal = np.cross(cosines[:3], cosines[3:])
    frames = header.PerFrameFunctionalGroupsSequence
    corners = np.array([frame.PlanePositionSequence[0].ImagePositionPatient for frame in frames], dtype=float)
    np.testing.assert_allclose(np.abs(np.diff(corners, axis=0) @ normal), 1.0, atol=1e-3)
    windows = [frame.FrameVOILUTSequence[0] for frame in frames]
    assert len({float(window.WindowCenter[0]) for window in windows}) > 5
    assert list(windows[0].WindowCenterWidthExplanation) == ["NORMAL", "HARDER", "SOFTER"]


@pytest.mark.parametrize("laterality", ["R", "L"])
def test_plane_vectors_agree_with_patient_orientation(laterality: str) -> None:
    geometry = PhantomExam(PhantomRequest()).geometries[f"{laterality}MLO"]
    row, down, tube = plane_vectors(geometry, laterality)
    assert row[1] == (-1 if laterality == "L" else 1)
    assert down[2] < -0.5
    assert np.sign(down[0]) == (-1 if laterality == "L" else 1)
    np.testing.assert_allclose(np.abs(np.cross(row, down)), np.abs(tube), atol=1e-9)
    assert tube[2] > 0.5


def test_synthetic_mammogram_tells_that_it_was_generated(exam: ExamFiles, tomo: Any) -> None:
    header = pydicom.dcmread(exam.synthetic, stop_before_pixels=True)
    assert header.ImageType[3] == "GENERATED_2D"
    source = pydicom.dcmread(exam.tomo, stop_before_pixels=True)
    assert header.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    image = pixels(exam.synthetic).astype(float)
    assert image.shape == tomo.shape[1:]
    inside = image > 600
    assert np.corrcoef(image[inside], tomo.mean(axis=0)[inside])[0, 1] > 0.8


def excess(image: Any, place: dict[str, Any]) -> float:
    """Return how much brighter the middle of a lesion is than the ring around it."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    distance = np.hypot(rows - place["row"], columns - place["column"]) / place["radius_px"]
    around = (distance > 1.5) & (distance < 2.3) & (image > 600)
    return float(np.median(image[distance < 0.7]) - np.median(image[around]))


def test_masses_are_bright_where_the_truth_says_in_every_view(exam: ExamFiles, truth: dict[str, Any]) -> None:
    masses = [lesion for lesion in truth["lesions"] if lesion["type"] == "mass"]
    assert len(masses) == 4
    for mass in masses:
        assert len(mass["views"]) == 2
        for view, place in mass["views"].items():
            image = pixels(exam.views[view]).astype(float)
            assert place["file"] == exam.views[view].name
            assert excess(image, place) > 200
            assert image[round(place["row"]), image.shape[1] - 1 - round(place["column"])] == 0  # no mirroring


def test_masses_are_brightest_in_their_own_frame(exam: ExamFiles, truth: dict[str, Any], tomo: Any) -> None:
    synthetic = pixels(exam.synthetic).astype(float)
    for mass in (lesion for lesion in truth["lesions"] if lesion["type"] == "mass" and "tomo" in lesion):
        place = mass["tomo"]
        focal = excess(tomo[place["frame"]].astype(float), place)
        assert focal > 150
        away = place["frame"] + (20 if place["frame"] < 24 else -20)
        assert focal > excess(tomo[away].astype(float), place)
        assert excess(synthetic, mass["synthetic"]) > 100


def contrast(frame: Any, row: int, column: int) -> float:
    """Return a speck's peak above its surroundings in robust standard deviations."""
    window = frame[row - 6 : row + 7, column - 6 : column + 7].astype(float)
    middle = np.median(window)
    peak = frame[row - 1 : row + 2, column - 1 : column + 2].max()
    return float((peak - middle) / (1.48 * np.median(np.abs(window - middle))))


def test_specks_are_seen_in_focus_and_gone_ten_frames_away(truth: dict[str, Any], tomo: Any) -> None:
    focal, away = [], []
    for cluster in (lesion for lesion in truth["lesions"] if lesion["type"] == "cluster" and "tomo" in lesion):
        for speck in (speck for speck in cluster["tomo"]["specks"] if speck["diameter_mm"] > 0.3):
            row, column, frame = (round(speck[name]) for name in ("row", "column", "frame"))
            focal.append(contrast(tomo[frame], row, column))
            away.append(contrast(tomo[frame + (10 if frame < 24 else -10)], row, column))
    assert len(focal) >= 5
    assert np.median(focal) > 3
    assert np.median(away) < 2
    assert np.mean(np.array(focal) > np.array(away)) > 0.8


def test_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    names = ("RCC.dcm", "LMLO-tomo.dcm", "LMLO-synthetic.dcm", "truth.json")
    for folder, seed in (("a", 4), ("b", 4), ("c", 5)):
        write_exam(tmp_path / folder, seed=seed, frames=40, scale=0.125)
    for name in names:
        first = (tmp_path / "a" / name).read_bytes()
        assert first == (tmp_path / "b" / name).read_bytes()
        assert first != (tmp_path / "c" / name).read_bytes()


@pytest.mark.parametrize("name", sorted(SYNTAXES))
def test_every_transfer_syntax_returns_the_pixels(name: str) -> None:
    image = np.random.default_rng(1).integers(0, 4096, (2, 24, 40), dtype=np.uint16)
    image[0, 0, 0] = 4095
    dataset = pydicom.Dataset()
    set_pixel_data(dataset, image, name)
    if name == "native":
        assert dataset.PixelData == image.astype("<u2").tobytes()
        return
    if name == "rle":
        decoded = rle_decoded(dataset.PixelData, image.shape)
    else:
        decoded = [DECODERS[name](frame) for frame in generate_frames(dataset.PixelData, number_of_frames=2)]
    np.testing.assert_array_equal(decoded, image)


def rle_decoded(data: bytes, shape: tuple[int, ...]) -> Any:
    description = {
        "number_of_frames": shape[0],
        "rows": shape[1],
        "columns": shape[2],
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": 12,
        "pixel_representation": 0,
        "pixel_keyword": "PixelData",
    }
    return RLELosslessDecoder.as_array(data, **description)[0]


def test_jpeg_lossless_uses_the_first_selection_value() -> None:
    dataset = pydicom.Dataset()
    set_pixel_data(dataset, np.ones((1, 16, 16), dtype=np.uint16), "jpeg-lossless")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    scan = frame.index(b"\xff\xda")
    components = frame[scan + 4]
    assert frame[scan + 5 + 2 * components] == 1


def test_written_syntax_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    files = write_exam(tmp_path, frames=40, scale=0.125, transfer_syntax="rle")
    for path in all_files(files):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert header.file_meta.TransferSyntaxUID == SYNTAXES["rle"][0]
    assert pydicom.dcmread(files.tomo).NumberOfFrames == 40


def test_wrong_arguments_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="jpeg-xl"):
        write_exam(tmp_path / "x", transfer_syntax="jpeg-xl")
    with pytest.raises(ArgumentError):
        write_exam(tmp_path / "x", density="F")
    assert not (tmp_path / "x").exists()


def test_unwritable_folder_is_an_export_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(ExportError):
        write_exam(tmp_path / "file" / "folder", scale=0.125)


@pytest.mark.integration
@pytest.mark.parametrize("profile", [False, True])
def test_objects_pass_dciodvfy(exam: ExamFiles, profile: bool) -> None:
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy (Debian dicom3tools) is not installed")
    for path in all_files(exam):
        options = ["-profile", "IHEDBT" if path == exam.tomo else "IHEMammo"] if profile else []
        result = subprocess.run([program, *options, str(path)], capture_output=True, text=True, check=False)
        printed = result.stdout + result.stderr
        assert "ImageFor" in printed or "BreastTomosynthesisImage" in printed
        assert [line for line in printed.splitlines() if line.startswith("Error")] == []


def test_a_prior_exam_is_another_study_of_the_same_patient(tmp_path):
    today = write_exam(tmp_path / "now", seed=5, scale=0.125, frames=40)
    before = write_exam(tmp_path / "before", seed=5, scale=0.125, frames=40, years_before=2)
    new, old = pydicom.dcmread(today.views["RCC"]), pydicom.dcmread(before.views["RCC"])
    assert (new.StudyDate, old.StudyDate) == ("20250115", "20230115")
    assert new.PatientID == old.PatientID
    assert new.StudyInstanceUID != old.StudyInstanceUID
    assert new.SOPInstanceUID != old.SOPInstanceUID
    assert old.PatientAge == "053Y"
    assert np.corrcoef(new.pixel_array.ravel(), old.pixel_array.ravel())[0, 1] > 0.95, "the breast must be the same"
    assert json.loads(before.truth.read_text())["years_before"] == 2
