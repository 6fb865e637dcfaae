from itertools import product

import numpy as np
import pytest
from helpers.heatmaps import make_heatmap
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from pytestqt.qtbot import QtBot

from mammoviewer.gui.canvas.heatmap_layer import (
    HeatmapLayer,
    coloured,
    contours,
    lit_region,
    paint_colour_bar,
    scores_on_screen,
)
from mammoviewer.gui.canvas.view_transform import view_transform
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.session.viewer_state import Overlay, OverlayStyle

ORIENTATIONS = [Orientation(*flags) for flags in product((False, True), repeat=3)]
SHAPE = (120, 80)


def ramp() -> Heatmap:
    values = np.add.outer(np.linspace(0, 0.6, 12), np.linspace(0, 0.4, 8)).astype(np.float32)
    values[:2, :3] = np.nan
    mask = np.ones(SHAPE, bool)
    mask[:, :20] = False
    return make_heatmap(values, shape=SHAPE, origin=(4.5, 4.5), step=(10.0, 10.0), mask=mask)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_scores_on_screen_are_those_of_the_stored_place(orientation: Orientation) -> None:
    heatmap = ramp()
    rows, columns = orientation.display_shape(SHAPE)
    view = view_transform(SHAPE, orientation, size=(columns * 4, rows * 4), dpr=1.0)
    region = view.visible()
    assert region is not None
    scores = scores_on_screen(heatmap, view, region)
    compared = 0
    for y, x in product(range(5, scores.shape[0], 23), range(5, scores.shape[1], 17)):
        row, column = view.to_stored((x + 0.5) * 2, (y + 0.5) * 2)
        expected = heatmap.at(row, column)
        if abs(column - 19.5) < 1.5 or np.isnan(heatmap.values[:3, :4]).any() and row < 30 and column < 40:
            continue
        np.testing.assert_allclose(scores[y, x], expected, atol=0.02)
        compared += 1
    assert compared > 50


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("zoom", [0.7, 3.0])
def test_only_what_reaches_the_threshold_is_coloured_and_nothing_of_it_is_missed(
    orientation: Orientation, zoom: float
) -> None:
    values = np.full((12, 8), 0.1, np.float32)
    values[3:5, 4:6] = 0.9
    values[9, 5] = np.nan
    heatmap = make_heatmap(values, shape=SHAPE, origin=(4.5, 4.5), step=(10.0, 10.0), mask=np.ones(SHAPE, bool))
    view = view_transform(SHAPE, orientation, size=(200, 170), dpr=1.25, zoom=zoom, centre=(50.0, 40.0))
    region = view.visible()
    assert region is not None
    part = lit_region(heatmap, view, region, 0.3)
    assert part is not None
    assert part.size[0] * part.size[1] < 0.5 * region.size[0] * region.size[1]
    whole, lit = scores_on_screen(heatmap, view, region), scores_on_screen(heatmap, view, part)
    top, left = (part.top - region.top) // 2, (part.left - region.left) // 2
    rows, columns = lit.shape
    np.testing.assert_allclose(whole[top : top + rows, left : left + columns], lit, atol=1e-4)
    assert (whole >= 0.3).sum() == (lit >= 0.3).sum() > 0


def test_scores_at_the_edge_go_on_to_it_and_low_ones_light_nothing() -> None:
    view = view_transform(SHAPE, Orientation(), size=(80, 120), dpr=1.0)
    region = view.visible()
    assert region is not None
    part = lit_region(ramp(), view, region, 0.9)
    assert part is not None
    assert (part.right, part.bottom) == (region.right, region.bottom)
    assert lit_region(ramp(), view, region, 1.01) is None


def test_outside_the_breast_there_is_no_colour() -> None:
    view = view_transform(SHAPE, Orientation(), size=(80, 120), dpr=1.0)
    region = view.visible()
    assert region is not None
    pixels = coloured(scores_on_screen(ramp(), view, region), OverlayStyle(threshold=0.0, opacity=1.0))
    assert (pixels[:, :9] == 0).all()
    assert (pixels[20:, 15:, 3] > 0).all()


def test_alpha_is_zero_below_the_threshold_and_grows_with_the_score() -> None:
    scores = np.array([[0.0, 0.29, 0.31, 0.6, 1.0, np.nan]], np.float32)
    alpha = coloured(scores, OverlayStyle(threshold=0.3, opacity=0.8))[0, :, 3].astype(int)
    assert alpha[0] == alpha[1] == alpha[5] == 0
    assert 0 < alpha[2] < alpha[3] < alpha[4] == round(0.8 * 255)


def test_contours_run_round_what_is_above_their_level() -> None:
    view = view_transform(SHAPE, Orientation(), size=(80, 120), dpr=1.0)
    region = view.visible()
    assert region is not None
    scores = np.full((60, 40), np.nan, np.float32)
    scores[20:40, 10:30] = 0.5
    lines = contours(scores, region, 1.0, (0.4,))
    assert [round(line.level, 2) for line in lines] == [0.4]
    box = lines[0].line.boundingRect()
    assert (box.left(), box.right()) == pytest.approx((21.0, 59.0), abs=1.0)
    assert (box.top(), box.bottom()) == pytest.approx((41.0, 79.0), abs=1.0)


@pytest.mark.parametrize("as_lines", [False, True])
def test_painting_colours_the_hot_end_and_not_the_cold_one(qtbot: QtBot, as_lines: bool) -> None:
    image = QImage(80, 120, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    view = view_transform(SHAPE, Orientation(), size=(80, 120), dpr=1.0)
    HeatmapLayer().paint(painter, ramp(), view, OverlayStyle(threshold=0.5, opacity=1.0, contours=as_lines))
    painter.end()
    lit = np.array([[image.pixelColor(x, y).red() for x in range(80)] for y in range(120)]) > 0
    assert lit[60:].any()
    assert not lit[:30, :40].any()
    assert lit.mean() < 0.1 if as_lines else lit[110:, 70:].all()


def test_the_image_is_kept_until_something_changes(qtbot: QtBot) -> None:
    image = QImage(80, 120, QImage.Format.Format_RGB32)
    layer, heatmap = HeatmapLayer(), ramp()
    painter = QPainter(image)
    kept = []
    for opacity in (0.5, 0.5, 0.6):
        view = view_transform(SHAPE, Orientation(), size=(80, 120), dpr=1.0)
        layer.paint(painter, heatmap, view, OverlayStyle(opacity=opacity))
        kept.append(layer._pixels)
    painter.end()
    assert kept[0] is kept[1]
    assert kept[1] is not kept[2]


def test_the_colour_bar_is_dark_below_the_threshold(qtbot: QtBot) -> None:
    image = QImage(120, 200, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    paint_colour_bar(painter, QRectF(10, 60, 10, 100), OverlayStyle(threshold=0.5), "model.1\nspeck", QFont())
    painter.end()
    assert image.pixelColor(15, 70).lightness() > 100
    assert image.pixelColor(15, 120).lightness() < 60


def specks() -> Heatmap:
    """The map of a patch of sixty pixels, of which one cell of four speaks."""
    mask = np.zeros(SHAPE, bool)
    mask[30:90, 10:70] = True
    values = np.zeros((9, 9), np.float32)
    values[5, 3] = 1.0
    return make_heatmap(values, shape=SHAPE, origin=(42.5, 22.5), step=(4.0, 4.0), mask=mask)


def painted(evidence: bool, style: OverlayStyle, zoom: float = 1.0) -> NDArray[np.int64]:
    size = (round(80 * zoom), round(120 * zoom))
    image = QImage(*size, QImage.Format.Format_RGB32)
    image.fill(QColor(60, 60, 60))
    painter = QPainter(image)
    view = view_transform(SHAPE, Orientation(), size=size, dpr=1.0)
    HeatmapLayer().paint(painter, specks(), view, style, evidence=evidence)
    painter.end()
    colours = [[image.pixelColor(x, y).getRgb()[:3] for x in range(size[0])] for y in range(size[1])]
    return np.array(colours, np.int64)


@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_the_explanation_of_a_patch_is_seen_at_a_glance(qtbot: QtBot, zoom: float) -> None:
    style = OverlayStyle().shown(Overlay.CAM)
    changed = [(np.abs(painted(evidence, style, zoom) - 60).max(axis=2) > 25) for evidence in (False, True)]
    assert changed[1].sum() > 80, "a blot of at least ten pixels"
    assert changed[1].sum() > 2 * changed[0].sum()
    for found, place in zip(np.nonzero(changed[1]), (62.5, 34.5), strict=True):
        assert (found.min() + found.max()) / 2 == pytest.approx((place + 0.5) * zoom, abs=2.0), "where it was"


def test_half_of_the_strongest_evidence_is_outlined(qtbot: QtBot) -> None:
    def white(threshold: float) -> int:
        return int((painted(True, OverlayStyle(threshold=threshold)).min(axis=2) > 150).sum())

    assert white(0.2) > 15
    assert white(0.8) == 0, "what is not shown is not outlined"


def test_a_finer_contour_lies_where_the_coarse_one_does() -> None:
    view = view_transform(SHAPE, Orientation(), size=(80, 120), dpr=1.0)
    region = view.visible()
    assert region is not None
    down, across = np.mgrid[0:60, 0:40]
    scores = np.exp(-((down - 30.0) ** 2 + (across - 20.0) ** 2) / 18.0).astype(np.float32)
    scores[:5] = np.nan
    (coarse,), (fine,) = (contours(scores, region, 1.0, (0.5,), fineness=finer) for finer in (1, 4))
    for got, wanted in ((coarse, 1.6), (fine, 0.4)):
        box = got.line.boundingRect()
        assert (box.center().x(), box.center().y()) == pytest.approx((41.0, 61.0), abs=0.5)
        assert box.width() == pytest.approx(4 * np.sqrt(18 * np.log(2)), abs=2 * wanted)
