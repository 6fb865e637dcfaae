"""Heatmaps as DICOM SEG: read back by two libraries and validated by dciodvfy."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths

ROWS, COLUMNS, FRAMES = 40, 30, 6


def _dataset(sop_class: str) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = sop_class
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientID, made.PatientName = "P1", "Test^Person"
    made.PatientBirthDate, made.PatientSex = "19600101", "F"
    made.StudyDate, made.StudyTime, made.StudyID, made.AccessionNumber = "20260101", "120000", "1", ""
    made.Modality, made.Manufacturer, made.SeriesNumber, made.InstanceNumber = "MG", "Test", 1, 1
    made.Rows, made.Columns = ROWS, COLUMNS
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.ImageType = ["DERIVED", "PRIMARY"]
    return made


def _mammogram(path: Path) -> Path:
    made = _dataset(DigitalMammographyXRayImageStorageForPresentation)
    made.PatientOrientation = ["P", "F"]
    made.ImagerPixelSpacing = [0.07, 0.07]
    made.PixelData = bytes(2 * ROWS * COLUMNS)
    made.save_as(path, enforce_file_format=True)
    return path


def _volume(path: Path) -> Path:
    made = _dataset(BreastTomosynthesisImageStorage)
    made.FrameOfReferenceUID = generate_uid()
    made.NumberOfFrames = FRAMES
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.1, 0.1], 1.0
    orientation.ImageOrientationPatient = [0.0, -1.0, 0.0, 0.0, 0.0, -1.0]
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    made.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for frame in range(FRAMES):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [10.0 - frame, 5.0, 7.0]
        group.PlanePositionSequence = [position]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    made.PixelData = bytes(2 * ROWS * COLUMNS * FRAMES)
    made.save_as(path, enforce_file_format=True)
    return path


def _image(path: Path, kind: ImageKind, frames: int = 1, **fields) -> SimpleNamespace:
    attributes = ImageAttributes(
        path=path,
        kind=kind,
        rows=ROWS,
        columns=COLUMNS,
        frames=frames,
        pixel_spacing=PixelSpacing(0.1, 0.1, "mm"),
        slice_spacing_mm=1.0,
    )
    return SimpleNamespace(attributes=replace(attributes, **fields))


def _heat(seed: int) -> np.ndarray:
    heat = np.random.default_rng(seed).random((ROWS, COLUMNS), dtype=np.float32)
    heat[:5] = np.nan
    heat[20, 10] = 1.0
    return heat


def _assert_no_errors(path: Path) -> None:
    checker = shutil.which("dciodvfy")
    if checker is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    result = subprocess.run([checker, path], capture_output=True, text=True, check=False)
    errors = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("Error")]
    assert errors == []


def _frames_by_source(path: Path) -> dict[int, np.ndarray]:
    """Return stored planes by the 1-based source frame that each refers to, read with pydicom."""
    read = pydicom.dcmread(path)
    pixels = np.atleast_3d(read.pixel_array).reshape(-1, ROWS, COLUMNS)
    numbers = [
        int(group.DerivationImageSequence[0].SourceImageSequence[0].get("ReferencedFrameNumber", 1))
        for group in read.PerFrameFunctionalGroupsSequence
    ]
    return dict(zip(numbers, pixels, strict=True))


@pytest.fixture
def mammogram(tmp_path):
    return _image(_mammogram(tmp_path / "mg.dcm"), ImageKind.MAMMOGRAM)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    exam = write_exam(tmp_path_factory.mktemp("exam"), scale=0.125, frames=40)
    return {**exam.views, "tomo": exam.tomo, "synthetic": exam.synthetic}


@pytest.fixture
def volume(tmp_path):
    return _image(_volume(tmp_path / "bto.dcm"), ImageKind.TOMO, FRAMES)


def test_mammogram_heatmap_comes_back_within_a_step(mammogram, tmp_path):
    out, heat = tmp_path / "seg.dcm", _heat(1)
    write_heatmap_seg(out, heat, mammogram, model_name="microcalc-ensemble.1", class_name="microcalcification")
    expected = np.nan_to_num(heat)
    read = highdicom.seg.segread(out)
    source = pydicom.dcmread(mammogram.attributes.path)
    pixels = read.get_pixels_by_source_instance([source.SOPInstanceUID])[0, ..., 0]
    assert np.abs(pixels - expected).max() <= 0.5 / 255 + 1e-6
    assert np.abs(_frames_by_source(out)[1] / 255.0 - expected).max() <= 0.5 / 255 + 1e-6
    assert read.PatientOrientation == ["P", "F"]
    assert read.StudyInstanceUID == source.StudyInstanceUID
    assert read.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    segment = read.SegmentSequence[0]
    assert segment.SegmentLabel == "microcalcification"
    assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "microcalc-ensemble"
    assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "1"
    assert (read.SegmentationType, read.MaximumFractionalValue) == ("FRACTIONAL", 255)


@pytest.mark.integration
def test_mammogram_seg_is_valid(mammogram, tmp_path):
    write_heatmap_seg(tmp_path / "seg.dcm", _heat(1), mammogram, model_name="m.1")
    _assert_no_errors(tmp_path / "seg.dcm")


def test_volume_heatmap_holds_the_frames_with_heat_only(volume, tmp_path):
    out = tmp_path / "seg.dcm"
    heat = {4: _heat(4), 1: _heat(1), 2: np.zeros((ROWS, COLUMNS), np.float32)}
    write_heatmap_seg(out, heat, volume, model_name="m.1")
    planes = _frames_by_source(out)
    assert sorted(planes) == [2, 5]
    for frame in (1, 4):
        assert np.abs(planes[frame + 1] / 255.0 - np.nan_to_num(heat[frame])).max() <= 0.5 / 255 + 1e-6
    read = highdicom.seg.segread(out)
    uid = pydicom.dcmread(volume.attributes.path).SOPInstanceUID
    pixels = read.get_pixels_by_source_frame(uid, [2, 5])[..., 0]
    assert np.abs(pixels - np.nan_to_num(np.stack([heat[1], heat[4]]))).max() <= 0.5 / 255 + 1e-6


@pytest.mark.integration
def test_volume_seg_is_valid(volume, tmp_path):
    write_heatmap_seg(tmp_path / "seg.dcm", {1: _heat(1), 4: _heat(4)}, volume, model_name="m.1")
    _assert_no_errors(tmp_path / "seg.dcm")


@pytest.mark.parametrize(
    "missing",
    [
        ("FrameOfReferenceUID",),
        ("PlanePositionSequence",),
        ("PlaneOrientationSequence",),
        ("PixelMeasuresSequence",),
        ("FrameOfReferenceUID", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PatientID"),
    ],
)
def test_what_a_volume_lacks_is_supplied(volume, tmp_path, missing):
    source = pydicom.dcmread(volume.attributes.path)
    groups = [*source.SharedFunctionalGroupsSequence, *source.PerFrameFunctionalGroupsSequence]
    for holder in (source, *groups):
        for keyword in missing:
            if keyword in holder:
                delattr(holder, keyword)
    source.save_as(volume.attributes.path)
    heat = {0: _heat(0), 5: _heat(5)}
    write_heatmap_seg(tmp_path / "seg.dcm", heat, volume, model_name="m.1")
    planes = _frames_by_source(tmp_path / "seg.dcm")
    for frame, expected in heat.items():
        assert np.abs(planes[frame + 1] / 255.0 - np.nan_to_num(expected)).max() <= 0.5 / 255 + 1e-6
    if shutil.which("dciodvfy"):
        _assert_no_errors(tmp_path / "seg.dcm")


@pytest.mark.parametrize("kind", [ImageKind.SECONDARY, ImageKind.RASTER])
def test_other_sources_are_refused_with_the_remedy(tmp_path, kind):
    with pytest.raises(ExportError, match="as TIFF instead"):
        write_heatmap_seg(tmp_path / "seg.dcm", _heat(1), _image(tmp_path / "x.png", kind), model_name="m.1")
    assert not (tmp_path / "seg.dcm").exists()


@pytest.mark.parametrize(
    ("heat", "message"),
    [
        (np.zeros((3, 3), np.float32), "does not fit"),
        (np.full((ROWS, COLUMNS), 1.5, np.float32), "outside of 0 to 1"),
        (np.full((ROWS, COLUMNS), np.nan, np.float32), "empty"),
        ({1: _heat(1)}, "does not fit"),
        ({}, "empty"),
    ],
)
def test_a_heatmap_that_does_not_fit_is_refused(mammogram, tmp_path, heat, message):
    with pytest.raises(ExportError, match=message):
        write_heatmap_seg(tmp_path / "seg.dcm", heat, mammogram, model_name="m.1")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mg.dcm"]


def test_a_source_that_is_gone_or_lacks_its_identity_is_told(mammogram, tmp_path):
    source = pydicom.dcmread(mammogram.attributes.path)
    del source.StudyInstanceUID
    source.save_as(mammogram.attributes.path)
    with pytest.raises(ExportError, match="lacks StudyInstanceUID"):
        write_heatmap_seg(tmp_path / "seg.dcm", _heat(1), mammogram, model_name="m.1")
    mammogram.attributes.path.unlink()
    with pytest.raises(ExportError, match="cannot be read again"):
        write_heatmap_seg(tmp_path / "seg.dcm", _heat(1), mammogram, model_name="m.1")


@pytest.mark.integration
def test_a_real_mammogram_gives_a_valid_seg(shared_data, tmp_path):
    path = shared_data / "dicom" / "ge_essential_rmlo.dcm"
    header = pydicom.dcmread(path, stop_before_pixels=True)
    shape = (header.Rows, header.Columns)
    image = _image(path, ImageKind.MAMMOGRAM, rows=shape[0], columns=shape[1])
    heat = np.zeros(shape, np.float32)
    heat[1000:1400, 900:1500] = np.linspace(0.0, 1.0, 600, dtype=np.float32)
    write_heatmap_seg(tmp_path / "seg.dcm", heat, image, model_name="microcalc-ensemble.1")
    _assert_no_errors(tmp_path / "seg.dcm")
    stored = pydicom.dcmread(tmp_path / "seg.dcm").pixel_array.reshape(shape)
    assert np.abs(stored / 255.0 - heat).max() <= 0.5 / 255 + 1e-6


@pytest.mark.integration
@pytest.mark.parametrize("name", ["RMLO", "tomo", "synthetic"])
def test_every_object_of_a_phantom_exam_gives_a_valid_seg(phantom, tmp_path, name):
    (image,) = open_paths([phantom[name]]).images
    attributes = image.attributes
    heat = np.zeros(attributes.shape, np.float32)
    heat[attributes.rows // 3 : attributes.rows // 2, attributes.columns // 4 : attributes.columns // 2] = 0.7
    frames = range(0, attributes.frames, 7)
    write_heatmap_seg(tmp_path / "seg.dcm", dict.fromkeys(frames, heat), image, model_name="microcalc-hypermodel.1")
    _assert_no_errors(tmp_path / "seg.dcm")
    read = highdicom.seg.segread(tmp_path / "seg.dcm")
    assert read.number_of_frames == len(frames)
    uid = attributes.SOPInstanceUID
    if attributes.frames > 1:
        pixels = read.get_pixels_by_source_frame(uid, [frame + 1 for frame in frames])
    else:
        pixels = read.get_pixels_by_source_instance([uid])
    assert np.abs(pixels[..., 0] - heat).max() <= 0.5 / 255 + 1e-6
