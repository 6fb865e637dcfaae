"""Which companion a file is, and its record; and the companions that an image carries in its own header."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mammoviewer.base.errors import InputError, MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions import (
    cad_report,
    dose_report,
    measurement_report,
    overlays,
    presentation_state,
    segmentation,
    shutters,
)
from mammoviewer.dicom.companions.content import read_tree
from mammoviewer.dicom.companions.records import Companion, CompanionKind, Target
from mammoviewer.dicom.companions.references import series_targets, unique
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.header import Header, quiet_parsing, read_header
from mammoviewer.dicom.library import parse_errors, pydicom
from mammoviewer.dicom.remedies import ASK_AGAIN, OTHER_VIEWER

_PRESENTATION = ("1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2")
_SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_CAD = "1.2.840.10008.5.1.4.1.1.88.50"
_DOSE = "1.2.840.10008.5.1.4.1.1.88.67"
# Basic text, enhanced, comprehensive, comprehensive 3D and extensible reports.
_REPORTS = tuple(f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in (11, 22, 33, 34, 35))
_MEASUREMENTS = "126000"


def is_companion(sop_class: str) -> bool:
    """Return whether objects of a SOP class are read as companions of images."""
    return sop_class in _READERS


def read_companion(path: Path, *, charset: str | None = None) -> Companion:
    """Read an object that refers to images; masks are read later, when they are wanted.

    ``charset`` is that of :func:`read_header`.

    Raises
    ------
    InputError
        The file is not such an object, or nothing can be made of it.
    """
    name = "object"
    try:
        with quiet_parsing():
            header = read_header(path, charset=charset)
            sop_class = elements.text(header.dataset, "SOPClassUID")
            name = str(pydicom.uid.UID(sop_class).name) if sop_class else name
            reader = _READERS.get(sop_class)
            if reader is None:
                raise InputError("it is of no kind that is shown on images", hint=OTHER_VIEWER)
            return reader(header)
    except MammoViewerError as error:
        if error.path is not None:
            raise
        raise type(error)(f"{name}: {error.reason}", hint=error.hint, path=path) from error
    except parse_errors() as error:
        raise InputError(f"{name}: the object is damaged", hint=ASK_AGAIN, path=path) from error


def read_embedded(
    header: Header, notices: list[Notice], *, raw_frame: overlays.RawFrame | None = None
) -> tuple[Companion, ...]:
    """Return the overlays and display shutters in the header of an image. Its icon (0088,0200) is no picture of it."""
    dataset = header.dataset
    uid = elements.text(dataset, "SOPInstanceUID")
    target = (Target(uid),)
    found = []
    planes = overlays.read_overlays(dataset, target, notices, raw_frame=raw_frame)
    if planes:
        names = ", ".join(dict.fromkeys(plane.label for plane in planes))
        found.append(_companion(header, CompanionKind.OVERLAY, names, target, planes=planes))
    closed = shutters.read_shutters(dataset, notices)
    if closed:
        shape = ", ".join(name.lower() for name in elements.texts(dataset, "ShutterShape"))
        found.append(_companion(header, CompanionKind.SHUTTER, shape, target, shutters=closed))
    return tuple(found)


def _companion(
    header: Header, kind: CompanionKind, label: str, targets: tuple[Target, ...], **parts: object
) -> Companion:
    dataset = header.dataset
    return Companion(
        path=header.path,
        kind=kind,
        SOPInstanceUID=elements.text(dataset, "SOPInstanceUID"),
        StudyInstanceUID=elements.text(dataset, "StudyInstanceUID"),
        label=label,
        targets=targets,
        **parts,  # type: ignore[arg-type]
    )


def _presentation(header: Header) -> Companion:
    dataset = header.dataset
    notices: list[Notice] = []
    targets = series_targets(dataset)
    shown = presentation_state.read_presentations(dataset, targets, notices)
    label = elements.text(dataset, "ContentDescription") or elements.text(dataset, "ContentLabel")
    return _companion(
        header,
        CompanionKind.PRESENTATION,
        label or elements.text(dataset, "SeriesDescription"),
        targets,
        marks=presentation_state.read_marks(dataset, targets, shown),
        shutters=shutters.read_shutters(dataset, notices),
        planes=overlays.read_overlays(dataset, targets, notices),
        presentations=shown,
        inverse=presentation_state.read_inverse(dataset),
        warnings=tuple(notices),
    )


def _segmentation(header: Header) -> Companion:
    dataset = header.dataset
    notices: list[Notice] = []
    planes = segmentation.read_planes(header, notices)
    targets = unique(target for plane in planes for target in plane.targets)
    names = ", ".join(dict.fromkeys(segmentation.segment_labels(dataset).values()))
    return _companion(
        header,
        CompanionKind.SEGMENTATION,
        names or _label(dataset),
        targets or series_targets(dataset, "ReferencedInstanceSequence"),
        planes=planes,
        runs=segmentation.read_runs(dataset),
        warnings=tuple(notices),
    )


def _cad(header: Header) -> Companion:
    root = read_tree(header.dataset)
    marks, hidden = cad_report.read_marks(root)
    found = bool(marks) or hidden > 0
    return _companion(
        header,
        CompanionKind.CAD,
        _label(header.dataset) or root.concept.meaning,
        cad_report.library_targets(root),
        marks=marks,
        runs=cad_report.with_results(cad_report.read_runs(root), found),
        status=cad_report.read_status(root, found=found),
        facts=cad_report.read_facts(hidden, marks),
        follows=True,
    )


def _report(header: Header) -> Companion:
    root = read_tree(header.dataset)
    measured = root.concept.value == _MEASUREMENTS
    in_space = measurement_report.lines_in_space(root)
    notice = Notice(Severity.INFO, f"{in_space} regions in patient coordinates are not drawn")
    return _companion(
        header,
        CompanionKind.MEASUREMENTS if measured else CompanionKind.REPORT,
        _label(header.dataset) or root.concept.meaning,
        measurement_report.read_targets(root) or _evidence(header.dataset),
        marks=measurement_report.read_marks(root),
        runs=measurement_report.read_runs(root),
        facts=measurement_report.read_facts(root),
        warnings=(notice,) if in_space else (),
    )


def _dose(header: Header) -> Companion:
    root = read_tree(header.dataset)
    return _companion(
        header,
        CompanionKind.DOSE,
        _label(header.dataset) or root.concept.meaning,
        (),
        facts=dose_report.read_facts(root),
        dose=dose_report.read_events(root),
    )


def _label(dataset: Dataset) -> str:
    return elements.text(dataset, "SeriesDescription") or elements.text(dataset, "ContentLabel")


def _evidence(dataset: Dataset) -> tuple[Target, ...]:
    """Return the instances that a report lists as looked at (PS3.3 C.17.2)."""
    found: list[Target] = []
    for study in elements.sequence(dataset, "CurrentRequestedProcedureEvidenceSequence"):
        found += series_targets(study, "ReferencedSOPSequence")
    return unique(found)


_READERS: dict[str, Callable[[Header], Companion]] = {
    **dict.fromkeys(_PRESENTATION, _presentation),
    **dict.fromkeys(_SEGMENTATION, _segmentation),
    _CAD: _cad,
    _DOSE: _dose,
    **dict.fromkeys(_REPORTS, _report),
}
