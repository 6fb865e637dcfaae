"""From the header of a DICOM file to the frozen record of its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements, spacing
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View
from mammoviewer.dicom.codestream import LOSSY_SYNTAXES
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.facts import read_facts
from mammoviewer.dicom.frames import PixelForm
from mammoviewer.dicom.header import Header
from mammoviewer.dicom.modality_lut import ModalityLut
from mammoviewer.dicom.orientation import find_hanging, plane_directions
from mammoviewer.dicom.remedies import CHECK_GREYS
from mammoviewer.dicom.sco import is_sco
from mammoviewer.dicom.views import read_view
from mammoviewer.dicom.voi_elements import read_vois
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import IDENTITY, Padding, Rescale, Voi, Window

MAMMOGRAPHY = "1.2.840.10008.5.1.4.1.1.1.2"
MAMMOGRAPHY_RAW = "1.2.840.10008.5.1.4.1.1.1.2.1"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
PROJECTION = "1.2.840.10008.5.1.4.1.1.13.1.4"
PROJECTION_RAW = "1.2.840.10008.5.1.4.1.1.13.1.5"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_UNORIENTED = "the file does not tell side and directions: turn or flip it by hand"

_TEXTS = (
    "SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription",
    "SeriesDescription", "Manufacturer", "ManufacturerModelName", "InstitutionName", "PresentationIntentType",
)  # fmt: skip


def read_record(
    header: Header, form: PixelForm, frames: int, notices: list[Notice], modality: ModalityLut | None = None
) -> ImageAttributes:
    """Return the attributes of an image. ``notices`` gets what is assumed, and ends up in the record.

    ``form`` is that of the pixels in the file; with a ``modality`` table the record is about the values after it.
    """
    dataset = header.dataset
    groups = _functional_groups(dataset, frames)
    order = spacing.spatial_order(groups)
    if order:
        groups = [groups[place] for place in order]
        notices.append(Notice(Severity.INFO, "the frames are not in the order of their places and are put in order"))
    kind = image_kind(dataset, frames)
    view, conflict = read_view(dataset, groups[0])
    if conflict:
        text = "the elements for the laterality contradict one another"
        notices.append(Notice(Severity.CAUTION, text, "look for the marker of the side in the picture"))
    rescales = (IDENTITY,) if modality is not None else _rescales(groups, notices)
    signed = (form.signed and modality is None) or any(rescale.intercept < 0 for rescale in rescales)
    vois, frame_vois = _vois(dataset, groups, signed=signed, notices=notices)
    _check_vois(kind, (*vois, *(voi for own in frame_vois for voi in own)), notices)
    positions = spacing.slice_positions(groups) if frames > 1 else ()
    patient_orientation = tuple(part.upper() for part in elements.texts(dataset, "PatientOrientation"))
    hanging = _hanging(kind, view, patient_orientation, groups[0], notices)
    return ImageAttributes(
        **read_texts(dataset),
        path=header.path,
        kind=kind,
        rows=form.rows,
        columns=form.columns,
        frames=frames,
        SeriesNumber=elements.integer(dataset, "SeriesNumber"),
        InstanceNumber=elements.integer(dataset, "InstanceNumber"),
        ImageType=elements.texts(dataset, "ImageType"),
        BitsStored=form.bits_stored if modality is None else modality.shown_bits,
        signed=form.signed and modality is None,
        samples=form.samples,
        PhotometricInterpretation=form.photometric,
        TransferSyntaxUID=header.transfer_syntax,
        lossy=elements.text(dataset, "LossyImageCompression") == "01" or header.transfer_syntax in LOSSY_SYNTAXES,
        view=view,
        PatientOrientation=patient_orientation,
        plane_directions=plane_directions(spacing.plane_orientation(groups[0])),
        orientation=hanging or Orientation(),
        unoriented=hanging is None and kind is not ImageKind.SECONDARY,
        pixel_spacing=_spacing(kind, groups[0], dataset, notices),
        other_spacing=_other_spacing(dataset),
        slice_spacing_mm=spacing.slice_spacing(positions, groups[0][:-1], dataset) if frames > 1 else None,
        slice_positions_mm=positions,
        vois=vois,
        frame_vois=frame_vois,
        padding=read_padding(dataset, form) if modality is None else modality.padded,
        rescale=rescales[0],
        frame_rescales=rescales if len(rescales) > 1 else (),
        inverse=_inverse(dataset, form),
        facts=(*read_facts(dataset), *_calibration(_other_spacing(dataset))),
        warnings=tuple(notices),
        frame_order=order,
    )


def read_texts(dataset: Dataset) -> dict[str, Any]:
    """Return the attributes that are texts as they stand in the file."""
    return {keyword: elements.text(dataset, keyword) for keyword in _TEXTS}


def image_kind(dataset: Dataset, frames: int) -> ImageKind:
    """Return what an image is, from its SOP class, PresentationIntentType and ImageType."""
    sop_class = elements.text(dataset, "SOPClassUID")
    if is_sco(dataset):
        return ImageKind.TOMO
    if sop_class.startswith(_SECONDARY_CAPTURE):
        return ImageKind.SECONDARY
    types = elements.texts(dataset, "ImageType")
    if frames == 1 and "GENERATED_2D" in types:
        return ImageKind.SYNTHETIC_2D
    if sop_class == TOMOSYNTHESIS:
        return ImageKind.TOMO
    raw = elements.text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING"
    if sop_class in (MAMMOGRAPHY_RAW, PROJECTION_RAW):
        return ImageKind.MAMMOGRAM_RAW
    if sop_class in (MAMMOGRAPHY, PROJECTION) or elements.text(dataset, "Modality") == "MG":
        return ImageKind.MAMMOGRAM_RAW if raw else ImageKind.MAMMOGRAM
    return ImageKind.SECONDARY


def _functional_groups(dataset: Dataset, frames: int) -> list[list[Dataset]]:
    """Return for each frame where to look: its own group, the shared one, the top level (PS3.3 C.7.6.16)."""
    shared = elements.sequence(dataset, "SharedFunctionalGroupsSequence")[:1]
    own = elements.sequence(dataset, "PerFrameFunctionalGroupsSequence")
    return [[*own[index : index + 1], *shared, dataset] for index in range(frames)]


def _vois(
    dataset: Dataset, groups: Sequence[Sequence[Dataset]], *, signed: bool, notices: list[Notice]
) -> tuple[tuple[Voi, ...], tuple[tuple[Voi, ...], ...]]:
    """Return the VOIs that all frames share, and those of each frame where they differ."""
    shared_places = [*elements.sequence(dataset, "SharedFunctionalGroupsSequence")[:1], dataset]
    common = _macro(shared_places, signed=signed, notices=notices)
    own = []
    for places in groups:
        item = elements.first_item(places[: len(places) - len(shared_places)], "FrameVOILUTSequence")
        own.append(read_vois(item, signed=signed, notices=notices) if item is not None else ())
    if not any(own):
        return common, ()
    if all(isinstance(voi, Window) for found in own for voi in found) and len(set(own)) == 1:
        return own[0], ()
    return common, tuple(own)


def _macro(places: Sequence[Dataset], *, signed: bool, notices: list[Notice]) -> tuple[Voi, ...]:
    item = elements.first_item(places, "FrameVOILUTSequence")
    found = read_vois(item, signed=signed, notices=notices) if item is not None else ()
    return found or read_vois(places[-1], signed=signed, notices=notices)


def _check_vois(kind: ImageKind, vois: Sequence[Voi], notices: list[Notice]) -> None:
    if not vois and kind is not ImageKind.SECONDARY:
        notices.append(Notice(Severity.INFO, "the file has no usable window: one is chosen from its pixels"))


def _rescales(groups: Sequence[Sequence[Dataset]], notices: list[Notice]) -> tuple[Rescale, ...]:
    """Return how stored values are rescaled: one for all frames, or where they differ one for each."""
    found = tuple(_own_rescale(places) for places in groups)
    if any(rescale.slope == 0 for rescale in found):
        notices.append(Notice(Severity.CAUTION, "RescaleSlope is 0: 1 is used", CHECK_GREYS))
        found = tuple(Rescale(rescale.slope or 1.0, rescale.intercept) for rescale in found)
    if len(set(found)) > 1:
        notices.append(Notice(Severity.INFO, "stored values are rescaled, each frame by its own slope and intercept"))
        return found
    if found[0] != IDENTITY:
        text = f"stored values are rescaled: slope {found[0].slope:g}, intercept {found[0].intercept:g}"
        notices.append(Notice(Severity.INFO, text))
    return found[:1]


def _own_rescale(places: Sequence[Dataset]) -> Rescale:
    item = elements.first_item(places, "PixelValueTransformationSequence")
    source = item if item is not None else places[-1]
    slope = elements.number(source, "RescaleSlope")
    return Rescale(1.0 if slope is None else slope, elements.number(source, "RescaleIntercept") or 0.0)


def read_padding(dataset: Dataset, form: PixelForm) -> Padding | None:
    """Return the range of stored values that are padding; its ends come in either order (PS3.3 C.7.5.1.1.2)."""
    value = elements.integer(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = elements.integer(dataset, "PixelPaddingRangeLimit")
    ends = [_as_stored(end, form) for end in (value, value if limit is None else limit)]
    return Padding(min(ends), max(ends))


def _as_stored(value: int, form: PixelForm) -> int:
    """Return a padding value with the sign of the pixels, whichever of US and SS it was written as."""
    word = 1 << form.bits_allocated
    if form.signed:
        return value - word if value >= word // 2 else value
    return value + word if value < 0 else value


def _inverse(dataset: Dataset, form: PixelForm) -> bool:
    """Return whether low values are white. MONOCHROME1 and INVERSE say the same thing: it is done once."""
    shape = elements.text(dataset, "PresentationLUTShape").upper()
    return form.photometric == "MONOCHROME1" or (form.samples == 1 and shape == "INVERSE")


def _hanging(
    kind: ImageKind, view: View, directions: Sequence[str], places: Sequence[Dataset], notices: list[Notice]
) -> Orientation | None:
    found = find_hanging(view, directions, spacing.plane_orientation(places))
    if found is None and kind is not ImageKind.SECONDARY:
        notices.append(Notice(Severity.CAUTION, "unoriented: shown as stored", _UNORIENTED))
    return found


def _other_spacing(dataset: Dataset) -> PixelSpacing | None:
    """Return the calibrated spacing of a file that has one beside the spacing of its detector."""
    return spacing.calibrated_spacing(dataset, []) if elements.values(dataset, "ImagerPixelSpacing") else None


def _calibration(found: PixelSpacing | None) -> tuple[tuple[str, str], ...]:
    return (("Calibrated pixel", f"{found.row_mm:.4g} x {found.column_mm:.4g} {found.source}"),) if found else ()


def _spacing(
    kind: ImageKind, places: Sequence[Dataset], dataset: Dataset, notices: list[Notice]
) -> PixelSpacing | None:
    if elements.text(dataset, "SOPClassUID") in (TOMOSYNTHESIS, PROJECTION, PROJECTION_RAW) or kind is ImageKind.TOMO:
        return spacing.volume_spacing(places[:-1], dataset, notices)
    if kind is ImageKind.SECONDARY and elements.text(dataset, "SOPClassUID").startswith(_SECONDARY_CAPTURE):
        return None  # what the spacing of a screen capture refers to is not known
    return spacing.image_spacing(dataset, notices)
