"""Prediction and truth tables of DBTex (the Duke BCS-DBT data set), both ways.

Boxes are whole pixels of the volume as the data set turns it (see :mod:`mammoviewer.dicom.duke`): X and Y are the first
column and row, counted from 0; slices count from 0 in the order of the file. The tables name patients by PatientID.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mammoviewer.annotations.finding import ALGORITHM, Finding, new_finding
from mammoviewer.annotations.interchange.boxes import Box, boxes_inside
from mammoviewer.annotations.interchange.tables import number, read_table, write_table
from mammoviewer.annotations.interchange.transfer import (
    DESCRIPTION,
    Imported,
    Losses,
    count_unsaid,
    placed,
    without_measures,
)
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind
from mammoviewer.dicom.duke import duke_correction
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.geometry import Orientation

FORM = "DBTex"
PREDICTIONS = ("PatientID", "StudyUID", "View", "X", "Width", "Y", "Height", "Z", "Depth", "Score")
TRUTH = (
    "PatientID", "StudyUID", "View", "Subject", "Slice", "X", "Y", "Width", "Height", "Class", "AD", "VolumeSlices",
)  # fmt: skip
_DISTORTION = "Architectural distortion"
_CLASSES = ("benign", "cancer")


def write_dbtex_predictions(path: Path, findings: Iterable[Finding], images: Sequence[Image]) -> Losses:
    """Write the findings that have a score, each one slice deep.

    Raises
    ------
    ExportError
        If the file cannot be written.
    DecodeError
        A volume cannot be decoded, which is looked at to see how the data set turns it.
    """
    losses: Losses = Counter()
    scored = []
    for finding in findings:
        if finding.is_measure or finding.score is not None:
            scored.append(finding)
        else:
            losses["findings without a score, which a DBTex prediction has"] += 1
    rows = []
    for finding, image, box in _boxes(scored, images, losses):
        place = {"X": box.left, "Width": box.width, "Y": box.top, "Height": box.height}
        slice_ = {"Z": image.file_frame(finding.frame), "Depth": 1, "Score": repr(finding.score)}
        rows.append({**_names(image), **{key: int(value) for key, value in place.items()}, **slice_})
    write_table(path, PREDICTIONS, rows)
    return losses


def write_dbtex_truth(path: Path, findings: Iterable[Finding], images: Sequence[Image]) -> Losses:
    """Write the findings of readers.

    Raises
    ------
    ExportError
        If the file cannot be written.
    DecodeError
        A volume cannot be decoded.
    """
    losses: Losses = Counter()
    own = []
    for finding in findings:
        if finding.origin == ALGORITHM:
            losses["findings of algorithms, which are no truth"] += 1
        else:
            own.append(finding)
    rows = []
    for finding, image, box in _boxes(own, images, losses):
        word = finding.note if finding.note in _CLASSES else finding.label
        rows.append(
            {
                **_names(image),
                "Subject": image.PatientID,
                "Slice": image.file_frame(finding.frame),
                "X": int(box.left),
                "Y": int(box.top),
                "Width": int(box.width),
                "Height": int(box.height),
                "Class": word,
                "AD": int(finding.label == _DISTORTION),
                "VolumeSlices": image.frames,
            }
        )
    write_table(path, TRUTH, rows)
    return losses


def _boxes(
    findings: Iterable[Finding], images: Sequence[Image], losses: Losses
) -> list[tuple[Finding, ImageAttributes, Box]]:
    """Return the findings in volumes with their boxes in whole pixels of the turned volume."""
    by_identity = {image.attributes.identity: image for image in images}
    facts = [image.attributes for image in images]
    kept = without_measures((finding for finding, _ in placed(findings, facts, losses)), losses, FORM)
    in_volumes = []
    for finding in kept:
        image = by_identity[finding.image_uid].attributes
        if image.kind is ImageKind.TOMO:
            in_volumes.append((finding, image.shape))
        else:
            losses["findings outside of tomosynthesis volumes, which DBTex does not hold"] += 1
    count_unsaid((f for f, _ in in_volumes), losses, FORM, "assessment", "reader", *DESCRIPTION)
    turned = {identity: is_turned(by_identity[identity]) for identity in {f.image_uid for f, _ in in_volumes}}
    found = []
    for finding, box in boxes_inside(in_volumes, losses, FORM):
        image = by_identity[finding.image_uid].attributes
        placed_box = box.turned(image.shape) if turned[finding.image_uid] else box
        whole = _whole_pixels(placed_box)
        if whole != placed_box:
            losses["boxes rounded to whole pixels"] += 1
        found.append((finding, image, whole))
    return found


def _whole_pixels(box: Box) -> Box:
    """Return a box with its edges at whole pixels, at least one apart."""
    left, top = float(round(box.left)), float(round(box.top))
    return Box(left, top, max(left + 1, float(round(box.right))), max(top + 1, float(round(box.bottom))))


def is_turned(image: Image) -> bool:
    """Return whether the data set turns a volume by 180 degrees before its boxes are drawn; decodes a frame.

    Raises
    ------
    DecodeError
        The first frame cannot be decoded.
    """
    facts = image.attributes
    side = facts.view.laterality
    if facts.kind is not ImageKind.TOMO or side not in ("R", "L"):
        return False
    return duke_correction(image.frame(facts.frame_of_file(0)), side) != Orientation()


def _names(image: ImageAttributes) -> dict[str, object]:
    view = f"{image.view.laterality}{image.view.position}".lower()
    return {"PatientID": image.PatientID, "StudyUID": image.StudyInstanceUID, "View": view}


def read_dbtex(path: Path, images: Sequence[Image]) -> Imported:
    """Return the findings of a prediction or truth table in the volumes of ``images``.

    A prediction lies on the middle one of its slices. Of a truth the class stands in the note where it is benign or
    cancer and the finding is an architectural distortion.

    Raises
    ------
    AnnotationError
        If a row is not as the data set has it; the text names the line.
    DecodeError
        A volume cannot be decoded.
    """
    losses: Losses = Counter()
    columns, rows = read_table(path)
    truth = "Slice" in columns
    turned: dict[str, bool] = {}
    findings = []
    for line, row in enumerate(rows, start=2):
        image = _volume(row, images)
        if image is None:
            losses["rows of volumes that are not open"] += 1
            continue
        attributes = image.attributes
        first = int(number(row, "Slice" if truth else "Z", line, path))
        depth = 1 if truth else int(number(row, "Depth", line, path))
        index = first + max(0, depth - 1) // 2
        if depth > 1:
            losses["depths of predictions, which become their middle slice"] += 1
        if not 0 <= index < attributes.frames:
            losses["rows of slices that the volume does not have"] += 1
            continue
        left, top, width, height = (number(row, name, line, path) for name in ("X", "Y", "Width", "Height"))
        box = Box(left, top, left + max(1.0, width), top + max(1.0, height))
        if turned.setdefault(attributes.identity, is_turned(image)):
            box = box.turned(attributes.shape)
        made = new_finding(attributes.identity, attributes.frame_of_file(index), box.roi(), "")
        findings.append(_described(made, row, truth, line, path))
    return Imported(tuple(findings), losses)


def _described(finding: Finding, row: Mapping[str, str], truth: bool, line: int, path: Path) -> Finding:
    if not truth:
        score = number(row, "Score", line, path)
        return finding.edited(origin=ALGORITHM, score=None if math.isnan(score) else score)
    word = row.get("Class", "").strip()
    if row.get("AD", "").strip() in ("1", "1.0", "True"):
        return finding.edited(label=_DISTORTION, note=word if word in _CLASSES else "")
    return finding.edited(label=word)


def _volume(row: Mapping[str, str], images: Sequence[Image]) -> Image | None:
    """Return the volume of a study and view; the data set numbers further ones of a view (``lcc1``)."""
    view = re.sub(r"[0-9]+$", "", row.get("View", "").strip().lower())
    for image in images:
        facts = image.attributes
        same = row.get("StudyUID", "") == facts.StudyInstanceUID and facts.kind is ImageKind.TOMO
        if same and view == f"{facts.view.laterality}{facts.view.position}".lower():
            return image
    return None
