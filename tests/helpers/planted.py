"""A study of an image, a segmentation, a report and a presentation state that say who the patient is, everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from helpers.dicom_makers import JPEG_LS, NATIVE, code_item, mammogram, save, texture
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
PR = "1.2.840.10008.5.1.4.1.1.11.1"

PATIENT, NUMBER, ACCESSION = "Quixotewind^Dulcinella", "MRN-774411XQ", "ACC55190883"
PLANTED = (
    "Quixotewind", "Dulcinella", "QUIXOTEWIND", NUMBER, ACCESSION, "Hospital of Zamboanga", "Plaza Mayor 17",
    "Quijanoref", "Sanchopanza", "19610417", "1961-04-17", "20231109", "2023-11-09", "AETROCINANTE", "SN99341177",
    "STATIONTOBOSO", "windmill giants", "secret overlay", "private giant", "curvygiant", "old name note",
    "1.2.826.77.3141592", "Aldonza",
)  # fmt: skip
"""Texts of which none may be in a copy, as bytes."""
STUDY, SERIES, IMAGE, FRAME_OF_REFERENCE = (f"1.2.826.77.3141592.{n}.20231109" for n in (1, 2, 3, 4))


def item(**elements: Any) -> Dataset:
    result = Dataset()
    for keyword, value in elements.items():
        setattr(result, keyword, value)
    return result


def identify(dataset: Dataset) -> Dataset:
    """Plant the patient in a data set, in the elements of every object."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = PATIENT, NUMBER
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = "19610417", "F", "062Y"
    dataset.PatientMotherBirthName = "Aldonza^Lorenza"
    dataset.PatientComments = "saw windmill giants"
    dataset.OtherPatientIDsSequence = Sequence([item(PatientID=NUMBER, TypeOfPatientID="TEXT")])
    dataset.StudyInstanceUID, dataset.StudyID, dataset.AccessionNumber = STUDY, "ST7741", ACCESSION
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate"):
        setattr(dataset, keyword, "20231109")
    for keyword in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(dataset, keyword, "101112.123")
    dataset.AcquisitionDateTime = "20231109101112+0100"
    dataset.InstitutionName, dataset.InstitutionAddress = "Hospital of Zamboanga", "Plaza Mayor 17"
    dataset.ReferringPhysicianName, dataset.OperatorsName = "Quijanoref^Alonso", "Sanchopanza^X"
    dataset.StationName, dataset.DeviceSerialNumber = "STATIONTOBOSO", "SN99341177"
    dataset.StudyDescription = "Mammo of Quixotewind"
    dataset.SoftwareVersions = ["3.1", "licensed to Hospital of Zamboanga"]
    dataset.ManufacturerModelName = "Model"
    dataset.Manufacturer = "Maker"
    dataset.ContributingEquipmentSequence = Sequence([
        item(Manufacturer="Maker", InstitutionName="Hospital of Zamboanga", OperatorsName="Sanchopanza^X",
             ContributionDateTime="20231109101112", PurposeOfReferenceCodeSequence=Sequence([
                 code_item("109101", "DCM", "Acquired for QUIXOTEWIND")])),
    ])  # fmt: skip
    dataset.ContributingSourcesSequence = Sequence([
        item(Manufacturer="Maker", ManufacturerModelName="for Dulcinella", InstitutionName="Hospital of Zamboanga",
             DeviceSerialNumber="SN99341177", AcquisitionDateTime="20231109101112",
             ContributingSOPInstancesReferenceSequence=Sequence([
                 item(StudyInstanceUID=STUDY, ReferencedSeriesSequence=Sequence([
                     item(SeriesInstanceUID=SERIES, ReferencedSOPSequence=Sequence([reference(IMAGE)]))]))])),
    ])  # fmt: skip
    dataset.RequestAttributesSequence = Sequence([item(RequestedProcedureDescription="for Quixotewind")])
    dataset.OriginalAttributesSequence = Sequence([item(SourceOfPreviousValues="old name note")])
    block = dataset.private_block(0x0029, "MAKER 1.0", create=True)
    block.add_new(0x10, "LO", "private giant")
    block.add_new(0x11, "SQ", Sequence([item(PatientName=PATIENT)]))
    dataset.add_new(0x60000010, "US", 8)
    dataset.add_new(0x60000022, "LO", "secret overlay")
    dataset.add_new(0x60003000, "OW", b"\0\1" * 4)
    dataset.add_new(0x50000022, "LO", "curvygiant")
    return dataset


def reference(uid: str, sop_class: str = "1.2.840.10008.5.1.4.1.1.1.2") -> Dataset:
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)


def plant_meta(path: Path) -> Path:
    """Put application entities, a private note and a preamble text into the file meta information."""
    import pydicom

    dataset = pydicom.dcmread(path)
    meta = dataset.file_meta
    meta.SourceApplicationEntityTitle = "AETROCINANTE"
    meta.SendingApplicationEntityTitle = "AETROCINANTE"
    meta.PrivateInformationCreatorUID = "1.2.826.77.3141592.9"
    meta.PrivateInformation = b"private giant "
    dataset.preamble = b"Quixotewind".ljust(128, b"\0")
    dataset.save_as(path)
    return path


def write_image(path: Path, *, syntax: str = JPEG_LS, **elements: Any) -> Path:
    pixels = texture(16, 24)
    dataset = identify(mammogram(pixels))
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = IMAGE, SERIES
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
    dataset.ImageComments = "windmill giants on 1961-04-17"
    dataset.IconImageSequence = Sequence([item(Rows=1, Columns=2, BitsAllocated=8, PixelData=b"\1\2")])
    dataset.ReferencedImageSequence = Sequence([reference("1.2.826.77.3141592.8")])
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return plant_meta(save(path, dataset, pixels, syntax=syntax))


def write_seg(path: Path) -> Path:
    pixels = np.zeros((1, 16, 24), np.uint8)
    dataset = identify(mammogram(pixels[0], bits=8))
    dataset.SOPClassUID, dataset.Modality = SEG, "SEG"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = f"{IMAGE}.1", f"{SERIES}.1"
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
    dataset.NumberOfFrames = 1
    del dataset.BurnedInAnnotation
    dataset.ContentCreatorName, dataset.ContentLabel = "Sanchopanza^X", "HEATMAP"
    dataset.ContentDescription = "drawn for Dulcinella"
    dataset.SegmentSequence = Sequence([
        item(SegmentNumber=1, SegmentLabel="Mass of Quixotewind", SegmentDescription="windmill giants",
             SegmentAlgorithmType="MANUAL", TrackingID="windmill giants", TrackingUID="1.2.826.77.3141592.5"),
    ])  # fmt: skip
    dataset.ReferencedSeriesSequence = Sequence(
        [item(SeriesInstanceUID=SERIES, ReferencedInstanceSequence=Sequence([reference(IMAGE)]))]
    )
    return plant_meta(save(path, dataset, pixels, syntax=NATIVE))


def write_plain(path: Path, dataset: Dataset) -> Path:
    """Write an object without pixels."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = NATIVE
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return plant_meta(path)


def write_report(path: Path) -> Path:
    dataset = identify(Dataset())
    dataset.SOPClassUID, dataset.Modality = SR, "SR"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = f"{IMAGE}.2", f"{SERIES}.2"
    dataset.VerifyingObserverSequence = Sequence([
        item(VerifyingObserverName="Quijanoref^Alonso", VerifyingOrganization="Hospital of Zamboanga",
             VerificationDateTime="20231109101112"),
    ])  # fmt: skip
    dataset.CurrentRequestedProcedureEvidenceSequence = Sequence([
        item(StudyInstanceUID=STUDY, ReferencedSeriesSequence=Sequence([
            item(SeriesInstanceUID=SERIES, ReferencedSOPSequence=Sequence([reference(IMAGE)]))])),
    ])  # fmt: skip
    point = item(ValueType="SCOORD", RelationshipType="INFERRED FROM", GraphicType="POINT", GraphicData=[3.5, 4.5],
                 ContentSequence=Sequence([item(ValueType="IMAGE", RelationshipType="SELECTED FROM",
                                                ReferencedSOPSequence=Sequence([reference(IMAGE)]))]))  # fmt: skip
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = Sequence([code_item("126000", "DCM", "Report")])
    dataset.ContentSequence = Sequence([
        content("PNAME", PersonName="Quijanoref^Alonso"),
        content("TEXT", TextValue="Dulcinella has windmill giants"),
        content("DATE", Date="20231109"),
        content("UIDREF", UID=STUDY),
        content("CODE", ConceptCodeSequence=Sequence([code_item("129793001", "SCT", "Mass of Quixotewind")])),
        content("CONTAINER", ContentSequence=Sequence([content("PNAME", PersonName=PATIENT), point])),
    ])  # fmt: skip
    return write_plain(path, dataset)


def content(kind: str, **elements: Any) -> Dataset:
    return item(ValueType=kind, RelationshipType="CONTAINS",
                ConceptNameCodeSequence=Sequence([code_item("1", "99X", "name")]), **elements)  # fmt: skip


def write_presentation(path: Path) -> Path:
    dataset = identify(Dataset())
    dataset.SOPClassUID, dataset.Modality = PR, "PR"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = f"{IMAGE}.3", f"{SERIES}.3"
    dataset.ContentLabel, dataset.ContentDescription = "STATE", "for Dulcinella"
    dataset.ContentCreatorName = "Sanchopanza^X"
    dataset.PresentationCreationDate, dataset.PresentationCreationTime = "20231109", "101112"
    dataset.ReferencedSeriesSequence = Sequence(
        [item(SeriesInstanceUID=SERIES, ReferencedImageSequence=Sequence([reference(IMAGE)]))]
    )
    circle = item(GraphicType="CIRCLE", GraphicData=[3.0, 4.0, 5.0, 4.0], GraphicDimensions=2)
    note = item(UnformattedTextValue="windmill giants of Quixotewind")
    dataset.GraphicAnnotationSequence = Sequence(
        [
            item(GraphicLayer="L", TextObjectSequence=Sequence([note]), GraphicObjectSequence=Sequence([circle])),
            item(GraphicLayer="L", TextObjectSequence=Sequence([note])),
        ]
    )
    return write_plain(path, dataset)


def write_study(folder: Path) -> dict[str, Path]:
    """Write the four objects and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "image": write_image(folder / "image.dcm"),
        "seg": write_seg(folder / "seg.dcm"),
        "report": write_report(folder / "report.dcm"),
        "state": write_presentation(folder / "state.dcm"),
    }
