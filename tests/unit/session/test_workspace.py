from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import dicom_makers
from helpers.images import breast_like, make_image

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ArgumentError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult, Rejected
from mammoviewer.imaging.voi import Window
from mammoviewer.session import workspace as workspace_module
from mammoviewer.session.first_view import first_view, set_auto_window
from mammoviewer.session.image_facts import reread_texts, state_pixel_size, swap_pixel_size
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def make_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    made = []

    def make():
        made.append(Workspace(Settings()))
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()


def exam():
    flat = [make_image(label, uid=f"1.{i}") for i, label in enumerate(("RCC", "LCC", "RMLO", "LMLO"))]
    tomo = make_image("LMLO", kind=ImageKind.TOMO, uid="1.9", pixels=breast_like(frames=5))
    return OpenResult((*flat, tomo), ())


def test_an_exam_hangs_and_its_stages_go_round(make_workspace):
    workspace = make_workspace()
    workspace.add(exam())
    assert workspace.stage.title == "Four views"
    assert workspace.active.image.attributes.view.label == "RCC"
    workspace.show_stage(1)
    assert workspace.stage.cells == ("1.9", "1.3")
    assert workspace.active.image.attributes.kind is ImageKind.TOMO
    workspace.show_stage(-1)
    assert workspace.stage_index == len(workspace.stages) - 1


def test_opening_the_same_images_again_keeps_their_views(make_workspace):
    workspace = make_workspace()
    workspace.add(exam())
    workspace.state("1.0").zoom = 2.0
    workspace.add(exam())
    assert workspace.state("1.0").zoom == 2.0
    assert len(workspace.images) == 5


@pytest.mark.parametrize(
    "again", [lambda w: w.show_stage(0), lambda w: w.add(exam()), lambda w: w.choose_study(w.study)]
)
def test_a_frame_that_failed_is_tried_again_when_its_image_is_opened_or_hung_again(make_workspace, again):
    workspace = make_workspace()
    workspace.add(exam())
    state = workspace.state("1.0")
    workspace.pictures._bad.add(("1.0", 0, ()))
    assert workspace.pictures.is_bad(state)
    again(workspace)
    assert not workspace.pictures.is_bad(state)


def test_what_did_not_open_is_told_and_the_rest_opens(make_workspace):
    workspace = make_workspace()
    told = []
    workspace.notice.connect(told.append)
    rejected = tuple(Rejected(Path(f"{i}.dcm"), "is not an image") for i in range(8))
    workspace.add(OpenResult(exam().images, rejected))
    assert workspace.stage is not None
    assert [notice.text for notice in told[:2]] == ["0.dcm: is not an image", "1.dcm: is not an image"]
    assert told[5].text == "3 more files were left out"


def test_findings_come_back_after_a_restart(make_workspace):
    first = make_workspace()
    first.add(exam())
    finding = new_finding("1.0", 0, Roi(RoiKind.ELLIPSE, ((1, 2), (30, 40))), "Mass")
    first.edit(AddFinding(finding))
    # No close: what was made must be there even after a crash.
    second = make_workspace()
    second.add(exam())
    assert second.annotations.for_image("1.0") == (finding,)
    first.edits.undo()
    third = make_workspace()
    third.add(exam())
    assert third.annotations.for_image("1.0") == ()


def test_a_view_starts_at_the_middle_slice_in_the_files_window():
    state = first_view(make_image("LMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=5)))
    assert state.frame == 2
    assert state.voi.explanation == "NORMAL"
    assert (state.overlay, state.inverted, state.filters) == ("none", False, ())


def test_scrolling_stops_at_the_ends():
    state = first_view(make_image(pixels=breast_like(frames=5)))
    state.scroll(-9)
    assert state.frame == 0
    state.scroll(99)
    assert state.frame == 4


def test_an_image_without_a_window_gets_one_from_its_pixels():
    state = first_view(make_image(vois=()))
    assert isinstance(state.voi, Window)
    before = state.voi
    set_auto_window(state)
    assert state.voi == before, "nothing may be decoded here"
    pixels = state.image.frame(0)
    set_auto_window(state)
    seen = pixels[pixels > 0]
    assert np.percentile(seen, 20) < state.voi.center < np.percentile(seen, 99.9) or state.voi.width > 1000


def test_one_image_can_be_hung_alone_and_the_protocol_stays(make_workspace):
    workspace = make_workspace()
    workspace.add(exam())
    count = len(workspace.stages)
    workspace.show_single("1.2")
    assert workspace.stage.cells == ("1.2",)
    workspace.show_single("1.2")
    assert len(workspace.stages) == count + 1
    workspace.show_stage(0)
    assert workspace.stage.title == "Four views"


def saved(path, seed, frames=None, **changes):
    """Write a mammogram, or a volume of some frames, of one UID."""
    if frames is None:
        pixels = dicom_makers.texture(seed=seed)
        dicom_makers.save(path, dicom_makers.mammogram(pixels, SOPInstanceUID="1.2.3.77", **changes), pixels)
    else:
        pixels = np.stack([dicom_makers.texture(seed=seed + frame) for frame in range(frames)])
        dicom_makers.save(path, dicom_makers.tomo(pixels, SOPInstanceUID="1.2.3.77", **changes), pixels)
    return pixels


def test_another_file_with_an_open_uid_is_shown_too_and_told(make_workspace, tmp_path):
    one, two = saved(tmp_path / "a" / "1.dcm", 1), saved(tmp_path / "b" / "2.dcm", 2)
    workspace = make_workspace()
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    for folder in ("a", "b", "b"):
        assert workspace.open([tmp_path / folder]).wait(20)
    first, second = workspace.images
    np.testing.assert_array_equal(first.frame(), one)
    np.testing.assert_array_equal(second.frame(), two)
    assert first.attributes.identity != second.attributes.identity
    assert workspace.state(second.attributes.identity).image is second
    assert any("differ" in text for text in told)


def test_a_copy_of_an_open_file_is_not_shown_twice(make_workspace, tmp_path):
    saved(tmp_path / "a" / "1.dcm", 1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "copy.dcm").write_bytes((tmp_path / "a" / "1.dcm").read_bytes())
    workspace = make_workspace()
    for folder in ("a", "b", "a"):
        assert workspace.open([tmp_path / folder]).wait(20)
    assert len(workspace.images) == 1


def test_a_file_that_was_completed_is_read_anew_in_the_same_view(make_workspace, tmp_path):
    path = tmp_path / "a" / "1.dcm"
    pixels = saved(path, 1, frames=5)
    whole = path.read_bytes()
    path.write_bytes(whole[: -2 * pixels[0].nbytes - 10])
    workspace = make_workspace()
    workspace.open([path]).wait(20)
    (cut,) = workspace.images
    assert cut.attributes.frames == 2
    state = workspace.state(cut.attributes.identity)
    state.zoom, state.frame = 2.0, 1
    path.write_bytes(whole)
    workspace.open([path]).wait(20)
    (complete,) = workspace.images
    renewed = workspace.state(complete.attributes.identity)
    assert (renewed.image, renewed.zoom, renewed.frame, renewed.frames) == (complete, 2.0, 1, 5)
    assert workspace.study.images == (complete,)
    np.testing.assert_array_equal(complete.frame(4), pixels[4])


def test_openings_that_end_together_lose_nothing(make_workspace, tmp_path, monkeypatch):
    for study in range(2):
        for number in range(3):
            pixels = dicom_makers.texture(seed=number)
            made = dicom_makers.mammogram(pixels, StudyInstanceUID=f"1.2.{study}")
            dicom_makers.save(tmp_path / str(study) / f"{number}.dcm", made, pixels)
    grouping = workspace_module.group_studies
    monkeypatch.setattr(workspace_module, "group_studies", lambda images: (time.sleep(0.05), grouping(images))[1])
    workspace = make_workspace()
    jobs = [workspace.open([tmp_path / folder]) for folder in ("0", "1", "0")]
    assert all(job.wait(20) and job.error is None for job in jobs)
    assert len({image.attributes.identity for image in workspace.images}) == len(workspace.images) == 6


def test_a_volume_added_to_an_open_study_is_hung(make_workspace):
    workspace = make_workspace()
    images = exam().images
    workspace.add(OpenResult(images[:4], ()))
    assert workspace.stage.title == "Four views"
    workspace.add(OpenResult(images[4:], ()))
    assert "1.9" in workspace.stage.cells


def test_a_stated_pixel_size_is_for_images_that_bring_none(make_workspace, tmp_path):
    cv2.imwrite(str(tmp_path / "film.png"), dicom_makers.texture(40, 30, bits=8).astype(np.uint8))
    pixels = dicom_makers.texture(seed=3)
    dicom_makers.save(tmp_path / "a.dcm", dicom_makers.mammogram(pixels), pixels)
    workspace = make_workspace()
    told = []
    workspace.facts_changed.connect(lambda: told.append(True))
    workspace.open([tmp_path]).wait(20)
    film = next(image for image in workspace.images if image.attributes.kind is ImageKind.RASTER)
    other = next(image for image in workspace.images if image is not film)
    before = other.attributes.pixel_spacing
    identities = [image.attributes.identity for image in workspace.images]
    for size in (0.05, 0.07):
        state_pixel_size(workspace, identities, size)
        assert film.attributes.pixel_spacing.row_mm == size
    assert other.attributes.pixel_spacing is before
    assert len(told) == 2
    assert [entry.pixel_spacing_mm for entry in workspace.opened] == [0.07]
    workspace.open([tmp_path / "film.png"], pixel_spacing_mm=0.09).wait(20)
    assert film.attributes.pixel_spacing.row_mm == 0.09
    with pytest.raises(ArgumentError):
        state_pixel_size(workspace, identities, 0.0)


def test_the_texts_of_a_study_are_read_anew_by_another_character_set(make_workspace, tmp_path):
    pixels = dicom_makers.texture(seed=3)
    path = dicom_makers.save(tmp_path / "a.dcm", dicom_makers.mammogram(pixels, PatientName="12345^Test"), pixels)
    path.write_bytes(path.read_bytes().replace(b"12345^Test", "Иванов^Ив".encode("cp1251") + b" "))
    workspace = make_workspace()
    workspace.open([tmp_path]).wait(20)
    told = []
    workspace.studies_changed.connect(lambda: told.append(workspace.study.patient_label))
    job = reread_texts(workspace, "windows-1251")
    assert job.wait(20)
    assert job.error is None
    assert told == ["Иванов Ив, T1"]
    assert workspace.images[0].attributes.PatientName == "Иванов^Ив"
    assert [entry.charset for entry in workspace.opened] == ["windows-1251"]


def test_a_calibrated_pixel_size_can_be_measured_by(make_workspace, tmp_path):
    pixels = dicom_makers.texture(seed=3)
    made = dicom_makers.mammogram(pixels, PixelSpacing=[0.09, 0.08], PixelSpacingCalibrationType="FIDUCIAL")
    dicom_makers.save(tmp_path / "a.dcm", made, pixels)
    workspace = make_workspace()
    workspace.open([tmp_path]).wait(20)
    (image,) = workspace.images
    before = image.attributes.pixel_spacing
    assert swap_pixel_size(workspace, image.attributes.identity)
    assert image.attributes.pixel_spacing.source == "mm calibrated (fiducial)"
    assert swap_pixel_size(workspace, image.attributes.identity)
    assert image.attributes.pixel_spacing == before
    workspace.add(exam())
    assert not swap_pixel_size(workspace, "1.0")
