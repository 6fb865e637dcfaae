"""What changes by itself when a reader changes the view of an image."""

from __future__ import annotations

from dataclasses import replace

from helpers.images import breast_like, make_image

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.imaging.voi import Window
from mammoviewer.session.viewer_state import ViewerState

FRAMES = tuple(
    (Window(1000.0 + frame, 2000.0, explanation="NORMAL"), Window(1500.0 + frame, 900.0, explanation="HARDER"))
    for frame in range(4)
)


def tomo(**changes: object) -> ViewerState:
    image = make_image("LMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=4), frame_vois=FRAMES, **changes)
    return ViewerState(image, voi=FRAMES[0][1])


def test_a_window_chosen_by_name_takes_each_frames_own_values() -> None:
    state = tomo()
    state.scroll(2)
    assert state.voi == FRAMES[2][1]
    state.frame = 0
    assert state.voi == FRAMES[0][1]


def test_the_name_counts_more_than_the_place() -> None:
    state = tomo()
    state.image = make_image(
        "LMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=2), frame_vois=(FRAMES[0], FRAMES[1][::-1])
    )
    state.scroll(1)
    assert state.voi == FRAMES[1][1]


def test_a_window_set_by_hand_is_kept_over_slices() -> None:
    state = tomo()
    state.voi = replace(FRAMES[0][1], center=1234.0, explanation="")
    state.scroll(3)
    assert state.voi == Window(1234.0, 900.0)


def test_a_presentation_states_window_is_kept_over_slices() -> None:
    state = tomo()
    state.presentation = "1.2.3"
    state.scroll(3)
    assert state.voi == FRAMES[0][1]


def test_a_frame_without_that_window_keeps_the_one_before() -> None:
    state = tomo()
    state.image = make_image(
        "LMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=2), frame_vois=(FRAMES[0], FRAMES[1][:1])
    )
    state.scroll(1)
    assert state.voi == FRAMES[0][1]
