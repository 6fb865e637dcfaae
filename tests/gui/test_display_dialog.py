"""Greys by the display function: what is entered, what is in force, what is painted."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest
from helpers.mouse import move
from helpers.viewports import picture, place, shown
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.corner_text import corner_text
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.screen_text import with_screen
from mammoviewer.gui.dialogs.about_dialog import AboutDialog
from mammoviewer.gui.dialogs.display_dialog import DisplayDialog
from mammoviewer.gui.screens import screen_name
from mammoviewer.imaging.gsdf import DisplayResponse, driving_levels
from mammoviewer.session.screens import P_VALUES, Screens
from mammoviewer.session.workspace import Workspace

BY_ID = {command.id: command for command in COMMANDS}
CURVE = "level; cd/m2\n0 0.4\n64 20\n128 90\n192 210\n255 400\n"


@pytest.fixture
def screens() -> Screens:
    return Screens({})


@pytest.fixture
def dialog(qtbot: QtBot, screens: Screens) -> DisplayDialog:
    made = DisplayDialog(screens)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def name(dialog: DisplayDialog) -> str:
    return screen_name(dialog.screen())


def apply_button(dialog: DisplayDialog) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == "Apply")


def test_nothing_is_in_force_before_apply(dialog: DisplayDialog, screens: Screens) -> None:
    dialog.darkest.setValue(0.3)
    dialog.brightest.setValue(420.0)
    dialog.ambient.setValue(0.1)
    dialog.on.setChecked(True)
    assert screens.get(name(dialog)).levels == b""
    apply_button(dialog).click()
    kept = screens.get(name(dialog))
    assert kept.response == DisplayResponse(0.3, 420.0, 0.1)
    assert kept.gsdf_text == "GSDF 0.4-420.1 cd/m²"


def test_it_is_off_unless_asked_for(dialog: DisplayDialog, screens: Screens) -> None:
    dialog.keep()
    assert screens.get(name(dialog)).response == DisplayResponse(0.5, 350.0)
    assert screens.get(name(dialog)).levels == b""


def test_a_pasted_curve_takes_the_place_of_the_numbers(dialog: DisplayDialog, screens: Screens) -> None:
    dialog.curve.setPlainText(CURVE)
    assert not dialog.darkest.isEnabled()
    assert len(dialog.plot.listDataItems()) == 3
    dialog.keep()
    kept = screens.get(name(dialog)).response
    assert kept is not None
    assert kept.curve == ((0, 0.4), (64, 20), (128, 90), (192, 210), (255, 400))
    again = DisplayDialog(screens)
    assert again.response() == kept
    again.deleteLater()


@pytest.mark.parametrize(
    ("text", "words"),
    [("0 1\n255 0.5", "rise"), ("0 0.5\n100 30", "reach from"), ("0 0.5 3\n255 350", "not a driving level")],
)
def test_what_is_no_curve_is_told_and_cannot_be_applied(dialog: DisplayDialog, text: str, words: str) -> None:
    dialog.curve.setPlainText(text)
    assert words in dialog.message.text()
    assert not apply_button(dialog).isEnabled()
    assert not dialog.plot.listDataItems()
    dialog.curve.setPlainText("")
    assert apply_button(dialog).isEnabled()


def test_the_plot_shows_the_screen_the_correction_and_the_standard(dialog: DisplayDialog) -> None:
    plain, corrected, standard = (item.getOriginalDataset()[1] for item in dialog.plot.listDataItems())
    assert (plain[0], plain[-1]) == (pytest.approx(0.5), pytest.approx(350.0))
    assert np.abs(np.log(corrected[10:] / standard[10:])).max() < np.abs(np.log(plain[10:] / standard[10:])).max() / 5
    assert "8 bits" in " ".join(child.text() for child in dialog.findChildren(type(dialog.message)))


def test_it_can_be_forgotten(dialog: DisplayDialog, screens: Screens) -> None:
    screens.update(name(dialog), response=DisplayResponse(0.3, 200.0), gsdf=True, pixel_mm=0.2)
    dialog.forget()
    assert screens.get(name(dialog)).response is None
    assert screens.get(name(dialog)).pixel_mm == 0.2
    assert dialog.brightest.value() == 350.0


def test_greys_are_driven_by_the_function_in_the_viewport_alone(qtbot: QtBot, four_views: Workspace) -> None:
    four_views.desk.corner_text = "off"
    viewport = shown(qtbot, four_views, "RCC", (120, 160))
    viewport.one_to_one()
    plain = picture(viewport)[..., 0]
    response = DisplayResponse(0.5, 350.0)
    four_views.screens.update(screen_name(viewport.screen()), response=response, gsdf=True)
    found = viewport.follower.picture()
    assert found is not None
    fine = found.lookup(viewport.shown.voi, inverse=False, bits=12)
    expected = driving_levels(response, P_VALUES)[fine][viewport.shown.image.frame(0)]
    driven = picture(viewport)[..., 0]
    inside = np.s_[20:140, 20:110]
    np.testing.assert_array_equal(driven[inside], expected[inside])
    assert (driven[inside] != plain[inside]).mean() > 0.3
    # Black stays black, white stays white.
    assert (driven[plain == 0] == 0).all()
    four_views.screens.update(screen_name(viewport.screen()), gsdf=False)
    np.testing.assert_array_equal(picture(viewport)[..., 0], plain)


def test_what_is_in_force_stands_beside_the_picture(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    words = corner_text(viewport.shown, 0, "full")
    assert with_screen(words, viewport, "full") == words
    four_views.screens.update(screen_name(viewport.screen()), response=DisplayResponse(0.5, 350.0), gsdf=True)
    assert with_screen(words, viewport, "minimal").current[-1] == "GSDF 0.5-350 cd/m²"
    assert with_screen(words, viewport, "off") == words


def test_the_command_asks_for_the_luminance_once_and_then_switches(qtbot: QtBot, four_views: Workspace) -> None:
    grid = ViewportGrid(four_views)
    qtbot.addWidget(grid)
    window = Mock()
    desk = Desk(four_views, grid, window)
    BY_ID["display.gsdf"].handler(desk)
    asked = window.show_dialog.call_args.args[0]
    assert isinstance(asked, DisplayDialog)
    asked.on.setChecked(True)
    asked.keep()
    assert four_views.screens.get(screen_name(grid.screen())).levels
    BY_ID["display.gsdf"].handler(desk)
    assert not four_views.screens.get(screen_name(grid.screen())).levels
    assert window.show_dialog.call_count == 1


def test_the_about_dialog_leads_here(qtbot: QtBot) -> None:
    about = AboutDialog()
    qtbot.addWidget(about)
    with qtbot.waitSignal(about.calibration_wanted):
        next(b for b in about.findChildren(QPushButton) if "calibration" in b.text()).click()


def test_the_magnifier_follows_the_display_function_too(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views, "RCC", (360, 480))
    four_views.desk.corner_text = "off"
    four_views.desk.lens_factor = 3.0
    spot = place(viewport, 80.0, 90.0)
    move(viewport, spot)
    four_views.desk.lens = True
    response = DisplayResponse(0.5, 350.0)
    four_views.screens.update(screen_name(viewport.screen()), response=response, gsdf=True)
    found = viewport.follower.picture()
    assert found is not None
    fine = found.lookup(viewport.shown.voi, inverse=False, bits=12)[found.pixels[80, 90] - found.first]
    assert picture(viewport)[round(spot[1]), round(spot[0]), 0] == driving_levels(response, P_VALUES)[fine]
