from collections.abc import Callable

import numpy as np
import pytest
from helpers.heatmaps import make_heatmap
from helpers.viewports import Exposed, on_screen, picture, shown
from PySide6.QtCore import QRectF
from pytestqt.qtbot import QtBot

from mammoviewer.gui.canvas.patch_inset import inset_place
from mammoviewer.gui.canvas.roi_layer import box_on_screen
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.imaging.voi import Window
from mammoviewer.inference.cam import Cam
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace

AREA = QRectF(0.0, 0.0, 500.0, 400.0)


@pytest.mark.parametrize("middle", [(250.0, 200.0), (20.0, 20.0), (480.0, 390.0), (300.0, 5.0)])
def test_the_inset_lies_beside_the_patch_within_the_viewport(middle: tuple[float, float]) -> None:
    patch = QRectF(middle[0] - 6, middle[1] - 6, 12, 12)
    frame = inset_place(patch, AREA, 1.0)
    assert frame is not None
    assert AREA.contains(frame)
    assert not frame.intersects(patch), "the place itself stays free"
    assert frame.width() >= 90


@pytest.mark.parametrize(
    ("patch", "area"),
    [
        (QRectF(100, 100, 120, 120), AREA),
        (QRectF(600, 100, 12, 12), AREA),
        (QRectF(50, 50, 12, 12), QRectF(0, 0, 160, 120)),
    ],
    ids=["large", "out of sight", "no room"],
)
def test_there_is_none_where_it_would_serve_nothing(patch: QRectF, area: QRectF) -> None:
    assert inset_place(patch, area, 1.0) is None


def explained(viewport: Viewport, workspace: Workspace, side: int) -> Cam:
    """Show the explanation of a patch in the middle, of which one cell of eight times eight speaks."""
    state = viewport.shown
    shape = state.image.attributes.shape
    row, column = shape[0] // 2, shape[1] // 2
    mask = np.zeros(shape, bool)
    mask[row : row + side, column : column + side] = True
    values = np.zeros((8, 8), np.float32)
    values[2, 5] = 1.0
    step = side / 8
    first = (row - 0.5 + step / 2, column - 0.5 + step / 2)
    overlay = make_heatmap(values, shape=shape, origin=first, step=(step, step), mask=mask)
    cam = Cam(
        values, "hirescam", "finding", 0.9, (row - 0.5, column - 0.5, row + side - 0.5, column + side - 0.5), overlay
    )
    workspace.desk.model = "m.1"
    workspace.heatmaps._cams[state.image.attributes.identity, viewport.shown_frame, "m.1"] = cam
    state.overlay = Overlay.CAM
    return cam


def test_a_patch_of_a_dozen_pixels_is_shown_large_with_its_evidence(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views, size=(420, 360))
    side = round(12 / viewport.view.zoom)
    cam = explained(viewport, four_views, side)
    frame = inset_place(box_on_screen(cam.box, viewport.view), QRectF(viewport.rect()), viewport.view.dpr)
    assert frame is not None
    left, top, size = int(frame.left()), int(frame.top()), int(frame.width())
    seen = picture(viewport)[top + 2 : top + size - 2, left + 2 : left + size - 2].astype(int)
    rows, columns = np.nonzero(seen[..., 0] - seen[..., 1] > 30)
    assert min(np.ptp(rows), np.ptp(columns)) >= 12, "the evidence is as wide as the eye needs"
    # The patch fills five sixths of the inset; the cell lies 2.5 of 8 down and 5.5 across.
    for found, share in ((rows, 2.5 / 8), (columns, 5.5 / 8)):
        assert (found.min() + found.max()) / 2 / size == pytest.approx((1 - 1 / 1.2) / 2 + share / 1.2, abs=0.06)


def test_a_patch_that_is_large_on_screen_has_no_inset(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views, size=(420, 360))
    cam = explained(viewport, four_views, round(160 / viewport.view.zoom))
    assert inset_place(box_on_screen(cam.box, viewport.view), QRectF(viewport.rect()), viewport.view.dpr) is None
    picture(viewport)
    assert viewport._painter._patch._grey.size == (0, 0), "nothing was made for it"


def test_another_window_leaves_nothing_of_the_old_one_in_the_inset(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views, size=(620, 300))
    cam = explained(viewport, four_views, round(12 / viewport.view.zoom))
    exposed = Exposed(viewport)

    def painted(act: Callable[[], object]) -> np.ndarray:
        before = exposed.times
        act()
        # A longer word than before asks for another paint.
        qtbot.waitUntil(lambda: exposed.times > before and viewport._painter.redraws._asked.isEmpty())
        return on_screen(viewport)

    painted(viewport.update)
    frame = inset_place(box_on_screen(cam.box, viewport.view), QRectF(viewport.rect()), viewport.view.dpr)
    assert frame is not None
    greys = viewport._painter.redraws._last.greys
    assert not greys.contains(frame), "some of it lies beside the picture"
    for voi in (Window(1000.0, 700.0), Window(2600.0, 3000.0)):
        by_parts = painted(lambda voi=voi: setattr(viewport.shown, "voi", voi))
        np.testing.assert_array_equal(by_parts, painted(viewport.update))
