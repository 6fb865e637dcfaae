"""Which labelled regions must stay on one side of a split, because they may show the same lesion or patient.

Splitting two drawings of one lesion over training and testing makes chance look like skill. So regions are grouped by
patient where there are enough of them, else by breast, else by lesion; only when none of these leaves two groups of
every class, each region stands for itself, and nothing can be claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.datasets.splits import merged_groups, smallest_class_groups
from mammoviewer.dicom.attributes import ImageAttributes

FEWEST_PATIENTS_TO_GROUP_BY = 5
# One view of a breast taken twice, or as slices and flat, does not lie still to the millimetre.
_SAME_VIEW_MM = 10.0
# How far from the chest wall a lesion is seen differs between views by the compression.
_OTHER_VIEW_MM = 20.0
_NUDGE = 1.0
_POINT_SIZE_MM = 5.0
_UNKNOWN_PIXEL_MM = 0.1


@dataclass(frozen=True)
class Grouping:
    """One group name per region.

    Attributes
    ----------
    unit
        What a group is: "patient", "breast", "lesion" or "region".
    groups
        One name per region, without anything that names a patient.
    patients
        How many patients the regions are of; 0 when an image does not say.
    """

    unit: str
    groups: tuple[str, ...]
    patients: int


@dataclass(frozen=True)
class _Place:
    """Where a region lies: its image and breast, and its box in mm (row, depth from the chest wall).

    Boxes of images with ``located`` can be compared between views and exposures; without it they are in pixels or
    from a magnified part of the breast.
    """

    image: str
    patient: Hashable
    laterality: str
    position: str
    label: str
    box: tuple[float, float, float, float]
    located: bool


def group_regions(findings: Sequence[Finding], images: Mapping[str, ImageAttributes]) -> Grouping:
    """Return the most cautious grouping that leaves at least two groups of every class.

    Parameters
    ----------
    findings
        The labelled regions.
    images
        The attributes of their images, by identity.
    """
    places = [_place(finding, images[finding.image_uid]) for finding in findings]
    patients = len({place.patient for place in places})
    known = all(patient_of(images[finding.image_uid]) for finding in findings)
    labels = _numbers([place.label for place in places])
    for unit, group in (("patient", _by_patient), ("breast", _by_breast), ("lesion", _by_lesion)):
        if unit == "patient" and (patients < FEWEST_PATIENTS_TO_GROUP_BY or not known):
            continue
        groups = group(places)
        if smallest_class_groups(labels, groups) >= 2:
            return Grouping(unit, groups, patients if known else 0)
    return Grouping("region", _names("region", range(len(places))), patients if known else 0)


def patient_of(attributes: ImageAttributes) -> str:
    """Return what tells the patient of an image from others; empty when the image does not say."""
    return attributes.PatientID.strip() or attributes.StudyInstanceUID


def stored_box(finding: Finding, attributes: ImageAttributes) -> tuple[float, float, float, float]:
    """Return (first row, first column, last row, last column) of a region in stored pixels; a point gets 5 mm."""
    top, left, bottom, right = finding.roi.bounding_box()
    if finding.roi.kind is RoiKind.POINT:
        spacing = attributes.pixel_spacing
        half_row = _POINT_SIZE_MM / 2 / (spacing.row_mm if spacing else _UNKNOWN_PIXEL_MM)
        half_column = _POINT_SIZE_MM / 2 / (spacing.column_mm if spacing else _UNKNOWN_PIXEL_MM)
        top, bottom, left, right = top - half_row, bottom + half_row, left - half_column, right + half_column
    return top, left, bottom, right


def _by_patient(places: Sequence[_Place]) -> tuple[str, ...]:
    return _names("patient", [place.patient for place in places])


def _by_breast(places: Sequence[_Place]) -> tuple[str, ...]:
    """Join all regions of a class in a breast, whatever the view, and what overlaps with them."""
    breasts = _names("breast", [(place.patient, place.laterality, place.label) for place in places])
    return merged_groups(breasts, _pairs(places, _may_be_one_lesion))


def _by_lesion(places: Sequence[_Place]) -> tuple[str, ...]:
    return merged_groups(_names("lesion", range(len(places))), _pairs(places, _may_be_one_lesion))


def _pairs(places: Sequence[_Place], alike: Callable[[_Place, _Place], bool]) -> list[tuple[int, int]]:
    return [(i, j) for (i, one), (j, other) in combinations(enumerate(places), 2) if alike(one, other)]


def _may_be_one_lesion(one: _Place, other: _Place) -> bool:
    """Tell whether two regions may show the same spot of the same breast.

    Slices of a volume are not told apart: a lesion and its shadow reach through many of them.
    """
    if one.image == other.image:
        return _near(one, other, _NUDGE)
    if one.patient != other.patient or one.laterality != other.laterality:
        return False
    if not (one.located and other.located):
        return True
    if one.position == other.position:
        return _near(one, other, _SAME_VIEW_MM)
    return one.label == other.label and _apart(one.box[1::2], other.box[1::2]) <= _OTHER_VIEW_MM


def _near(one: _Place, other: _Place, slack: float) -> bool:
    return all(_apart(one.box[axis::2], other.box[axis::2]) <= slack for axis in (0, 1))


def _apart(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the gap between two stretches (first, last); negative where they overlap."""
    return max(one[0], other[0]) - min(one[1], other[1])


def _place(finding: Finding, attributes: ImageAttributes) -> _Place:
    top, left, bottom, right = stored_box(finding, attributes)
    corners = attributes.orientation.to_display(np.array([(top, left), (bottom, right)]), attributes.shape)
    rows, columns = corners[:, 0], corners[:, 1]
    view, spacing = attributes.view, attributes.pixel_spacing
    if view.laterality == "R":
        # hung, the chest wall of the right breast is at the right edge
        columns = attributes.orientation.display_shape(attributes.shape)[1] - 1 - columns
    if spacing is not None:
        turned = attributes.orientation.transpose
        rows = rows * (spacing.column_mm if turned else spacing.row_mm)
        columns = columns * (spacing.row_mm if turned else spacing.column_mm)
    box = (float(rows.min()), float(columns.min()), float(rows.max()), float(columns.max()))
    patient = patient_of(attributes) or attributes.identity
    located = spacing is not None and not view.modifiers
    return _Place(attributes.identity, patient, view.laterality, view.position, finding.label, box, located)


def _names(kind: str, keys: Sequence[Hashable] | range) -> tuple[str, ...]:
    numbers = _numbers(keys)
    # padded, so that the order of the names is the order of appearance
    return tuple(f"{kind} {number + 1:05d}" for number in numbers)


def _numbers(keys: Sequence[Hashable] | range) -> list[int]:
    first = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [first[key] for key in keys]
