import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.attributes import ImageKind, PixelSpacing
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas.common_scale import inset
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import FIT
from mammoviewer.session.workspace import Workspace

NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def grid_of(qtbot: QtBot, workspace: Workspace) -> ViewportGrid:
    grid = ViewportGrid(workspace)
    qtbot.addWidget(grid)
    grid.resize(401, 301)
    grid.show()
    return grid


def test_four_views_hang_with_chest_walls_together(qtbot: QtBot, four_views: Workspace) -> None:
    grid = grid_of(qtbot, four_views)
    labels = [viewport.shown.image.attributes.view.label for viewport in grid.viewports]
    assert labels == ["RCC", "LCC", "RMLO", "LMLO"]
    assert [viewport.chest for viewport in grid.viewports] == ["right", "left", "right", "left"]
    places = [viewport.geometry() for viewport in grid.viewports]
    assert places[0].left() < places[1].left()
    assert places[0].top() < places[2].top()


def test_the_active_viewport_is_that_of_the_desk(qtbot: QtBot, four_views: Workspace) -> None:
    grid = grid_of(qtbot, four_views)
    assert grid.active is grid.viewports[0]
    four_views.desk.active_identity = grid.viewports[3].identity
    assert grid.active is grid.viewports[3]
    assert [viewport.is_active for viewport in grid.viewports] == [False, False, False, True]


def test_a_defect_in_painting_is_reported_once(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = grid_of(qtbot, four_views)
    reported: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: reported.append(error))
    for viewport in grid.viewports:
        monkeypatch.setattr(viewport._painter, "_paint_marks", lambda *_: 1 / 0)
        viewport.grab()
    assert reported == [], "no dialog opens in the middle of painting"
    qtbot.waitUntil(lambda: bool(reported))
    grid.grab()
    qtbot.wait(20)
    assert [type(error) for error in reported] == [ZeroDivisionError]
    assert reported[0].__traceback__ is not None


def test_widgets_are_used_again_from_stage_to_stage(qtbot: QtBot, four_views: Workspace) -> None:
    grid = grid_of(qtbot, four_views)
    before = set(grid.viewports)
    four_views.show_stage(1)
    assert len(grid.viewports) == 2
    assert set(grid.viewports) <= before
    assert sum(viewport.isVisible() for viewport in before) == 2
    four_views.show_stage(0)
    assert set(grid.viewports) == before


def test_a_study_opened_on_a_worker_is_hung(qtbot: QtBot, workspace: Workspace) -> None:
    grid = grid_of(qtbot, workspace)
    assert grid.viewports == ()
    assert grid.active is None
    image = make_image("LMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=3))
    workspace.decoding.submit("open", lambda progress: workspace.add(OpenResult((image,), ())))
    qtbot.waitUntil(lambda: len(grid.viewports) == 1)
    qtbot.waitUntil(lambda: not grid.viewports[0].follower.waiting)
    assert grid.active is grid.viewports[0]


def test_one_viewport_can_fill_the_grid(qtbot: QtBot, four_views: Workspace) -> None:
    grid = grid_of(qtbot, four_views)
    grid.toggle_maximised()
    assert [viewport.isVisible() for viewport in grid.viewports] == [True, False, False, False]
    assert grid.maximised is grid.viewports[0]
    qtbot.waitUntil(lambda: grid.viewports[0].size() == grid.size())
    grid.restore()
    assert all(viewport.isVisible() for viewport in grid.viewports)


def test_a_thin_line_separates_the_viewports(qtbot: QtBot, four_views: Workspace) -> None:
    grid = grid_of(qtbot, four_views)
    image: QImage = grid.grab().toImage()
    between = grid.viewports[1].geometry().left() - 1
    colours = {image.pixelColor(between, y).name() for y in range(10, 140)}
    assert colours == {"#262b33"}
    assert np.isclose(grid.viewports[1].geometry().left() - grid.viewports[0].geometry().right(), 2)


def length_on_screen(viewport: Viewport, millimetres: float) -> float:
    """Return how many device pixels a level line of some millimetres takes."""
    spacing = viewport.shown.image.attributes.pixel_spacing
    assert spacing is not None
    along = spacing.row_mm if viewport.view.orientation.transpose else spacing.column_mm
    return millimetres / along * viewport.view.zoom


def fits(viewport: Viewport) -> bool:
    view = viewport.view
    rows, columns = view.orientation.display_shape(view.shape)
    width, height = view.device_size
    return rows * view.zoom <= height + 1e-6 and columns * view.zoom <= width + 1e-6


def fills(viewport: Viewport) -> bool:
    """Return whether the image touches two opposite edges of the room that its slice strip leaves."""
    view = viewport.view
    rows, columns = view.orientation.display_shape(view.shape)
    width, height = view.device_size
    free = width - inset(viewport) * view.dpr
    return max(rows * view.zoom / height, columns * view.zoom / free) == pytest.approx(1.0)


@pytest.fixture
def tomo_beside_2d(workspace: Workspace) -> Workspace:
    spacings = {"RCC": 0.13, "LCC": 0.07, "RMLO": 0.1, "LMLO": 0.1}
    images = [
        make_image(label, pixels=breast_like(160, 120), pixel_spacing=PixelSpacing(mm, mm, "mm"))
        for label, mm in spacings.items()
    ]
    volume = breast_like(150, 100, frames=3)
    spacing = PixelSpacing(0.12, 0.12, "mm")
    images.append(make_image("LMLO", kind=ImageKind.TOMO, pixels=volume, pixel_spacing=spacing, uid="9.1"))
    workspace.add(OpenResult(tuple(images), ()))
    return workspace


def test_side_by_side_a_millimetre_is_as_long_in_every_image(qtbot: QtBot, tomo_beside_2d: Workspace) -> None:
    grid = grid_of(qtbot, tomo_beside_2d)
    kinds = set()
    for stage in range(len(tomo_beside_2d.stages)):
        tomo_beside_2d.show_stage(stage)
        shown = [viewport for viewport in grid.viewports if viewport.identity]
        kinds |= {tuple(sorted(viewport.shown.image.attributes.kind for viewport in shown))}
        lengths = [length_on_screen(viewport, 5.0) for viewport in shown]
        assert lengths == pytest.approx([lengths[0]] * len(lengths), rel=1e-9)
        assert all(fits(viewport) for viewport in shown)
        assert any(fills(viewport) for viewport in shown)
    assert any({ImageKind.TOMO, ImageKind.MAMMOGRAM} <= set(hung) for hung in kinds)


def test_alone_an_image_is_fitted_for_itself(qtbot: QtBot, tomo_beside_2d: Workspace) -> None:
    grid = grid_of(qtbot, tomo_beside_2d)
    small = next(v for v in grid.viewports if v.shown.image.attributes.view.label == "LCC")
    tomo_beside_2d.desk.active_identity = small.identity
    grid.toggle_maximised()
    qtbot.waitUntil(lambda: small.size() == grid.size())
    assert small.view.zoom == pytest.approx(min(grid.width() / 120, grid.height() / 160) * small.view.dpr)
    grid.restore()
    assert small.view.zoom < min(grid.width() / 120, grid.height() / 160) * small.view.dpr / 2 * 0.9


def test_turning_one_image_gives_all_a_new_scale(qtbot: QtBot, tomo_beside_2d: Workspace) -> None:
    grid = grid_of(qtbot, tomo_beside_2d)
    first, other = grid.viewports[0], grid.viewports[1]
    before = other.view.zoom
    first.shown.orientation = first.shown.orientation.rotated(1)
    assert other.view.zoom != pytest.approx(before)
    assert length_on_screen(first, 5.0) == pytest.approx(length_on_screen(other, 5.0))
    first.shown.zoom = 3.0
    assert first.view.zoom == 3.0
    assert length_on_screen(other, 5.0) == pytest.approx(length_on_screen(grid.viewports[2], 5.0))
    assert other.shown.zoom == FIT


def test_an_image_of_unknown_pixel_size_is_fitted_for_itself(qtbot: QtBot, workspace: Workspace) -> None:
    images = (
        make_image("RCC", pixels=breast_like(160, 120), pixel_spacing=None),
        make_image("LCC", pixels=breast_like(160, 120), pixel_spacing=PixelSpacing(0.05, 0.05, "mm")),
        make_image("RMLO", pixels=breast_like(160, 120), pixel_spacing=PixelSpacing(0.1, 0.1, "mm")),
        make_image("LMLO", pixels=breast_like(160, 120), pixel_spacing=PixelSpacing(0.1, 0.1, "mm")),
    )
    workspace.add(OpenResult(images, ()))
    grid = grid_of(qtbot, workspace)
    unknown, fine, coarse = grid.viewports[:3]
    assert unknown.view.zoom == pytest.approx(coarse.view.zoom)
    assert fine.view.zoom == pytest.approx(coarse.view.zoom / 2)
    zoom = fine.view.zoom
    fine.zoom_by(0.5)
    assert fine.view.zoom <= zoom


def test_the_keyboard_goes_from_viewport_to_viewport(qtbot: QtBot, four_views: Workspace, tmp_path: Path) -> None:
    window = MainWindow(four_views, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.grid.viewports[0].hasFocus)
    views, went = window.grid.viewports, []
    for modifier in (NONE, NONE, NONE, NONE, SHIFT):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_F6, modifier)
        went.append(window.grid.viewports.index(window.grid.active))
        assert window.focusWidget() is window.grid.active
    assert went == [1, 2, 3, 0, 3]
    window.grid.toggle_maximised()
    qtbot.keyClick(views[3], Qt.Key.Key_F6)
    assert [view.isVisible() for view in views] == [True, False, False, False]
    assert window.grid.maximised is views[0]
    window.close()
