"""What the reader states of picture files hangs them, also after a restart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.images import breast_like

from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.image_facts import state_picture_views
from mammoviewer.session.last_session import capture, read_session, write_session
from mammoviewer.session.opened import Opened, PictureView
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace

VIEWS = ("RCC", "LCC", "RMLO", "LMLO")


@pytest.fixture
def workspace():
    made = Workspace(Settings())
    yield made
    made.close()


@pytest.fixture
def files(tmp_path):
    paths = []
    for number in range(4):
        pixels = (breast_like(rows=600, columns=450, seed=number) >> 4).astype(np.uint8)
        paths.append(tmp_path / f"scan{number}.png")
        cv2.imwrite(str(paths[-1]), pixels)
    return paths


def stated(files, mirrored=None):
    return tuple(PictureView(str(path), view, mirrored) for path, view in zip(files, VIEWS, strict=True))


def open_all(workspace, files, pictures=()):
    workspace.open(files, pixel_spacing_mm=0.1, pictures=pictures).wait(20)


def hung(workspace):
    return [workspace.state(cell).image.attributes.path.name for cell in workspace.stages[0].cells]


def test_stated_views_hang_the_exam(workspace, files):
    open_all(workspace, files, stated(files, mirrored=True))
    assert workspace.stages[0].title == "Four views"
    assert hung(workspace) == ["scan0.png", "scan1.png", "scan2.png", "scan3.png"]
    assert all(image.attributes.orientation == Orientation(flip_columns=True) for image in workspace.images)


def test_views_can_be_stated_later(workspace, files):
    open_all(workspace, files)
    assert workspace.stages[0].title != "Four views"
    state_picture_views(workspace, stated(files, mirrored=False))
    assert [stage.title for stage in workspace.stages][0] == "Four views"
    assert workspace.state(workspace.stages[0].cells[1]).orientation == Orientation()


def test_what_was_stated_survives_a_restart(workspace, files, tmp_path):
    open_all(workspace, files, stated(files, mirrored=True))
    path = tmp_path / "session.json"
    write_session(path, capture(workspace))
    kept = read_session(path)
    assert kept.opened == (Opened(tuple(files), 0.1, None, False, stated(files, mirrored=True)),)
    again = Workspace(Settings())
    try:
        again.reopen(kept.opened).wait(20)
        assert again.stages[0].title == "Four views"
        assert all(image.attributes.orientation.flip_columns for image in again.images)
    finally:
        again.close()
