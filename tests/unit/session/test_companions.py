"""Which companions belong to which image, what is drawn on a frame, and what is said of a CAD report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import companion_makers as makers
from helpers.images import breast_like, make_image

from mammoviewer.base.errors import DecodeError
from mammoviewer.base.notices import Notice
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import (
    Companion,
    CompanionKind,
    ImageLinks,
    Mark,
    MarkShape,
    MaskPlane,
    RunStatus,
    Shutter,
    Target,
)
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Window
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.companion_words import companion_lines, outcome_words, ranges
from mammoviewer.session.companions import CompanionShelf, apply_presentation, belongs, outlined, status_on
from mammoviewer.session.first_view import first_view

IMAGE = "1.2.3"
POINT = Mark((Target(IMAGE),), MarkShape.POINT, ((3.0, 4.0),))


def companion(kind: CompanionKind = CompanionKind.CAD, uid: str = "9.1", **parts: object) -> Companion:
    values = {"targets": (Target(IMAGE),), "StudyInstanceUID": "1.2.3", "label": "Report", **parts}
    return Companion(Path("report.dcm"), kind, uid, **values)  # type: ignore[arg-type]


def image(**changes: object) -> Image:
    return make_image("RCC", uid=IMAGE, **changes)  # type: ignore[arg-type]


@pytest.fixture
def shelf() -> Iterator[CompanionShelf]:
    with ThreadRunner(1, "test") as runner:
        yield CompanionShelf(runner)


def wait(shelf: CompanionShelf) -> None:
    for job in shelf._runner.jobs:
        job.wait(10)


def test_a_companion_belongs_to_the_images_it_names() -> None:
    assert belongs(companion(), image())
    assert not belongs(companion(targets=(Target("1.9"),)), image())


def test_marks_on_raw_images_are_drawn_on_what_was_made_of_them_for_cad_alone(shelf: CompanionShelf) -> None:
    shown = image()
    raw = Target("1.7")
    cad = companion(targets=(raw,), marks=(replace(POINT, targets=(raw,)),), follows=True)
    assert not belongs(cad, shown)
    shown.links = ImageLinks(sources=("1.7",))
    shelf.add([cad, companion(CompanionKind.PRESENTATION, "9.2", targets=(raw,))])
    assert shelf.of(shown) == (cad,)
    assert len(shelf.drawing(shown, 0).marks) == 1


def test_a_companion_is_taken_in_once_and_told_about_once(shelf: CompanionShelf) -> None:
    told: list[int] = []
    shelf.changed.connect(lambda: told.append(len(shelf.all)))
    shelf.add([companion(), companion()])
    shelf.add([companion()])
    assert told == [1]


def test_marks_are_drawn_on_their_frames_as_the_file_counts_them(shelf: CompanionShelf) -> None:
    volume = make_image(
        "RCC", kind=ImageKind.TOMO, uid=IMAGE, pixels=breast_like(8, 8, frames=3), frame_order=(2, 0, 1)
    )
    shelf.add([companion(marks=(replace(POINT, targets=(Target(IMAGE, (2,)),)),))])
    assert [len(shelf.drawing(volume, frame).marks) for frame in range(3)] == [1, 0, 0]
    assert shelf.frames(volume) == (0,)
    assert "1 mark on slices 1" in companion_lines(shelf.all[0], volume)


def test_shutters_of_a_presentation_state_hold_while_it_is_applied(shelf: CompanionShelf) -> None:
    own, of_state = Shutter(((0, 0), (0, 9), (9, 9))), Shutter(((1, 1), (1, 5), (5, 5)))
    shown = image()
    shown.companions = (companion(CompanionKind.SHUTTER, IMAGE, shutters=(own,)),)
    shelf.add([companion(CompanionKind.PRESENTATION, shutters=(of_state,))])
    assert shelf.drawing(shown, 0).shutters == (own,)
    assert shelf.drawing(shown, 0, "9.1").shutters == (own, of_state)


def test_masks_come_when_they_have_been_read(shelf: CompanionShelf) -> None:
    mask = np.zeros((160, 120), np.float32)
    mask[10:20, 30:50] = 1.0
    plane = MaskPlane((Target(IMAGE),), "Mass", (0.0, 0.0), lambda: mask, stretched=True)
    shelf.add([companion(CompanionKind.SEGMENTATION, planes=(plane,))])
    shown = image()
    shelf.drawing(shown, 0)
    wait(shelf)
    (area,) = shelf.drawing(shown, 0).areas
    ((curve,),) = area.curves
    np.testing.assert_allclose([curve.min(0), curve.max(0)], [(9.5, 29.5), (19.5, 49.5)])


def test_a_mask_that_cannot_be_read_is_told_about_once(shelf: CompanionShelf) -> None:
    def broken() -> np.ndarray:
        raise DecodeError("mask 1 is broken")

    told: list[Notice] = []
    shelf.notice.connect(told.append)
    shelf.add([companion(planes=(MaskPlane((Target(IMAGE),), "Mass", (0.0, 0.0), broken),))])
    for _ in range(3):
        assert shelf.drawing(image(), 0).areas == ()
        wait(shelf)
    assert [notice.text for notice in told] == ["mask 1 is broken"]


def test_a_smaller_mask_is_stretched_over_the_image_and_an_overlay_is_put_at_its_origin() -> None:
    mask = np.zeros((10, 10), np.float32)
    mask[2:4, 5:6] = 1.0
    stretched = outlined(MaskPlane((), "a", (0.0, 0.0), lambda: mask, stretched=True), (40, 20))
    curve = stretched.curves[0][0]
    np.testing.assert_allclose([curve.min(0), curve.max(0)], [(7.5, 9.5), (15.5, 11.5)])
    placed = outlined(MaskPlane((), "a", (-3.0, 7.0), lambda: mask), (40, 20))
    curve = placed.curves[0][0]
    np.testing.assert_allclose([curve.min(0), curve.max(0)], [(-1.5, 11.5), (0.5, 12.5)])


def test_graded_masks_have_three_levels() -> None:
    ramp = np.tile(np.linspace(0, 1, 21, dtype=np.float32), (10, 1))
    area = outlined(MaskPlane((), "heat", (0.0, 0.0), lambda: ramp, graded=True), (10, 21))
    assert [round(curves[0][:, 1].min(), 3) for curves in area.curves] == [5.0, 10.0, 15.0]


def test_doses_of_the_study_and_of_the_exposure(tmp_path: Path, shelf: CompanionShelf) -> None:
    events = [
        makers.content("CONTAINER", "113706", makers.uid_reference("113769", uid), makers.number("111631", dose, "mGy"))
        for uid, dose in (("7.1", 1.5), ("7.2", 2.5))
    ]
    made = makers.report(makers.DOSE, "113701", *events, makers.number("111637", 4.0, "mGy"), StudyInstanceUID="1.2.3")
    shelf.add([read_companion(makers.save(tmp_path / "dose.dcm", made))])
    shown = image()
    shown.links = ImageLinks(IrradiationEventUID=("7.2",))
    assert shelf.dose_facts(shown) == (("Average glandular dose", "2.5 mGy"), ("Accumulated dose", "4 mGy"))
    assert shelf.dose_facts(image(StudyInstanceUID="8.8")) == ()


def test_a_presentation_state_is_applied_and_taken_back(tmp_path: Path) -> None:
    made = makers.presentation_state(
        IMAGE, window=(700, 300), ImageRotation=90, ImageHorizontalFlip="N", PresentationLUTShape="INVERSE"
    )
    state = first_view(image(orientation=Orientation(flip_columns=True)))
    before = state.voi
    found = read_companion(makers.save(tmp_path / "gsps.dcm", made))
    apply_presentation(state, found)
    assert state.voi == Window(700, 300, explanation="Window 1")
    assert state.orientation == Orientation().rotated(1)
    assert (state.inverted, state.presentation) == (True, found.SOPInstanceUID)
    apply_presentation(state, None)
    assert (state.voi, state.orientation, state.inverted) == (before, Orientation(flip_columns=True), False)
    assert state.presentation == ""


@pytest.mark.parametrize(
    ("report", "expected", "on_image"),
    [
        ({"status": RunStatus.FINDINGS, "marks": (POINT,)}, RunStatus.FINDINGS, ""),
        ({"status": RunStatus.FINDINGS}, RunStatus.NO_FINDINGS, "CAD: no findings"),
        ({"status": RunStatus.FINDINGS, "facts": (("Not for presentation", "1"),)}, RunStatus.FINDINGS, ""),
        ({"status": RunStatus.NO_FINDINGS}, RunStatus.NO_FINDINGS, "CAD: no findings"),
        ({"status": RunStatus.FAILED}, RunStatus.FAILED, "CAD FAILED"),
        ({"status": RunStatus.NOT_RUN}, RunStatus.NOT_RUN, "CAD NOT RUN"),
        ({"status": RunStatus.PARTIAL}, RunStatus.PARTIAL, "CAD PARTLY FAILED"),
        ({"status": None}, None, ""),
    ],
)
def test_a_failure_is_never_told_as_no_findings(
    report: dict[str, object], expected: RunStatus | None, on_image: str
) -> None:
    assert status_on(companion(**report), image()) is expected
    assert outcome_words(companion(**report), image())[0] == on_image


def test_what_failed_on_one_image_alone(tmp_path: Path) -> None:
    failed = makers.cad_report([IMAGE], summary="111243", detections="111223", failed=True)
    found = read_companion(makers.save(tmp_path / "cad.dcm", failed))
    assert status_on(found, image()) is RunStatus.FAILED
    elsewhere = replace(
        found, targets=(Target(IMAGE), Target("1.9")), runs=(replace(found.runs[0], targets=(Target("1.9"),)),)
    )
    assert status_on(elsewhere, image()) is RunStatus.PARTIAL


def test_words_name_the_algorithm_and_what_there_is(tmp_path: Path) -> None:
    found = read_companion(makers.save(tmp_path / "cad.dcm", makers.cad_report([IMAGE], summary="111241")))
    assert companion_lines(found, image()) == (
        "Report",
        "ran, no findings",
        "CalcFinder 2.1, Calcification cluster",
    )
    failed = makers.cad_report([IMAGE], summary="111245", detections="111224", failed=True)
    words = companion_lines(read_companion(makers.save(tmp_path / "failed.dcm", failed)))
    assert "FAILED: no result" in words
    assert "CalcFinder 2.1, Calcification cluster, FAILED" in words


def test_slices_are_told_as_readers_count_them() -> None:
    assert ranges((2, 4, 5, 6, 9)) == "3, 5-7, 10"
    assert ranges(()) == ""
