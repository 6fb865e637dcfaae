"""Parts that all DICOM objects made of findings share: the source's header, codes, identifiers, saving."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import mammoviewer
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.coded_terms import CodedTerm
from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import atomic_path
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind

MAKER = "MammoViewer"
_ROOT = "2.25."
_COMMON = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
    "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
_IF_THERE = ("PatientAge", "StudyDescription", "IssuerOfPatientID", "PatientIdentityRemoved", "DeidentificationMethod")


def why_no_object(attributes: ImageAttributes) -> str:
    """Return why no DICOM object can refer to an image; empty where one can."""
    if attributes.kind is ImageKind.RASTER or not attributes.SOPInstanceUID:
        return "not DICOM"
    if attributes.pixel_digest:
        return "another file has its UID"
    return ""


def require_object(attributes: ImageAttributes) -> None:
    """Raise an ExportError where no DICOM object can refer to the image."""
    reason = why_no_object(attributes)
    if reason:
        reason = f"no DICOM object can refer to it: {reason}"
        raise ExportError(reason, hint="export as JSON or COCO instead", path=attributes.path)


def uid_of(finding: Finding) -> str:
    """Return a UID that stands for a finding, from which :func:`id_of` gets its id back."""
    try:
        return f"{_ROOT}{uuid.UUID(hex=finding.id).int}"
    except ValueError:
        return f"{_ROOT}{uuid.uuid5(uuid.NAMESPACE_OID, finding.id).int}"


def id_of(uid: str) -> str:
    """Return the id of a finding that was made by :func:`uid_of`, else one that is always the same for the UID."""
    number = uid.removeprefix(_ROOT)
    if uid.startswith(_ROOT) and number.isdigit() and int(number) < 1 << 128:
        return uuid.UUID(int=int(number)).hex
    return uuid.uuid5(uuid.NAMESPACE_OID, uid).hex if uid else uuid.uuid4().hex


def item(**elements: Any) -> Any:
    """Return a sequence item with these elements."""
    from pydicom.dataset import Dataset

    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def code_item(term: CodedTerm) -> Any:
    """Return a code as a sequence item."""
    made = item(CodeValue=term.value, CodingSchemeDesignator=term.scheme, CodeMeaning=term.meaning)
    if term.version:
        made.CodingSchemeVersion = term.version
    return made


def reference(source: Any, frame: int | None = None) -> Any:
    """Return a reference to an image, and to one of its frames, counted from 1."""
    made = item(ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=source.SOPInstanceUID)
    if frame is not None:
        made.ReferencedFrameNumber = frame
    return made


def new_object(source: Any, sop_class: str, modality: str, *, series: int, description: str) -> Any:
    """Return an object of its own series in the study and for the patient of ``source``, with new UIDs."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _COMMON:
        setattr(made, keyword, source.get(keyword) or "")
    for keyword in _IF_THERE:
        if source.get(keyword):
            made[keyword] = source[keyword]
    made.SOPClassUID, made.SOPInstanceUID = sop_class, generate_uid()
    made.SeriesInstanceUID, made.SeriesNumber, made.InstanceNumber = generate_uid(), series, 1
    made.Modality, made.SeriesDescription = modality, description[:64]
    made.Manufacturer, made.ManufacturerModelName, made.DeviceSerialNumber = MAKER, MAKER, "0"
    made.SoftwareVersions = mammoviewer.__version__
    now = datetime.now().astimezone()
    made.InstanceCreationDate, made.InstanceCreationTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = sop_class, made.SOPInstanceUID
    return made


def save(path: Path, dataset: Any) -> None:
    """Write an object atomically.

    Raises
    ------
    ExportError
        If the file cannot be written, or a text of it cannot be encoded.
    """
    try:
        with atomic_path(path) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", path=path) from error
    except (ValueError, UnicodeError) as error:
        raise ExportError(f"a value does not fit into DICOM: {error}", path=path) from error


@contextlib.contextmanager
def header_errors(attributes: ImageAttributes, form: str) -> Iterator[None]:
    """Turn what the library says about an incomplete header into an ExportError."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        reason = f"the image's header does not allow a {form}: {error}"
        raise ExportError(reason, hint="export as JSON or COCO instead", path=attributes.path) from error


def one_study(images: Sequence[ImageAttributes]) -> None:
    """Raise an ExportError unless the images are DICOM objects of one study of one patient."""
    for image in images:
        require_object(image)
    if len({(image.StudyInstanceUID, image.PatientID) for image in images}) != 1:
        raise ExportError("a report is of one study", hint="export the studies one by one")


def person_name(reader: str) -> str:
    """Return a reader's name as DICOM holds names: as one family name, without the characters that divide names."""
    cleaned = "".join(" " if character in "\\=^" or not character.isprintable() else character for character in reader)
    return f"{' '.join(cleaned.split())[:63]}^"


def reader_name(name: str) -> str:
    """Return a name of DICOM as the name of a reader."""
    return " ".join(name.replace("^", " ").split())


def model_parts(name: str) -> tuple[str, str]:
    """Return the name and the version of a model called ``name.tag``."""
    stem, _, tag = name.rpartition(".")
    return ((stem or name or MAKER)[:64], (tag if stem else "") or "1")
