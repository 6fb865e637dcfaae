"""``mammoviewer info``: what files are and what is wrong with them, for people and for programs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydicom.uid import UID

from mammoviewer.base.errors import DecodeError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.cli.opening import add_reading_options, failure, open_all
from mammoviewer.cli.problems import is_of, problems_of
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.records import Companion
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.imaging.voi import Voi, Window
from mammoviewer.session.companion_words import companion_lines
from mammoviewer.session.companions import belongs

NAME = "info"
SCHEMA_VERSION = 1
_ELEMENTS = (
    "SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription",
    "SeriesDescription", "SeriesNumber", "InstanceNumber", "Manufacturer", "ManufacturerModelName", "InstitutionName",
    "ImageType", "PresentationIntentType", "BitsStored", "PhotometricInterpretation", "TransferSyntaxUID",
    "PatientOrientation",
)  # fmt: skip


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(NAME, help="tell what files are", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with all below it")
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")
    parser.add_argument("--check", action="store_true", help="decode every frame and mask, tell which are damaged")
    add_reading_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was opened and what is wrong; 1 with one line on stderr when nothing was, or a frame is damaged."""
    result = open_all(args.paths, args)
    damaged: list[int] = []
    if args.check:
        result, damaged = _checked(result)
    if args.json:
        print(json.dumps(document(result), indent=2, ensure_ascii=False))
    elif result.images or result.companions:
        texts = [_text(image) for image in result.images]
        print("\n\n".join((*texts, *(_companion_text(item, result.images) for item in result.companions))))
        _print_problems(result)
        print(f"\n{_totals(result)}")
    elif len(result.rejected) > 1:
        _print_problems(result)
    if result.images or result.companions:
        return _verdict(damaged)
    print(f"mammoviewer: {failure(result)}", file=sys.stderr)
    return 1


def _print_problems(result: OpenResult) -> None:
    found = problems_of(result)
    if found:
        print("\n".join(("", "Problems:", *(f"  {problem}" for problem in found))))


def _checked(result: OpenResult) -> tuple[OpenResult, list[int]]:
    """Decode everything; return the result with a warning for what is damaged, and the damaged frames of each file."""
    damaged = [_check(image) for image in result.images]
    companions = []
    for companion in result.companions:
        found = _damaged_masks(companion)
        companions.append(dataclasses.replace(companion, warnings=(*companion.warnings, *found)))
        damaged.append(len(found))
    return dataclasses.replace(result, companions=tuple(companions)), damaged


def _damaged_masks(companion: Companion) -> list[Notice]:
    damaged: dict[Notice, None] = {}  # a label map has a mask for each segment in one frame
    for plane in companion.planes:
        try:
            plane.read()
        except DecodeError as error:
            damaged[Notice(Severity.CAUTION, error.reason, error.hint)] = None
    return list(damaged)


def _check(image: Image) -> int:
    """Decode every frame, add a warning for each that is damaged, and return how many are."""
    attributes, damaged = image.attributes, []
    for index in range(attributes.frames):
        try:
            image.frame(index)
        except DecodeError as error:
            damaged.append(Notice(Severity.CAUTION, error.reason, error.hint))
    image.attributes = dataclasses.replace(attributes, warnings=(*attributes.warnings, *damaged))
    return len(damaged)


def _verdict(damaged: Sequence[int]) -> int:
    if not any(damaged):
        return 0
    files = sum(1 for count in damaged if count)
    text = f"{sum(damaged)} damaged frame{_s(sum(damaged))} in {files} file{_s(files)}"
    print(f"mammoviewer: {text} (ask for the files again)", file=sys.stderr)
    return 1


def _totals(result: OpenResult) -> str:
    images, companions, rejected = len(result.images), len(result.companions), len(result.rejected)
    flawed = {problem.path for problem in problems_of(result)} & {image.attributes.path for image in result.images}
    return (
        f"{images} image{_s(images)}, {len(flawed)} of them with problems; "
        f"{companions} companion{_s(companions)}; {rejected} file{_s(rejected)} not opened"
    )


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def document(result: OpenResult) -> dict[str, Any]:
    """Return what was opened and what was not as plain values for JSON."""
    return {
        "schema_version": SCHEMA_VERSION,
        "images": [_image(image) for image in result.images],
        "companions": [_companion(item, result.images) for item in result.companions],
        "rejected": [{"path": str(item.path), "reason": item.reason, "hint": item.hint} for item in result.rejected],
        "problems": [{"path": str(item.path), "text": item.text, "hint": item.hint} for item in problems_of(result)],
    }


def _image(image: Image) -> dict[str, Any]:
    attributes = image.attributes
    spacing = attributes.pixel_spacing
    padding = attributes.padding
    return {
        "path": str(attributes.path),
        "identity": attributes.identity,
        "kind": str(attributes.kind),
        "view": {
            "label": attributes.view.label,
            "laterality": attributes.view.laterality,
            "position": attributes.view.position,
            "modifiers": list(attributes.view.modifiers),
        },
        "rows": attributes.rows,
        "columns": attributes.columns,
        "frames": attributes.frames,
        "frame_order": list(attributes.frame_order),
        "elements": {keyword: getattr(attributes, keyword) for keyword in _ELEMENTS},
        "signed": attributes.signed,
        "samples": attributes.samples,
        "lossy": attributes.lossy,
        "decoder": image.decoder or None,
        "inverse": attributes.inverse,
        "orientation": {
            "transpose": attributes.orientation.transpose,
            "flip_rows": attributes.orientation.flip_rows,
            "flip_columns": attributes.orientation.flip_columns,
        },
        "pixel_spacing": None
        if spacing is None
        else {
            "row_mm": spacing.row_mm,
            "column_mm": spacing.column_mm,
            "source": spacing.source,
            "magnification": spacing.magnification,
        },
        "slice_spacing_mm": attributes.slice_spacing_mm,
        "slice_positions_mm": list(attributes.slice_positions_mm),
        "vois": [_voi(voi) for voi in attributes.vois],
        "frame_vois": [[_voi(voi) for voi in own] for own in attributes.frame_vois],
        "padding": None if padding is None else {"low": padding.low, "high": padding.high},
        "rescale": dataclasses.asdict(attributes.rescale),
        "frame_rescales": [dataclasses.asdict(own) for own in attributes.frame_rescales],
        "facts": dict(attributes.facts),
        "warnings": [
            {"severity": str(notice.severity), "text": notice.text, "hint": notice.hint}
            for notice in attributes.warnings
        ],
        "companions": [
            {"kind": str(item.kind), "tells": list(companion_lines(item, image))} for item in image.companions
        ],
    }


def _companion(companion: Companion, images: Sequence[Image]) -> dict[str, Any]:
    return {
        "path": str(companion.path),
        "kind": str(companion.kind),
        "SOPInstanceUID": companion.SOPInstanceUID,
        "StudyInstanceUID": companion.StudyInstanceUID,
        "refers_to": [target.SOPInstanceUID for target in companion.targets],
        "opened": [str(image.attributes.path) for image in images if belongs(companion, image)],
        "status": None if companion.status is None else str(companion.status),
        "algorithms": [
            {"name": run.name, "version": run.version, "purpose": run.purpose, "status": str(run.status)}
            for run in companion.runs
        ],
        "tells": list(companion_lines(companion)),
    }


def _companion_text(companion: Companion, images: Sequence[Image]) -> str:
    """Return what a companion is and of which of the opened images it speaks."""
    rows = [("Kind", str(companion.kind)), ("Of", is_of(companion, images))]
    rows += [("Tells", line) for line in companion_lines(companion)]
    lines = [f"  {label:<5}  {text}" for label, text in rows]
    return "\n".join([str(companion.path), *lines])


def _voi(voi: Voi) -> dict[str, Any]:
    if isinstance(voi, Window):
        return {
            "type": "window",
            "explanation": voi.explanation,
            "center": voi.center,
            "width": voi.width,
            "function": str(voi.function),
        }
    return {
        "type": "lut",
        "explanation": voi.explanation,
        "entries": int(voi.data.size),
        "first_mapped": voi.first_mapped,
        "bits": voi.bits,
    }


def _text(image: Image) -> str:
    """Return the table for one image."""
    attributes = image.attributes
    rows: list[tuple[str, str]] = [
        ("Kind", f"{attributes.kind} {attributes.view.label}".rstrip()),
        ("Patient", ", ".join(part for part in (attributes.PatientName, attributes.PatientID) if part)),
        ("Study", " ".join(part for part in (attributes.StudyDate, attributes.StudyDescription) if part)),
        ("Device", " ".join(part for part in (attributes.Manufacturer, attributes.ManufacturerModelName) if part)),
        ("Image type", "\\".join(attributes.ImageType)),
        ("Intent", attributes.PresentationIntentType),
        ("Pixels", _pixels(attributes)),
        ("Transfer syntax", _syntax(attributes.TransferSyntaxUID)),
        ("Decoder", image.decoder),
        ("Orientation", "\\".join(attributes.PatientOrientation)),
        ("Spacing", _spacing(attributes)),
        ("Padding", f"{attributes.padding.low} to {attributes.padding.high}" if attributes.padding else ""),
    ]
    rows += [("Window or LUT", _voi_text(voi)) for voi in attributes.vois]
    if attributes.frame_vois:
        rows.append(("Window or LUT", "one for each frame"))
    rows += list(attributes.facts)
    rows += [("Carries", f"{item.kind}: {'; '.join(companion_lines(item, image))}") for item in image.companions]
    rows += [("Warning", f"{notice.text} ({notice.hint})" if notice.hint else notice.text)
             for notice in attributes.warnings]  # fmt: skip
    rows.append(("Identity", attributes.identity))
    width = max(len(label) for label, _ in rows)
    lines = [f"  {label:<{width}}  {text}" for label, text in rows if text]
    return "\n".join([str(attributes.path), *lines])


def _pixels(attributes: ImageAttributes) -> str:
    frames = f"{attributes.frames} frames of " if attributes.frames > 1 else ""
    sign = "signed" if attributes.signed else "unsigned"
    lossy = ", lossy" if attributes.lossy else ""
    depth = f"{attributes.BitsStored} bit {sign} {attributes.PhotometricInterpretation}"
    return f"{frames}{attributes.rows} rows x {attributes.columns} columns, {depth}{lossy}"


def _syntax(uid: str) -> str:
    name = UID(uid).name if uid else ""
    return f"{uid}  {name}" if name != uid else uid


def _spacing(attributes: ImageAttributes) -> str:
    spacing = attributes.pixel_spacing
    if spacing is None:
        return "px, uncalibrated"
    slices = f", slices {attributes.slice_spacing_mm:g} mm (nominal)" if attributes.slice_spacing_mm else ""
    return f"{spacing.row_mm:.5g} x {spacing.column_mm:.5g} {spacing.source}{slices}"


def _voi_text(voi: Voi) -> str:
    if isinstance(voi, Window):
        return f"{voi.explanation}: center {voi.center:g}, width {voi.width:g}, {voi.function}"
    return f"{voi.explanation}: LUT of {voi.data.size} entries from {voi.first_mapped}, {voi.bits} bits"
