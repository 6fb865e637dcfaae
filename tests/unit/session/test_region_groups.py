from __future__ import annotations

import pytest
from helpers.images import breast_like, make_image

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.region_groups import group_regions

PIXELS = breast_like(400, 300)


def image(label="RCC", patient="P", uid="", **changes):
    return make_image(label, pixels=PIXELS, uid=uid or f"{patient}.{label}", PatientID=patient, **changes)


def region(on, row, column, label, *, frame=0, half=20, kind=RoiKind.RECTANGLE):
    points = ((row - half, column - half), (row + half, column + half))
    return new_finding(
        on.attributes.identity, frame, Roi(kind, points if kind is not RoiKind.POINT else ((row, column),)), label
    )


def grouped(findings, *images):
    return group_regions(findings, {one.attributes.identity: one.attributes for one in images})


def both(on):
    """Return a region of each of two classes, far apart."""
    return [region(on, 100, 250, "Mass"), region(on, 300, 100, "Normal")]


def test_five_patients_are_held_out_patient_by_patient():
    images = [image(view, f"P{i}") for i in range(5) for view in ("RCC", "RMLO", "LCC")]
    result = grouped([finding for one in images for finding in both(one)], *images)
    assert (result.unit, result.patients, len(set(result.groups))) == ("patient", 5, 5)
    assert len(set(result.groups[:6])) == 1
    assert not any("P0" in name for name in result.groups), "the names of groups do not tell who the patients are"


def test_without_a_patient_id_the_study_tells_patients_apart():
    images = [image("RCC", "", f"u{i}", StudyInstanceUID=f"1.{i}") for i in range(5)]
    assert grouped([f for one in images for f in both(one)], *images).patients == 5


def test_images_that_name_no_patient_are_not_counted_as_patients():
    images = [image("", "", f"u{i}", StudyInstanceUID="") for i in range(12)]
    result = grouped([f for one in images for f in both(one)], *images)
    assert result.patients == 0
    assert result.unit != "patient"


def test_a_class_on_both_views_of_a_breast_is_one_group():
    images = [image(view) for view in ("RCC", "RMLO", "LCC", "LMLO")]
    result = grouped([f for one in images for f in both(one)], *images)
    assert (result.unit, result.patients) == ("breast", 1)
    right = result.groups[0]
    assert [result.groups[i] for i in (0, 2)] == [right, right], "the mass of the right breast, in CC and MLO"
    assert len(set(result.groups)) == 4


def test_breasts_share_no_group_unless_their_regions_overlap_with_another_class():
    right, left = image("RCC"), image("LCC")
    findings = [*both(right), region(right, 110, 240, "Normal"), *both(left)]
    # on the right the overlap joins both classes, so that two groups of each are left: the breasts
    assert grouped(findings, right, left).unit == "breast"
    assert len(set(grouped(findings, right, left).groups)) == 3


def lesions(*more, label="Mass"):
    """Return regions of one breast: two lesions and two normal places on RCC, and ``more``."""
    on = image("RCC", frames=20)
    drawn = [region(on, 60, 200, label), region(on, 340, 200, label), *[region(on, r, 60, "Normal") for r in (60, 340)]]
    return on, [*drawn, *more]


@pytest.mark.parametrize(
    ("row", "frame", "label", "joined"),
    [
        (60, 0, "Mass", True),
        (95, 0, "Mass", True),
        (105, 0, "Mass", True),
        (60, 15, "Mass", True),
        (60, 3, "Normal", True),
        (200, 0, "Mass", False),
    ],
)
def test_what_overlaps_on_any_slice_of_an_image_is_one_lesion(row, frame, label, joined):
    on, drawn = lesions()
    result = grouped([*drawn, region(on, row, 200, label, frame=frame)], on)
    assert result.unit == "lesion"
    assert (result.groups[4] == result.groups[0]) is joined


def test_points_are_as_large_as_the_patch_made_of_them():
    on, drawn = lesions()
    near = [region(on, row, 200, "Mass", kind=RoiKind.POINT) for row in (180, 220)]
    result = grouped([*drawn, *near], on)
    assert result.groups[4] == result.groups[5]


def test_the_same_place_on_another_image_of_the_view_is_one_lesion():
    on, drawn = lesions()
    mirrored = image("RCC", uid="other", orientation=Orientation(flip_columns=True))
    coarse = image("RCC", uid="coarse", pixel_spacing=PixelSpacing(0.2, 0.2, "mm at detector"))
    same = [region(mirrored, 340, 299 - 200, "Mass"), region(coarse, 170, 299 - 50, "Mass", half=10)]
    result = grouped([*drawn, *same], on, mirrored, coarse)
    assert result.unit == "lesion"
    assert result.groups[4] == result.groups[5] == result.groups[1]
    assert result.groups[0] != result.groups[1]


def test_the_other_view_joins_what_lies_as_deep():
    on, drawn = lesions()
    other = image("RMLO", pixel_spacing=PixelSpacing(0.4, 0.4, "mm at detector"))
    findings = [*drawn, region(other, 60, 299 - 25, "Mass", half=5), region(other, 60, 299 - 200, "Mass", half=5)]
    result = grouped(findings, on, other)
    assert result.unit == "lesion"
    assert result.groups[4] == result.groups[0] == result.groups[1]
    assert result.groups[5] != result.groups[0]


def test_magnified_views_cannot_be_told_apart_from_the_rest_of_the_breast():
    on = image("RCC")
    spot = image("RCC", uid="spot", pixel_spacing=None)
    findings = [*both(on), *both(spot)]
    result = grouped(findings, on, spot)
    assert (result.unit, len(set(result.groups))) == ("region", 4)


def test_one_lesion_drawn_many_times_leaves_regions_alone():
    on = image("RCC")
    findings = [region(on, 100 + i, 200, label, frame=0) for i, label in enumerate(["Mass"] * 3 + ["Normal"] * 3)]
    result = grouped(findings, on)
    assert (result.unit, result.patients, len(set(result.groups))) == ("region", 1, 6)
