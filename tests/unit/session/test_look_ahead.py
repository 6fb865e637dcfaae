from __future__ import annotations

import pytest
from helpers.images import breast_like, make_image

from mammoviewer.session.look_ahead import LookAhead, nearest_first


def volume(label: str = "RMLO", frames: int = 10):
    return make_image(label, pixels=breast_like(8, 8, frames=frames))


def taken(ahead: LookAhead, held=lambda image, frame: False) -> list[tuple[str, int]]:
    found = []
    while (place := ahead.take(held)) is not None:
        found.append((place[0].attributes.view.label, place[1]))
    return found


@pytest.mark.parametrize(
    ("direction", "expected"),
    [(0, [4, 3, 5, 2, 6, 1, 7, 0]), (1, [4, 5, 6, 3, 7, 2, 1, 0]), (-1, [4, 3, 2, 1, 5, 0, 6, 7])],
)
def test_the_nearest_in_the_direction_of_travel_come_first(direction, expected):
    assert nearest_first(4, 8, direction) == expected


def test_no_more_is_planned_than_the_memory_holds():
    ahead = LookAhead(1000, lambda image: 100)
    ahead.plan(volume(), 0, 1)
    assert [frame for _, frame in taken(ahead)] == [0, 1, 2, 3, 4, 5, 6]


def test_volumes_share_the_memory_and_take_turns():
    ahead = LookAhead(800, lambda image: 100)
    ahead.plan(volume("RMLO"), 0, 1)
    ahead.plan(volume("LMLO"), 5, 1)
    assert taken(ahead) == [("LMLO", 5), ("RMLO", 0), ("LMLO", 6), ("RMLO", 1), ("LMLO", 7), ("RMLO", 2)]


def test_what_is_held_or_left_out_is_passed_over():
    image = volume()
    ahead = LookAhead(10_000, lambda image: 100)
    ahead.leave_out(image.attributes.identity, 3)
    ahead.plan(image, 0, 1)
    assert [frame for _, frame in taken(ahead, lambda image, frame: frame in (0, 2, 9))] == [1, 4, 5, 6, 7, 8]
    ahead.try_again([image.attributes.identity])
    assert [frame for _, frame in taken(ahead, lambda image, frame: frame != 3)] == [3]


def test_a_new_place_takes_that_of_the_old_one_and_the_same_place_changes_nothing():
    image = volume()
    ahead = LookAhead(10_000, lambda image: 100)
    ahead.plan(image, 0, 1)
    assert ahead.take(lambda image, frame: False) == (image, 0)
    ahead.plan(image, 0, 1)
    assert ahead.take(lambda image, frame: False) == (image, 1)
    ahead.plan(image, 8, 1)
    assert [frame for _, frame in taken(ahead)][:3] == [8, 9, 7]


def test_single_images_and_those_that_left_the_screen_have_no_plan():
    ahead = LookAhead(10_000, lambda image: 100)
    ahead.plan(make_image(), 0, 0)
    one, other = volume("RMLO"), volume("LMLO")
    ahead.plan(one, 0, 0)
    ahead.plan(other, 0, 0)
    ahead.keep_only([one.attributes.identity])
    assert {label for label, _ in taken(ahead)} == {"RMLO"}
    ahead.forget(one.attributes.identity)
    assert taken(ahead) == []
    assert ahead.planned() == []


def test_the_least_wanted_frames_are_listed_first():
    image = volume(frames=4)
    ahead = LookAhead(10_000, lambda image: 100)
    ahead.plan(image, 1, 1)
    assert [frame for _, frame in ahead.planned()] == [0, 3, 2, 1]
