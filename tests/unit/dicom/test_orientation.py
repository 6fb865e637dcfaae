from __future__ import annotations

import itertools

import numpy as np
import pytest

from mammoviewer.dicom.attributes import View
from mammoviewer.dicom.orientation import (
    edge_letters,
    find_hanging,
    laterality_from_pixels,
    plane_directions,
    valid_patient_orientation,
)
from mammoviewer.imaging.geometry import Orientation

OPPOSITE = dict(zip("APLRHF", "PARLFH", strict=True))
# IHE RAD TF-2 4.16.4.2.2.1.1.2, row\column.
HUNG = [
    (View("R", "CC"), ("P", "L")),
    (View("L", "CC"), ("A", "R")),
    (View("R", "XCCL"), ("P", "L")),
    (View("L", "FB"), ("A", "R")),
    (View("R", "MLO"), ("P", "F")),
    (View("L", "MLO"), ("A", "F")),
    (View("R", "ML"), ("P", "F")),
    (View("L", "SIO"), ("A", "F")),
    (View("R", "MLO"), ("P", "FL")),
    (View("L", "MLO"), ("A", "FR")),
    (View("L", "MLO"), ("AR", "FR")),
]


def directions_after(orientation: Orientation, row: str, column: str) -> tuple[str, str]:
    """Return the directions of a picture after it was turned."""
    if orientation.transpose:
        row, column = column, row
    if orientation.flip_columns:
        row = "".join(OPPOSITE[letter] for letter in row)
    if orientation.flip_rows:
        column = "".join(OPPOSITE[letter] for letter in column)
    return row, column


@pytest.mark.parametrize(("view", "target"), HUNG)
@pytest.mark.parametrize("turn", [Orientation(*flags) for flags in itertools.product((False, True), repeat=3)])
def test_however_an_image_is_stored_it_hangs_as_ihe_wants(
    view: View, target: tuple[str, str], turn: Orientation
) -> None:
    stored = directions_after(turn.inverse(), *target)
    found = find_hanging(view, stored)
    assert found is not None
    assert directions_after(found, *stored) == target
    assert found == turn


@pytest.mark.parametrize(
    ("view", "directions"),
    [
        (View("R", "CC"), ("X", "Y")),
        (View("R", "CC"), ()),
        (View("R", "CC"), ("P",)),
        (View("R", "CC"), ("", "L")),
        (View("R", "CC"), ("L", "F")),
        (View("", "CC"), ("P", "L")),
        (View("R", "CC"), ("P", "A")),
    ],
)
def test_what_does_not_tell_the_directions_hangs_no_way(view: View, directions: tuple[str, ...]) -> None:
    assert find_hanging(view, directions) is None


@pytest.mark.parametrize(
    ("view", "cosines", "expected"),
    [
        (View("L", "CC"), (0, -1, 0, -1, 0, 0), Orientation()),
        (View("L", "CC"), (0, 1, 0, -1, 0, 0), Orientation(flip_columns=True)),
        (View("R", "CC"), (0, 1, 0, 1, 0, 0), Orientation()),
        (View("R", "CC"), (0, -1, 0, -1, 0, 0), Orientation(flip_rows=True, flip_columns=True)),
        (View("L", "MLO"), (0, -1, 0, 0, 0, -1), Orientation()),
        (View("L", "MLO"), (0, -1, 0, -0.7071, 0, -0.7071), Orientation()),
        (View("R", "MLO"), (0, 0, -1, 0, 1, 0), Orientation(transpose=True)),
    ],
)
def test_a_volume_hangs_by_its_plane(view: View, cosines: tuple[float, ...], expected: Orientation) -> None:
    assert find_hanging(view, (), cosines) == expected


def test_the_plane_of_a_volume_tells_what_lies_at_its_edges() -> None:
    directions = plane_directions((0, -1, 0, -0.6, 0, -0.8))
    assert directions == ("A", "FR")
    assert edge_letters(directions, Orientation(flip_columns=True)) == ("A", "P", "HL", "FR")
    assert plane_directions((0, -1, 0, -0.7071, 0, -0.7071)) == ("A", "FR")
    assert plane_directions(None) == ()


def test_patient_orientation_comes_before_the_plane() -> None:
    assert find_hanging(View("R", "CC"), ("P", "L"), (0, -1, 0, -1, 0, 0)) == Orientation()


def test_an_oblique_told_by_its_side_alone_hangs_too() -> None:
    assert find_hanging(View("R", "MLO"), ("P", "L")) == Orientation()
    assert find_hanging(View("L", "MLO"), ("P", "L")) == Orientation(flip_rows=True, flip_columns=True)


@pytest.mark.parametrize(("directions", "valid"), [(("P", "FL"), True), (("p", "fl"), False), (("P", "L", "F"), False)])
def test_directions_are_made_of_the_standards_letters(directions: tuple[str, ...], valid: bool) -> None:
    assert valid_patient_orientation(directions) is valid


@pytest.mark.parametrize("flipped", [False, True])
def test_the_pixels_tell_the_side_of_the_chest_wall(flipped: bool) -> None:
    row, column = np.mgrid[0:100, 0:80]
    mask = ((row - 50) / 45) ** 2 + ((79 - column) / 60) ** 2 < 1
    found = laterality_from_pixels(mask, Orientation(flip_columns=flipped))
    assert found.laterality == ("L" if flipped else "R")
    assert found.confidence > 0.9


@pytest.mark.parametrize("mask", [np.zeros((50, 40), bool), np.ones((50, 40), bool)])
def test_pixels_that_do_not_tell_say_so(mask: np.ndarray) -> None:
    assert laterality_from_pixels(mask, Orientation()).laterality == ""
