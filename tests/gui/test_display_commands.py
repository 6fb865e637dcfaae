"""Commands about how pixels come to the screen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.viewports import picture, shown
from pytestqt.qtbot import QtBot

from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.session.workspace import Workspace

BY_ID = {command.id: command for command in COMMANDS}


@pytest.mark.parametrize(
    ("kind", "flag"), [("nearest", cv2.INTER_NEAREST), ("linear", cv2.INTER_LINEAR), ("cubic", cv2.INTER_CUBIC)]
)
def test_a_viewport_enlarges_as_the_command_says(four_views: Workspace, qtbot: QtBot, kind: str, flag: int) -> None:
    viewport = shown(qtbot, four_views, "RCC", (480, 640))
    four_views.desk.corner_text = "off"
    desk = Desk(four_views, ViewportGrid(four_views), None)  # type: ignore[arg-type]
    qtbot.addWidget(desk.grid)
    viewport.shown.zoom, viewport.shown.centre = 4.0, (79.5, 59.5)
    BY_ID[f"display.{kind}"].handler(desk)
    stored = viewport.shown.image.frame(0)
    larger = cv2.resize(stored, None, fx=4.0, fy=4.0, interpolation=flag)
    shown_picture = viewport.follower.picture()
    assert shown_picture is not None
    expected = shown_picture.lookup(viewport.shown.voi, inverse=False)[np.clip(larger, 0, 4095)]
    middle = np.s_[200:440, 150:330]
    np.testing.assert_array_equal(picture(viewport)[..., 1][middle], expected[middle])
