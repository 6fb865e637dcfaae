"""Companions on screen: marks lie on their pixel however the picture is turned; shutters are black outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import companion_makers as makers
from helpers import dicom_makers
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import Companion, CompanionKind, RunStatus, Shutter, Target
from mammoviewer.gui.actions.companion_commands import COMPANION_COMMANDS
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.companion_layer import paint_companions, path_of
from mammoviewer.gui.canvas.companion_text import with_companions
from mammoviewer.gui.canvas.corner_text import FULL, OFF, corner_text
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.view_transform import area_view, view_transform
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.panels.details_panel import DetailsPanel
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.blind import sign_first_read
from mammoviewer.session.companions import Drawing, MaskArea
from mammoviewer.session.viewer_state import FIT
from mammoviewer.session.workspace import Workspace

EIGHT = [
    Orientation(transpose, flip_rows, flip_columns)
    for transpose in (False, True)
    for flip_rows in (False, True)
    for flip_columns in (False, True)
]
SHAPE = (60, 40)


def painted(drawing: Drawing, orientation: Orientation) -> np.ndarray:
    """Return the alpha of what is painted over 4 device pixels per stored pixel, (rows, columns)."""
    rows, columns = orientation.display_shape(SHAPE)
    view = view_transform(SHAPE, orientation, size=(columns * 4, rows * 4), dpr=1.0)
    image = QImage(columns * 4, rows * 4, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    paint_companions(painter, drawing, view)
    painter.end()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(rows * 4, columns * 4, 4)
    return pixels[..., 3].copy()


@pytest.mark.parametrize("orientation", EIGHT)
def test_a_mark_lies_on_its_pixel_however_the_picture_is_turned(tmp_path: Path, orientation: Orientation) -> None:
    row, column = 41, 7
    corner = [column, row, column + 1, row, column + 1, row + 1, column, row + 1, column, row]
    made = makers.presentation_state("1.2", graphics=[makers.graphic("POLYLINE", *corner)])
    found = read_companion(makers.save(tmp_path / "gsps.dcm", made))
    alpha = painted(Drawing(found.marks), orientation)
    marker = np.zeros(SHAPE)
    marker[row, column] = 1
    ((shown_row, shown_column),) = np.argwhere(orientation.apply(marker))
    rows, columns = np.nonzero(alpha)
    assert (rows.min() + rows.max() + 1) / 8 == pytest.approx(shown_row + 0.5, abs=0.2)
    assert (columns.min() + columns.max() + 1) / 8 == pytest.approx(shown_column + 0.5, abs=0.2)


@pytest.mark.parametrize("orientation", EIGHT)
def test_a_drawn_overlay_covers_its_pixels(orientation: Orientation) -> None:
    curve = np.array([(9.5, 19.5), (9.5, 29.5), (14.5, 29.5), (14.5, 19.5)])
    alpha = painted(Drawing(areas=(MaskArea("Marker", ((curve,),), solid=True),)), orientation)
    mask = np.zeros(SHAPE, bool)
    mask[10:15, 20:30] = True
    np.testing.assert_array_equal(alpha[2::4, 2::4] > 100, orientation.apply(mask))


def test_marks_have_their_words(qapp: object, tmp_path: Path) -> None:
    made = makers.presentation_state("1.2", texts=[makers.text_object("Look\nhere", anchor=(10, 20))])
    found = read_companion(makers.save(tmp_path / "gsps.dcm", made))
    assert painted(Drawing(found.marks), Orientation()).any()


def test_marks_that_are_left_to_the_reader_are_fainter(qapp: object, tmp_path: Path) -> None:
    found = read_companion(
        makers.save(tmp_path / "a.dcm", makers.presentation_state("1.2", graphics=[makers.graphic("POINT", 20, 30)]))
    )
    faint = tuple(replace(mark, optional=True) for mark in found.marks)
    shown, fainter = (int(painted(Drawing(marks), Orientation()).max()) for marks in (found.marks, faint))
    assert 0 < fainter < 0.7 * shown


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, str]:
    """A folder with a mammogram of one grey, and its UID."""
    pixels = np.full((120, 100), 2000, np.uint16)
    made = dicom_makers.mammogram(
        pixels, WindowCenter=1000, WindowWidth=2000, WindowCenterWidthExplanation="NORMAL", BurnedInAnnotation="NO"
    )
    dicom_makers.save(tmp_path / "exam" / "image.dcm", made, pixels)
    return tmp_path / "exam", str(made.SOPInstanceUID)


Opened = Callable[..., Viewport]


@pytest.fixture
def opened(workspace: Workspace, qtbot: QtBot, files: tuple[Path, str]) -> Opened:
    """Opens the folder with companions beside the image, and shows the image."""

    def show(*companions: object) -> Viewport:
        for number, made in enumerate(companions):
            makers.save(files[0] / f"companion{number}.dcm", made)  # type: ignore[arg-type]
        job = workspace.open([files[0]])
        qtbot.waitUntil(lambda: job.state.final)
        viewport = Viewport(workspace)
        qtbot.addWidget(viewport)
        viewport.resize(300, 360)
        viewport.show_image(workspace.images[0].attributes.identity)
        viewport.show()
        return viewport

    return show


def colour_at(viewport: Viewport, row: float, column: float) -> QColor:
    x, y = viewport.view.to_widget(np.array([(row, column)]))[0]
    return viewport.grab().toImage().pixelColor(round(x), round(y))


def test_outside_of_a_shutter_is_black_until_companions_are_hidden(
    opened: Opened, qtbot: QtBot, files: tuple[Path, str]
) -> None:
    viewport = opened()
    image = viewport.shown.image
    uid = files[1]
    box = Shutter(((29.5, 29.5), (29.5, 69.5), (89.5, 69.5), (89.5, 29.5)))
    image.companions = (
        Companion(Path("a"), CompanionKind.SHUTTER, uid, "1", "rectangular", (Target(uid),), shutters=(box,)),
    )
    viewport.workspace.desk.corner_text = OFF
    qtbot.waitUntil(lambda: colour_at(viewport, 60, 50).lightness() > 200)
    assert colour_at(viewport, 60, 20).lightness() == 0
    assert colour_at(viewport, 20, 50).lightness() == 0
    viewport.workspace.desk.show_companions = False
    assert colour_at(viewport, 60, 20).lightness() > 200


def test_a_segmentation_comes_onto_the_screen(opened: Opened, qtbot: QtBot, files: tuple[Path, str]) -> None:
    mask = np.zeros((1, 120, 100))
    mask[0, 40:80, 30:60] = 1.0
    viewport = opened(makers.segmentation(files[1], mask))
    viewport.workspace.desk.corner_text = OFF
    plain = colour_at(viewport, 100, 80)
    qtbot.waitUntil(lambda: bool(viewport.drawing.areas))
    qtbot.waitUntil(lambda: colour_at(viewport, 100, 80).lightness() > 200)
    inside, outside = colour_at(viewport, 65, 45), colour_at(viewport, 100, 80)
    assert inside.blue() - inside.green() > outside.blue() - outside.green() + 5
    assert plain is not None


def test_u_hides_and_shows_companions(workspace: Workspace, qtbot: QtBot, opened: Opened) -> None:
    viewport = opened()
    (show, _) = COMPANION_COMMANDS["Companions"]
    assert show.keys == ("U",)
    desk = type("DeskLike", (), {"workspace": workspace, "state": viewport.state, "viewport": viewport})()
    show.handler(desk)
    assert not workspace.desk.show_companions
    show.handler(desk)
    assert workspace.desk.show_companions


def test_presentation_states_follow_one_another_and_the_files_own_look_comes_back(
    workspace: Workspace, qtbot: QtBot, opened: Opened, files: tuple[Path, str]
) -> None:
    made = makers.presentation_state(
        files[1], window=(500, 100), area=((11, 21), (50, 60)), ImageRotation=180, ImageHorizontalFlip="N"
    )
    viewport = opened(made)
    state = viewport.shown
    before = (state.voi, state.orientation, state.zoom)
    (_, following) = COMPANION_COMMANDS["Companions"]
    desk = type("DeskLike", (), {"workspace": workspace, "state": state, "viewport": viewport})()
    workspace.desk.active_identity = viewport.identity
    following.handler(desk)
    assert state.orientation == Orientation(flip_rows=True, flip_columns=True)
    assert state.centre == (39.5, 29.5)
    assert state.zoom == pytest.approx(300 * viewport.devicePixelRatioF() / 40)
    following.handler(desk)
    assert (state.voi, state.orientation, state.zoom) == before


def test_an_area_that_is_the_whole_image_is_fitted() -> None:
    view = view_transform(SHAPE, Orientation(transpose=True), size=(300, 300), dpr=1.0)
    assert area_view(view, ((59.0, 39.0), (0.0, 0.0)))[0] == FIT
    assert area_view(view, ((0.0, 0.0), (9.0, 29.0)))[0] == pytest.approx(10.0)
    assert area_view(view, ((0.0, 0.0), (9.0, 29.0)), 2.0) == (2.0, (4.5, 14.5))


def test_a_failure_is_a_badge_and_no_findings_a_line(
    workspace: Workspace, opened: Opened, files: tuple[Path, str]
) -> None:
    viewport = opened(makers.cad_report([files[1]], summary="111241"))
    state = viewport.shown
    text = with_companions(corner_text(state, 0, FULL), state, workspace, FULL)
    assert "CAD: no findings" in text.current
    assert not any("CAD" in badge.text for badge in text.badges)
    (report,) = workspace.companions(viewport.identity)
    workspace.shelf.add([replace(report, SOPInstanceUID="other", status=RunStatus.NOT_RUN)])
    hidden = with_companions(corner_text(state, 0, OFF), state, workspace, OFF)
    assert [badge.text for badge in hidden.badges if badge.refusal] == ["CAD NOT RUN"]
    assert hidden.current == ()


def test_details_list_companions_and_doses(
    workspace: Workspace, qtbot: QtBot, opened: Opened, files: tuple[Path, str]
) -> None:
    dose = makers.report(
        makers.DOSE, "113701", makers.number("111637", 4.0, "mGy"), StudyInstanceUID="1.2.3.4", SeriesDescription="Dose"
    )
    opened(makers.cad_report([files[1]], summary="111245", detections="111224", failed=True), dose)
    panel = DetailsPanel(workspace, ActiveView(workspace))
    qtbot.addWidget(panel)
    shown = dict(panel.companion_lines)
    assert "FAILED: no result" in shown["CAD report"]
    assert "CalcFinder 2.1" in shown["CAD report"]
    assert ("Accumulated dose", "4 mGy") in panel.fact_lines
    workspace.desk.blind = True
    qtbot.waitUntil(lambda: panel.companion_lines == ())
    assert ("Accumulated dose", "4 mGy") in panel.fact_lines
    sign_first_read(workspace)
    qtbot.waitUntil(lambda: len(panel.companion_lines) > 0)


def test_lines_of_places_are_open_or_closed() -> None:
    view = view_transform(SHAPE, Orientation(), size=(40, 60), dpr=1.0)
    points = np.array([(0.0, 0.0), (0.0, 9.0), (9.0, 9.0)])
    assert path_of(points, view).elementCount() == path_of(points, view, closed=False).elementCount() + 1


def test_the_grid_of_the_window_shows_companions(workspace: Workspace, qtbot: QtBot, files: tuple[Path, str]) -> None:
    makers.save(files[0] / "cad.dcm", makers.cad_report([files[1]], summary="111241"))
    workspace.open([files[0]])
    grid = ViewportGrid(workspace)
    qtbot.addWidget(grid)
    qtbot.waitUntil(lambda: bool(workspace.images))
    assert len(workspace.companions(workspace.images[0].attributes.identity)) == 1
