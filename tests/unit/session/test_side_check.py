"""The pixel check of laterality: who is checked, what counts as clear, and what is told."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import ImageKind, View
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Padding
from mammoviewer.session.settings import Settings
from mammoviewer.session.side_check import can_be_checked, side_doubt
from mammoviewer.session.workspace import Workspace

SHAPE = (520, 420)


def breast(side: str, *, depth: float = 0.6, muscle: bool = False, fills: bool = False) -> np.ndarray:
    """Return a half ellipse at the chest wall of a side as it hangs: of a right breast at the right."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = (SHAPE[1] - 1 - columns) / SHAPE[1]
    inside = ((rows / SHAPE[0] - 0.5) / 0.45) ** 2 + (away / depth) ** 2 <= 1
    if muscle:
        inside |= rows / SHAPE[0] + away * 1.2 < 0.7
    if fills:
        inside[:] = True
    texture = np.random.default_rng(0).integers(0, 60, SHAPE)
    picture = np.where(inside, 1500 + texture, 20 + texture // 6).astype(np.uint16)
    return picture if side == "R" else picture[:, ::-1].copy()


@pytest.mark.parametrize("label", ["RCC", "LCC", "RMLO", "LMLO"])
@pytest.mark.parametrize("options", [{}, {"muscle": True}, {"depth": 0.3}])
def test_a_clear_picture_speaks_for_its_side(label: str, options: dict) -> None:
    other = "L" if label[0] == "R" else "R"
    assert not side_doubt(make_image(label, pixels=breast(label[0], **options)))
    assert side_doubt(make_image(label, pixels=breast(other, **options)))


def test_the_orientation_to_hang_is_taken_into_account() -> None:
    turned = Orientation(flip_columns=True)
    assert not side_doubt(make_image("RCC", pixels=breast("L"), orientation=turned))
    assert side_doubt(make_image("RCC", pixels=breast("R"), orientation=turned))


def test_polarity_and_padding_come_first() -> None:
    inverted = (4095 - breast("R")).astype(np.uint16)
    assert not side_doubt(make_image("RCC", pixels=inverted, inverse=True))
    padded = breast("R")
    padded[:, :90] = 4000
    assert not side_doubt(make_image("RCC", pixels=padded, padding=Padding(4000, 4000)))


def test_a_breast_that_fills_the_field_says_nothing() -> None:
    assert not side_doubt(make_image("LCC", pixels=breast("R", fills=True)))


def test_a_volume_is_judged_by_several_frames() -> None:
    volume = np.stack([breast("L")] * 4)
    assert side_doubt(make_image("RCC", kind=ImageKind.TOMO, pixels=volume))
    volume[1] = breast("R")
    assert not side_doubt(make_image("RCC", kind=ImageKind.TOMO, pixels=volume, uid="1.5"))
    assert not side_doubt(make_image("RCC", kind=ImageKind.TOMO, pixels=np.stack([breast("L")] * 4), bad=(1, 2, 3)))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (make_image("RCC", pixels=breast("R")), True),
        (make_image("", pixels=breast("R")), False),
        (make_image("RCC", pixels=breast("R"), view=View("R", "CC", ("M",))), False),
        (make_image("RCC", pixels=breast("R"), view=View("R", "CC", ("ID",))), True),
        (make_image("RCC", kind=ImageKind.SECONDARY, pixels=breast("R")), False),
        (make_image("RCC", pixels=breast("R")[:100]), False),
    ],
)
def test_only_whole_breasts_of_a_told_side_are_checked(image, expected: bool) -> None:
    assert can_be_checked(image) == expected


def test_opening_tells_of_a_doubtful_side_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    workspace = Workspace(Settings())
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    wrong, right = make_image("RCC", uid="1.1", pixels=breast("L")), make_image("LCC", uid="1.2", pixels=breast("L"))
    try:
        workspace.add(OpenResult((wrong, right), ()))
        for job in workspace.decoding.jobs:
            job.wait(30)
        assert [text for text in told if "other side" in text] == [
            "RCC.dcm: the header says right, the picture looks like the other side (100% sure)"
        ]
        assert (workspace.state("1.1").side_doubted, workspace.state("1.2").side_doubted) == (True, False)
        assert workspace.state("1.1").image.attributes.view.laterality == "R"
    finally:
        workspace.close()


def test_a_picture_that_is_stored_mirrored_is_hung_by_its_pixels(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    workspace = Workspace(Settings())
    mirrored, straight = (
        make_image(label, uid=uid, kind=ImageKind.RASTER, pixels=breast("L"))
        for label, uid in (("RCC", "1.1"), ("LCC", "1.2"))
    )
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    try:
        workspace.add(OpenResult((mirrored, straight), ()))
        for job in workspace.decoding.jobs:
            job.wait(30)
        flipped = Orientation().flipped_horizontally()
        assert (workspace.state("1.1").orientation, mirrored.attributes.orientation) == (flipped, flipped)
        assert (workspace.state("1.2").orientation, straight.attributes.orientation) == (Orientation(), Orientation())
        assert [text for text in told if "mirrored" in text] == [
            "RCC.dcm: stored mirrored, hung by where its chest wall is"
        ]
    finally:
        workspace.close()


def test_pictures_that_hang_by_their_pixels_are_looked_at_before_they_are_shown(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    workspace = Workspace(Settings())
    asked = {}
    submit = workspace.decoding.submit

    def note(name, work, **options):
        if name == "Check the side":
            asked[options["key"][1]] = options["priority"]
        return submit(name, work, **options)

    monkeypatch.setattr(workspace.decoding, "submit", note)
    try:
        pictures = [
            make_image(label, uid=f"1.{n}", kind=ImageKind.RASTER, pixels=breast("L"))
            for n, label in enumerate(("RCC", "LCC", "RMLO", "LMLO", "RML"))
        ]
        workspace.add(OpenResult((*pictures, make_image("RCC", uid="2.1", pixels=breast("R"))), ()))
        assert workspace.stage is not None
        seen = {uid for uid, priority in asked.items() if priority > 0}
        assert seen == {cell for cell in workspace.stage.cells if cell.startswith("1.")}
        assert seen
        assert asked["2.1"] < 0
    finally:
        workspace.close()
