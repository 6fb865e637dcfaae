import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.canvas.roi_layer import (
    detection_at,
    finding_at,
    handle_at,
    handles,
    label_colour,
    outline,
    paint_detection,
    paint_finding,
    reshaped,
)
from mammoviewer.gui.canvas.view_transform import ViewTransform, view_transform
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.inference.detections import Detection

BOX = Roi(RoiKind.RECTANGLE, ((20.0, 30.0), (60.0, 90.0)))


@pytest.fixture
def view() -> ViewTransform:
    return view_transform((200, 200), Orientation(flip_columns=True), size=(400, 400), dpr=1.0)


def place(view: ViewTransform, row: float, column: float) -> QPointF:
    return QPointF(*view.to_widget(np.array([(row, column)]))[0])


def finding(roi: Roi, label: str = "mass") -> Finding:
    return new_finding("1.2", 0, roi, label)


def test_a_line_is_hit_and_the_inside_only_when_asked(view: ViewTransform) -> None:
    found = finding(BOX)
    assert finding_at([found], view, place(view, 20.0, 50.0)) is found
    assert finding_at([found], view, place(view, 40.0, 60.0)) is None
    assert finding_at([found], view, place(view, 40.0, 60.0), inside=True) is found
    assert finding_at([found], view, place(view, 100.0, 60.0), inside=True) is None


def test_the_smaller_of_two_regions_is_meant(view: ViewTransform) -> None:
    small = finding(Roi(RoiKind.ELLIPSE, ((35.0, 50.0), (45.0, 60.0))))
    assert finding_at([finding(BOX), small], view, place(view, 40.0, 55.0), inside=True) is small


def test_a_point_is_hit_within_its_mark(view: ViewTransform) -> None:
    point = finding(Roi(RoiKind.POINT, ((40.0, 60.0),)))
    assert finding_at([point], view, place(view, 40.0, 60.0) + QPointF(4, 0)) is point
    assert finding_at([point], view, place(view, 40.0, 60.0) + QPointF(12, 0)) is None


def test_marks_smaller_than_the_grasp_can_be_hit(view: ViewTransform) -> None:
    tiny = finding(Roi(RoiKind.RECTANGLE, ((40.0, 60.0), (41.0, 61.0))))
    assert finding_at([tiny], view, place(view, 40.5, 60.5), inside=True) is tiny


@pytest.mark.parametrize("corner", range(4))
def test_a_corner_of_a_box_moves_alone(corner: int) -> None:
    before = handles(BOX)
    after = handles(reshaped(BOX, corner, (before[corner][0] + 3.0, before[corner][1] - 5.0)))
    assert after[corner] == (before[corner][0] + 3.0, before[corner][1] - 5.0)
    assert after[(corner + 2) % 4] == before[(corner + 2) % 4]


def test_a_polygon_is_reshaped_by_its_points(view: ViewTransform) -> None:
    triangle = Roi(RoiKind.POLYGON, ((0.0, 0.0), (0.0, 50.0), (50.0, 0.0)))
    assert handle_at(triangle, view, place(view, 0.0, 50.0)) == 1
    assert handle_at(triangle, view, place(view, 25.0, 25.0)) is None
    assert reshaped(triangle, 1, (5.0, 60.0)).points[1] == (5.0, 60.0)


@pytest.mark.parametrize("dpr", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("zoom", [0.05, 1.0, 40.0])
def test_handles_are_as_large_to_the_hand_at_every_zoom_and_density_of_the_screen(zoom: float, dpr: float) -> None:
    """Seven logical pixels about the corner grasp it and eight do not, whatever a stored pixel measures there."""
    roi = Roi(RoiKind.RECTANGLE, ((1000.0, 1000.0), (1000.0 + 400.0 / zoom, 1000.0 + 400.0 / zoom)))
    view = view_transform(
        (12000, 12000), Orientation(flip_rows=True), size=(600, 600), dpr=dpr, zoom=zoom, centre=(1000.0, 1000.0)
    )
    assert (view.zoom, view.dpr) == (zoom, dpr)
    at = place(view, 1000.0, 1000.0)
    step = place(view, 1000.0, 1001.0) - at
    assert abs(step.x()) == pytest.approx(zoom / dpr)
    for dx, dy in ((6.9, 0.0), (0.0, -6.9), (-4.8, 4.8)):
        assert handle_at(roi, view, at + QPointF(dx, dy)) == 0
    for dx, dy in ((7.2, 0.0), (0.0, -7.2), (5.2, 5.2)):
        assert handle_at(roi, view, at + QPointF(dx, dy)) is None


@pytest.mark.parametrize("zoom", [0.25, 1.0, 8.0])
def test_handles_are_painted_where_they_are_grasped_on_a_fine_screen(qapp: QApplication, zoom: float) -> None:
    half = 80.0 / zoom
    roi = Roi(RoiKind.RECTANGLE, ((1000.0 - half, 1000.0 - half), (1000.0 + half, 1000.0 + half)))
    view = view_transform((2000, 2000), Orientation(), size=(300, 300), dpr=2.0, zoom=zoom, centre=(1000.0, 1000.0))
    image = QImage(600, 600, QImage.Format.Format_RGB888)
    image.setDevicePixelRatio(2.0)
    pictures = []
    for selected in (False, True):
        image.fill(0)
        painter = QPainter(image)
        paint_finding(painter, finding(roi), view, selected=selected)
        painter.end()
        flat = np.frombuffer(image.constBits(), np.uint8).reshape(600, image.bytesPerLine())
        pictures.append(flat[:, :1800].reshape(600, 600, 3).sum(axis=2).astype(int))
    for row, column in handles(roi):
        spot = place(view, row, column)
        x, y = round(2 * spot.x()), round(2 * spot.y())
        around = pictures[1][y - 7 : y + 8, x - 7 : x + 8] > 60
        plain = pictures[0][y - 7 : y + 8, x - 7 : x + 8] > 60
        assert around.sum() > plain.sum() + 60, "a disc of four logical pixels, not two"


def test_a_long_freehand_line_and_a_point_have_no_handles(view: ViewTransform) -> None:
    angle = np.linspace(0, 6, 200)
    circle = np.stack([50 + 20 * np.sin(angle), 50 + 20 * np.cos(angle)], axis=1)
    line = Roi(RoiKind.FREEHAND, tuple((row, column) for row, column in circle.tolist()))
    assert handles(line) == ()
    assert handle_at(Roi(RoiKind.POINT, ((1.0, 1.0),)), view, place(view, 1.0, 1.0)) is None


def test_an_outline_lies_where_the_pixels_lie(view: ViewTransform) -> None:
    box = outline(BOX, view).boundingRect()
    corners = view.to_widget(np.array(BOX.points))
    assert (box.left(), box.right()) == pytest.approx(sorted(corners[:, 0]))
    assert (box.top(), box.bottom()) == pytest.approx(sorted(corners[:, 1]))


def test_an_ai_mark_is_found_by_its_box(view: ViewTransform) -> None:
    weak = Detection(40.0, 60.0, 0, 0.4, (30.0, 50.0, 50.0, 70.0))
    strong = Detection(45.0, 65.0, 0, 0.9, (35.0, 55.0, 55.0, 75.0))
    assert detection_at([weak, strong], view, place(view, 45.0, 60.0)) is strong
    assert detection_at([weak, strong], view, place(view, 32.0, 52.0)) is weak
    assert detection_at([weak, strong], view, place(view, 90.0, 90.0)) is None


@pytest.mark.parametrize("what", ["mark", "finding"])
@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ((-40.0, 20.0, -10.0, 60.0), False),
        ((20.0, 230.0, 60.0, 290.0), False),
        ((260.0, 20.0, 300.0, 60.0), False),
        ((20.0, -90.0, 60.0, -50.0), False),
        ((-20.0, 20.0, 10.0, 60.0), True),
        ((190.0, 180.0, 260.0, 290.0), True),
        ((-50.0, -50.0, 300.0, 300.0), True),
    ],
)
def test_only_what_is_seen_has_its_words(
    view: ViewTransform, qapp: QApplication, what: str, box: tuple[float, float, float, float], seen: bool
) -> None:
    image = QImage(400, 400, QImage.Format.Format_RGB888)
    image.fill(0)
    painter = QPainter(image)
    if what == "mark":
        paint_detection(painter, Detection(0.0, 0.0, 0, 0.87, box), view)
    else:
        paint_finding(painter, finding(Roi(RoiKind.RECTANGLE, (box[:2], box[2:]))), view)
    painter.end()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(400, image.bytesPerLine())
    # The line of a box that holds the whole viewport is beside it: what is painted are words.
    assert (pixels > 100).any() == seen


def test_a_class_keeps_its_colour() -> None:
    assert label_colour("mass") == label_colour(" Mass ")
    assert label_colour("mass") != label_colour("calcification")
    assert label_colour("my own class") == label_colour("my own class")


def test_painted_regions_are_stroked_by_what_can_be_seen_of_them() -> None:
    mask = np.zeros((1000, 1000), bool)
    rows, columns = np.mgrid[0:1000, 0:1000]
    mask[np.hypot(rows - 500, columns - 500) < 400] = True
    roi = region_of_mask(mask)
    assert roi is not None
    small = view_transform((1000, 1000), Orientation(), size=(200, 200), dpr=1.0)
    path = outline(roi, small)
    assert len(roi.points) > 1000
    assert path.elementCount() < 200
    middle = path.boundingRect().center()
    assert (middle.x(), middle.y()) == pytest.approx((100.1, 100.1), abs=0.5)
    assert path.boundingRect().width() == pytest.approx(160.0, abs=1.0)


def test_holes_and_parts_of_a_long_outline_are_parts_of_its_path(view: ViewTransform) -> None:
    rows, columns = np.mgrid[0:200, 0:200]
    away = np.hypot(rows - 90, columns - 90)
    mask = ((away < 70) & (away > 30)) | (np.hypot(rows - 185, columns - 185) < 9)
    roi = region_of_mask(mask)
    assert len(roi.points) > 200
    path = outline(roi, view)
    assert outline(roi, view) is path, "it is kept while neither the region nor the view changes"
    for row, column in ((90, 40), (185, 185), (90, 90), (150, 185), (40, 90), (5, 5)):
        assert path.contains(place(view, row, column)) == mask[row, column]
    other = view_transform((200, 200), Orientation(), size=(400, 400), dpr=1.0)
    assert outline(roi, other).contains(place(other, 90, 40))
    moved = roi.moved(0, 100)
    assert not outline(moved, view).contains(place(view, 90, 40))
