"""The palette, the style sheet and the icons."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mammoviewer.base.paths import resources_dir
from mammoviewer.gui.icons import icon, icon_pixmap, icon_source
from mammoviewer.gui.theme import PALETTE, apply_theme, contrast, interface_font, style_sheet

ICONS = sorted(path.stem for path in (resources_dir() / "icons").glob("*.svg"))


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#777777") == pytest.approx(1.0)


@pytest.mark.parametrize("ground", ["window", "panel", "raised", "field", "hover"])
@pytest.mark.parametrize("text", ["text", "bright", "dim", "accent", "amber", "red"])
def test_text_can_be_read(text: str, ground: str) -> None:
    assert contrast(PALETTE[text], PALETTE[ground]) >= 4.5


def test_chosen_and_pressed_text_can_be_read() -> None:
    assert contrast(PALETTE["bright"], PALETTE["accent_dim"]) >= 4.5
    assert contrast(PALETTE["window"], PALETTE["accent"]) >= 4.5


def test_the_style_sheet_is_filled_in_and_its_files_are_there() -> None:
    sheet = style_sheet()
    assert "@" not in sheet
    for part in sheet.split('url("')[1:]:
        assert (resources_dir() / "style" / part.split('"')[0].rsplit("/", 1)[1]).is_file()


@pytest.fixture
def plain_look(qapp: QApplication) -> Iterator[None]:
    before = qapp.font(), qapp.palette(), qapp.styleSheet()
    yield
    qapp.setFont(before[0])
    qapp.setPalette(before[1])
    qapp.setStyleSheet(before[2])


def test_the_style_sheet_is_understood(qapp: QApplication, plain_look: None) -> None:
    apply_theme(qapp)  # Qt warns of a sheet that it cannot parse, and warnings fail a test
    assert qapp.font().pixelSize() == 13


def test_figures_have_one_width(qapp: QApplication) -> None:
    from PySide6.QtGui import QFontMetricsF

    metrics = QFontMetricsF(interface_font())
    widths = {round(metrics.horizontalAdvance(digit), 3) for digit in "0123456789"}
    assert len(widths) == 1


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_is_of_one_weight_and_draws_something(name: str, qtbot: QtBot) -> None:
    source = icon_source(name)
    assert 'stroke="currentColor"' in source
    assert 'stroke-width="1.5"' in source
    assert 'viewBox="0 0 20 20"' in source
    picture = icon_pixmap(name, "text", 40).toImage()
    assert any(picture.pixelColor(x, y).alpha() for x in range(40) for y in range(40))
    assert not icon(name).isNull()
