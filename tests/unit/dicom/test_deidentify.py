"""De-identified batches: nothing of the patient is left, everything else still fits together."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.dicom_makers import (
    BIG_ENDIAN,
    HTJ2K,
    IMPLICIT,
    JPEG_LS,
    NATIVE,
    mammogram,
    save,
    save_fragments,
    secondary_capture,
    texture,
)
from helpers.planted import (
    FRAME_OF_REFERENCE,
    IMAGE,
    NUMBER,
    PLANTED,
    SERIES,
    STUDY,
    item,
    write_image,
    write_report,
    write_study,
)
from pydicom.sequence import Sequence

from mammoviewer.base.errors import ArgumentError, Cancelled
from mammoviewer.dicom.deidentify import Result, plan_batch, preview_batch, study_files, write_batch
from mammoviewer.dicom.deidentify_options import Dates, Options, Pseudonyms, read_pseudonyms


def copy(paths: list[Path], out: Path, options: Options | None = None, pseudonyms: Pseudonyms | None = None) -> Result:
    plan = plan_batch(paths, options or Options(), out=out, pseudonyms=pseudonyms)
    return write_batch(plan, out)


def copies(folder: Path) -> dict[str, pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in folder.rglob("*.dcm")]
    return {str(dataset.Modality): dataset for dataset in found}


def raw_pixels(path: Path) -> bytes:
    data = path.read_bytes()
    return data[data.index(b"\xe0\x7f\x10\x00") :]


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "in")


@pytest.mark.parametrize("options", [Options(), Options(Dates.SHIFTED, -400), Options(name="CASE-7")])
def test_no_planted_value_is_in_any_byte_of_the_copies(study, tmp_path, options):
    originals = b"".join(path.read_bytes() for path in study.values())
    assert [value for value in PLANTED if value.encode() not in originals] == ["2023-11-09"]
    result = copy([tmp_path / "in"], tmp_path / "out", options)
    assert (len(result.copies), result.refused) == (4, ())
    for written in result.copies:
        data = written.path.read_bytes()
        names = str(written.path.relative_to(tmp_path / "out")).encode()
        left = [value for value in PLANTED if value.encode().lower() in data.lower() + names.lower()]
        assert left == []


def test_with_dates_kept_only_dates_stay(study, tmp_path):
    result = copy(list(study.values()), tmp_path / "out", Options(Dates.KEPT))
    for written in result.copies:
        data = written.path.read_bytes()
        assert [value for value in PLANTED if value.encode() in data] == ["20231109"]
    image = copies(tmp_path / "out")["MG"]
    assert (image.StudyDate, image.StudyTime, image.PatientBirthDate) == ("20231109", "101112.123", "")
    assert image.LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_shifted_dates_keep_their_distances_and_times(study, tmp_path):
    copy(list(study.values()), tmp_path / "out", Options(Dates.SHIFTED, 31))
    found = copies(tmp_path / "out")
    image, report = found["MG"], found["SR"]
    assert (image.StudyDate, image.AcquisitionDateTime) == ("20231210", "20231210101112+0100")
    assert image.StudyTime == "101112.123"
    assert report.ContentSequence[2].Date == "20231210"
    assert image.LongitudinalTemporalInformationModified == "MODIFIED"
    assert [code.CodeValue for code in image.DeidentificationMethodCodeSequence] == [
        "113100", "113103", "113104", "113107",
    ]  # fmt: skip


def test_the_copy_says_what_was_done(study, tmp_path):
    copy(list(study.values()), tmp_path / "out")
    for dataset in copies(tmp_path / "out").values():
        assert dataset.PatientIdentityRemoved == "YES"
        assert 0 < len(dataset.DeidentificationMethod) <= 64
        assert dataset.LongitudinalTemporalInformationModified == "REMOVED"
        assert dataset.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert dataset.PatientName == dataset.PatientID
        assert not [element for element in dataset.iterall() if element.is_private]
        assert set(dataset.file_meta.keys()) <= {0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010,
                                                 0x00020012, 0x00020013}  # fmt: skip
        assert dataset.preamble == b"\0" * 128


def test_uids_fit_together_over_image_segmentation_report_and_state(study, tmp_path):
    copy(list(study.values()), tmp_path / "out")
    found = copies(tmp_path / "out")
    image, seg, report, state = found["MG"], found["SEG"], found["SR"], found["PR"]
    new = str(image.SOPInstanceUID)
    assert new.startswith("2.25.")
    assert len({str(dataset.StudyInstanceUID) for dataset in found.values()}) == 1
    assert image.StudyInstanceUID != STUDY
    assert seg.FrameOfReferenceUID == image.FrameOfReferenceUID != FRAME_OF_REFERENCE
    series = seg.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == image.SeriesInstanceUID != SERIES
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == new
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.StudyInstanceUID == image.StudyInstanceUID == report.ContentSequence[3].UID
    assert evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == new
    point = report.ContentSequence[5].ContentSequence[1]
    assert point.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == new
    assert state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID == new
    assert image.file_meta.MediaStorageSOPInstanceUID == new
    assert image.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2"


def test_what_was_marked_stays_and_what_was_written_goes(study, tmp_path):
    copy(list(study.values()), tmp_path / "out")
    found = copies(tmp_path / "out")
    report, state = found["SR"], found["PR"]
    point = report.ContentSequence[5].ContentSequence[1]
    assert (point.GraphicType, list(point.GraphicData)) == ("POINT", [3.5, 4.5])
    assert report.ContentSequence[1].TextValue == "REMOVED"
    code = report.ContentSequence[4].ConceptCodeSequence[0]
    assert (code.CodeValue, code.CodeMeaning) == ("129793001", "REMOVED")
    assert len(state.GraphicAnnotationSequence) == 1
    assert state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicType == "CIRCLE"
    assert "TextObjectSequence" not in state.GraphicAnnotationSequence[0]
    image = found["MG"]
    assert (image.ImageLaterality, image.ViewPosition, image.Manufacturer) == ("R", "MLO", "Maker")
    assert image.ViewCodeSequence[0].CodeMeaning == "view"
    assert list(image.ImagerPixelSpacing) == [0.1, 0.1]


@pytest.mark.parametrize("syntax", [NATIVE, IMPLICIT, BIG_ENDIAN, JPEG_LS, HTJ2K])
def test_pixel_data_are_copied_bit_for_bit(tmp_path, syntax):
    source = write_image(tmp_path / "in" / "a.dcm", syntax=syntax)
    result = copy([source], tmp_path / "out")
    before, after = pydicom.dcmread(source), pydicom.dcmread(result.copies[0].path)
    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.PixelData == before.PixelData
    assert after.Rows == before.Rows


def test_a_deflated_file_is_inflated_and_its_pixels_stay(tmp_path):
    source = write_image(tmp_path / "in" / "a.dcm", syntax=NATIVE)
    dataset = pydicom.dcmread(source)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    dataset.save_as(source)
    result = copy([source], tmp_path / "out")
    after = pydicom.dcmread(result.copies[0].path)
    assert after.file_meta.TransferSyntaxUID == NATIVE
    assert after.PixelData == dataset.PixelData
    data = result.copies[0].path.read_bytes()
    assert [value for value in PLANTED if value.encode() in data] == []


@pytest.mark.parametrize("syntax", [NATIVE, IMPLICIT, BIG_ENDIAN])
def test_an_old_file_without_meta_information_gets_one(tmp_path, syntax):
    source = write_image(tmp_path / "in" / "a.dcm", syntax=syntax)
    dataset = pydicom.dcmread(source)
    data = source.read_bytes()
    bare = tmp_path / "bare.dcm"
    bare.write_bytes(data[132 + 12 + dataset.file_meta.FileMetaInformationGroupLength :])
    result = copy([bare], tmp_path / "out")
    after = pydicom.dcmread(result.copies[0].path)
    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.PixelData == dataset.PixelData


def test_an_image_without_pixel_data_is_refused(tmp_path):
    pixels = texture()
    source = save(tmp_path / "a.dcm", mammogram(pixels), pixels)
    dataset = pydicom.dcmread(source)
    del dataset.PixelData
    dataset.save_as(source)
    result = copy([source], tmp_path / "out")
    assert "cannot be found" in result.refused[0].reason


def test_what_follows_the_pixels_is_left_out_and_offset_tables_stay(tmp_path):
    pixels = texture()
    source = save(tmp_path / "a.dcm", mammogram(pixels), pixels, syntax=JPEG_LS, offsets="extended")
    whole = raw_pixels(source)
    source.write_bytes(source.read_bytes() + b"\xfc\xff\xfc\xffOB\0\0\x0a\0\0\0Cardenio!!")
    result = copy([source], tmp_path / "out")
    assert raw_pixels(result.copies[0].path) == whole
    assert len(pydicom.dcmread(result.copies[0].path).ExtendedOffsetTable) == 8


def test_a_second_pass_changes_nothing_but_uids(study, tmp_path):
    options = Options(name="CASE-7")
    copy(list(study.values()), tmp_path / "once", options)
    result = copy([tmp_path / "once"], tmp_path / "twice", options)
    assert (len(result.copies), result.refused) == (4, ())
    once, twice = copies(tmp_path / "once"), copies(tmp_path / "twice")
    for modality, first in once.items():
        assert without_uids(first) == without_uids(twice[modality])


def without_uids(dataset):
    return [(str(e.tag), str(e.value)) for e in dataset.iterall() if e.VR not in ("UI", "SQ")]


def test_two_runs_share_nothing_unless_the_map_is_kept(study, tmp_path):
    names = Pseudonyms()
    first = copy([study["image"]], tmp_path / "a", pseudonyms=names)
    second = copy([study["image"]], tmp_path / "b")
    assert first.copies[0].SOPInstanceUID != second.copies[0].SOPInstanceUID
    names.write(tmp_path / "map.json")
    assert (tmp_path / "map.json").stat().st_mode & 0o077 == 0
    again = copy([study["report"]], tmp_path / "c", pseudonyms=read_pseudonyms(tmp_path / "map.json"))
    image, report = pydicom.dcmread(first.copies[0].path), pydicom.dcmread(again.copies[0].path)
    assert image.PatientID == report.PatientID
    assert image.StudyInstanceUID == report.ContentSequence[3].UID


def test_every_patient_gets_one_name(tmp_path):
    for number, patient in enumerate(("P-0001", "P-0001", "P-0002")):
        uid = f"1.2.3.{number}"
        write_image(tmp_path / "in" / f"{number}.dcm", PatientID=patient, SOPInstanceUID=uid)
    result = copy([tmp_path / "in"], tmp_path / "out")
    names = sorted(str(pydicom.dcmread(written.path).PatientID) for written in result.copies)
    assert len(set(names)) == 2
    assert all(name.startswith("ANON-") for name in names)
    with pytest.raises(ArgumentError, match="2 patients"):
        plan_batch([tmp_path / "in"], Options(name="X1"))


@pytest.mark.parametrize("name", ["Anon", "ANONYMIZED", "Clean^Basic", "Mammo^Viewer", "REMOVED"])
def test_a_patient_named_like_our_own_words_does_not_stop_the_copy(tmp_path, name):
    source = write_image(tmp_path / "in" / "a.dcm", PatientName=name, PatientID="ANON-1")
    result = copy([source], tmp_path / "out")
    assert result.refused == ()
    image = copies(tmp_path / "out")["MG"]
    assert str(image.PatientName).startswith("ANON-")
    assert image.PatientID != "ANON-1"
    assert image.DeidentificationMethodCodeSequence[1].CodeMeaning == "Clean Graphics Option"


def test_the_new_name_may_not_be_the_old_one(study):
    with pytest.raises(ArgumentError, match="already hold"):
        plan_batch(list(study.values()), Options(name=NUMBER))


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"BurnedInAnnotation": "YES"}, "rule out"),
        ({"BurnedInAnnotation": ""}, "rule out"),
        ({"ConversionType": "SD"}, "scan"),
        ({"Modality": "OT"}, "scan"),
    ],
)
def test_text_in_the_pixels_needs_a_word(tmp_path, elements, reason):
    source = write_image(tmp_path / "in" / "a.dcm", **elements)
    plan = plan_batch([source], Options())
    assert (plan.files, plan.doubtful) == ((), 1)
    assert reason in plan.refused[0].reason
    assert plan_batch([source], Options(accept_burned_in=True)).files == (source,)


def test_a_secondary_capture_needs_a_word_whatever_it_says(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    source = save(tmp_path / "a.dcm", secondary_capture(pixels, BurnedInAnnotation="NO"), pixels)
    assert plan_batch([source], Options()).doubtful == 1


def test_a_name_in_a_comment_of_the_codestream_is_refused_and_nothing_is_written(tmp_path):
    pixels = texture()
    comment = b"\xff\xfe\x00\x1bQuixotewind^Dulcinella.."
    dataset = mammogram(pixels, PatientName="Quixotewind^Dulcinella")
    source = save(
        tmp_path / "a.dcm",
        dataset,
        pixels,
        syntax=JPEG_LS,
        edit=lambda frames: [frames[0][:2] + comment + frames[0][2:]],
    )
    result = copy([source], tmp_path / "out")
    assert result.copies == ()
    assert "pixel data hold" in result.refused[0].reason
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_value_that_slipped_through_is_found_before_the_file_appears(study, tmp_path, monkeypatch):
    from mammoviewer.dicom import deidentify_dataset

    plan = plan_batch([study["image"]], Options())
    monkeypatch.setattr(
        deidentify_dataset.DatasetPass,
        "name",
        lambda self, dataset, patient: setattr(dataset, "GridID", "QUIXOTEWIND 1"),
    )
    result = write_batch(plan, tmp_path / "out")
    assert "left in GridID" in result.refused[0].reason
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_bad_files_are_refused_one_by_one_and_the_rest_is_written(study, tmp_path):
    folder = tmp_path / "in"
    pixels = texture()
    save_fragments(
        folder / "cut.dcm", mammogram(pixels), JPEG_LS, b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\xff"
    )
    private = mammogram(pixels)
    private.add_new(0x7E010010, "LO", "HOLOGIC, Inc.")
    private.add_new(0x7E011010, "SQ", Sequence([item(Rows=1)]))
    save(folder / "sco.dcm", private, pixels)
    document = mammogram(pixels, EncapsulatedDocument=b"%PDF")
    save(folder / "pdf.dcm", document, pixels)
    (folder / "notes.txt").write_text("not DICOM")
    doubled = folder / "twice.dcm"
    doubled.write_bytes(study["image"].read_bytes())
    result = copy([folder, tmp_path / "nosuch"], tmp_path / "out")
    assert len(result.copies) == 4
    reasons = {refused.path.name: refused.reason for refused in result.refused}
    assert sorted(reasons) == ["cut.dcm", "nosuch", "pdf.dcm", "sco.dcm", "twice.dcm"]
    assert "cut short" in reasons["cut.dcm"]
    assert "same SOPInstanceUID" in reasons["twice.dcm"]


def test_originals_are_never_touched(study, tmp_path):
    before = {path: path.read_bytes() for path in study.values()}
    with pytest.raises(ArgumentError, match="folder of their own"):
        copy([tmp_path / "in"], tmp_path / "in")
    copy([tmp_path / "in"], tmp_path / "in" / "out")
    again = copy([tmp_path / "in"], tmp_path / "in" / "out")
    assert len(again.copies) == 4
    assert {path: path.read_bytes() for path in study.values()} == before


def test_cancelling_leaves_nothing(study, tmp_path):
    plan = plan_batch([tmp_path / "in"], Options())

    def third(fraction: float, message: str) -> None:
        if message == "Writing 3 of 4":
            raise Cancelled

    with pytest.raises(Cancelled):
        write_batch(plan, tmp_path / "out", third)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_the_preview_tells_each_change_once_and_writes_nothing(study, tmp_path):
    lines = preview_batch(plan_batch([tmp_path / "in"], Options(name="CASE-7")))
    names = [line for line in lines if line.change.keyword == "PatientName"]
    assert [(line.change.before, line.change.after, line.files) for line in names] == [
        ("Quixotewind^Dulcinella", "CASE-7", 4)
    ]
    places = {line.change.keyword: line.change.after for line in lines}
    assert places["ContributingSourcesSequence[1].InstitutionName"] == "REMOVED"
    assert places["ImageComments"] == "(removed)"
    assert "Rows" not in places
    assert not (tmp_path / "out").exists()


def test_neither_log_nor_refusal_holds_patient_data(study, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    write_image(tmp_path / "in" / "b.dcm", BurnedInAnnotation="YES", SOPInstanceUID="1.2.826.77.3141592.3.20231109.7")
    result = copy([tmp_path / "in"], tmp_path / "out")
    told = caplog.text + "".join(f"{refused.reason} {refused.hint}" for refused in result.refused)
    assert result.refused
    assert [value for value in PLANTED if value in told] == []


def test_values_that_break_their_vr_are_removed_or_replaced(tmp_path):
    source = write_image(tmp_path / "in" / "a.dcm", SeriesDate="9 Nov 2023", StudyDate="2023.11.09")
    copy([source], tmp_path / "out", Options(Dates.SHIFTED, 1))
    image = copies(tmp_path / "out")["MG"]
    assert (image.SeriesDate, image.StudyDate) == ("19000101", "20231110")


def test_the_files_of_a_study_are_found_beside_its_images(study, tmp_path):
    other = write_image(tmp_path / "in" / "other.dcm", StudyInstanceUID="1.2.3")
    (tmp_path / "in" / "notes.txt").write_text("not DICOM")
    found = study_files([study["image"]])
    assert sorted(found) == sorted(study.values())
    assert other not in found


@pytest.mark.parametrize(("dates", "days"), [(Dates.SHIFTED, 0), (Dates.KEPT, 3), (Dates.SHIFTED, 999999)])
def test_a_shift_needs_days_and_days_a_shift(dates, days):
    with pytest.raises(ArgumentError):
        Options(dates, days)


@pytest.mark.parametrize("name", ["Doe^Jane", "a b", "-x", "x" * 65, "é"])
def test_a_name_is_plain(name):
    with pytest.raises(ArgumentError):
        Options(name=name)


def test_a_name_written_in_another_charset_is_found_too(tmp_path):
    source = write_report(tmp_path / "r.dcm")
    dataset = pydicom.dcmread(source)
    dataset.PatientName = "Müller-Öztürk^Änne"
    dataset.Manufacturer = "für müller-öztürk"
    dataset.ManufacturerModelName = "of MULLER-OZTURK"
    dataset.save_as(source)
    copy([source], tmp_path / "out")
    assert copies(tmp_path / "out")["SR"].Manufacturer == "REMOVED"
    assert copies(tmp_path / "out")["SR"].ManufacturerModelName == "REMOVED"
    data = next((tmp_path / "out").rglob("*.dcm")).read_bytes()
    assert b"ller-" not in data
    assert IMAGE.encode() not in data


def test_a_text_that_swallowed_other_elements_is_replaced(tmp_path):
    source = write_image(tmp_path / "a.dcm", ManufacturerModelName="Model\x00\x20\x00\x01giant")
    copy([source], tmp_path / "out")
    assert copies(tmp_path / "out")["MG"].ManufacturerModelName == "REMOVED"


def test_a_patient_whose_number_is_a_code_keeps_the_codes_of_the_image(tmp_path):
    source = write_image(tmp_path / "a.dcm", PatientID="399368009", AccessionNumber="10008")
    copy([source], tmp_path / "out")
    image = copies(tmp_path / "out")["MG"]
    assert image.ViewCodeSequence[0].CodeValue == "399368009"
    assert image.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2"
    assert image.PatientID.startswith("ANON-")


def test_numbers_and_codes_that_swallowed_other_elements_are_removed(tmp_path):
    source = write_image(tmp_path / "a.dcm", Laterality="L" * 80 + "\x00\x01")
    dataset = pydicom.dcmread(source)
    dataset.add_new("ExposureTimeInms", "FD", [1.5, 2.5, 3.5])
    dataset.add_new("ContentSequence", "LO", "text")
    dataset.save_as(source)
    copy([source], tmp_path / "out")
    image = copies(tmp_path / "out")["MG"]
    assert image.Laterality == "REMOVED"
    assert "ExposureTimeInms" not in image
    assert "ContentSequence" not in image


def with_overlay_in_bit(path: Path, bit: int, syntax: str = NATIVE) -> np.ndarray:
    """Write an image whose pixels carry an overlay in a spare bit; return the pixels without it."""
    pixels = texture(16, 24)
    made = mammogram(pixels, BurnedInAnnotation="NO", SeriesInstanceUID="1.2.3.4.5")
    for element, vr, value in (
        (0x10, "US", 16), (0x11, "US", 24), (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]), (0x100, "US", 16), (0x102, "US", bit),
    ):  # fmt: skip
        made.add_new((0x6000, element), vr, value)
    save(path, made, pixels | np.uint16(1 << bit), syntax=syntax)
    return pixels


@pytest.mark.parametrize("syntax", [NATIVE, IMPLICIT, BIG_ENDIAN])
def test_an_overlay_in_spare_bits_goes_with_its_elements(tmp_path, syntax):
    pixels = with_overlay_in_bit(tmp_path / "in.dcm", 13, syntax)
    (written,) = copy([tmp_path / "in.dcm"], tmp_path / "out").copies
    found = pydicom.dcmread(written.path)
    assert (0x6000, 0x0102) not in found
    order = ">" if syntax == BIG_ENDIAN else "<"
    np.testing.assert_array_equal(np.frombuffer(found.PixelData, f"{order}u2").reshape(16, 24), pixels)


def test_an_overlay_in_compressed_pixels_waits_for_a_persons_word(tmp_path):
    with_overlay_in_bit(tmp_path / "in.dcm", 13, JPEG_LS)
    result = copy([tmp_path / "in.dcm"], tmp_path / "out")
    assert result.copies == ()
    assert "overlay" in result.refused[0].reason
