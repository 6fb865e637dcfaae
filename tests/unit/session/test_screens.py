"""What is known of a screen, kept as text."""

from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.gsdf import DisplayResponse, driving_levels, response_of_curve
from mammoviewer.session.screens import P_VALUES, ScreenCalibration, Screens, read_curve
from mammoviewer.session.settings import Settings, load_settings, save_settings

CURVE = tuple((float(level), round(0.5 + 350 * (level / 255) ** 2.4, 4)) for level in range(256))


def test_nothing_is_known_of_a_new_screen() -> None:
    assert Screens({}).get("Maker 5MP 1") == ScreenCalibration(0.0, None, False)
    assert Screens({}).get("Maker 5MP 1").levels == b""


@pytest.mark.parametrize(
    "known",
    [
        {"pixel_mm": 0.165},
        {"response": DisplayResponse(0.5, 350.0, 0.2), "gsdf": True},
        {"pixel_mm": 0.2, "response": response_of_curve(CURVE, 0.3), "gsdf": True},
    ],
)
def test_what_was_measured_comes_back_from_the_settings_file(tmp_path, known: dict) -> None:
    screens = Screens({})
    screens.update("Maker 5MP 1", **known)
    path = tmp_path / "settings.json"
    save_settings(path, Settings(screens=screens.texts))
    loaded, notice = load_settings(path)
    assert notice is None
    again = Screens(loaded.screens)
    assert again.get("Maker 5MP 1") == screens.get("Maker 5MP 1") == ScreenCalibration(**known)
    assert again.get("Maker 5MP 2") == ScreenCalibration()


def test_one_thing_changes_and_the_rest_stays() -> None:
    screens, told = Screens({}), []
    screens.changed.connect(lambda: told.append(1))
    screens.update("a", pixel_mm=0.2)
    screens.update("a", gsdf=True)
    screens.update("a", gsdf=True)
    assert screens.get("a") == ScreenCalibration(0.2, None, True)
    assert len(told) == 2


def test_the_levels_are_those_of_the_display_function_while_it_is_on() -> None:
    response = DisplayResponse(0.5, 350.0)
    on = ScreenCalibration(response=response, gsdf=True)
    np.testing.assert_array_equal(np.frombuffer(on.levels, np.uint8), driving_levels(response, P_VALUES))
    assert ScreenCalibration(response=response).levels == b""
    assert ScreenCalibration(gsdf=True).levels == b""


def test_what_is_in_force_is_told_with_the_light_of_the_room() -> None:
    on = ScreenCalibration(response=DisplayResponse(0.5, 350.0), gsdf=True)
    assert on.gsdf_text == "GSDF 0.5-350 cd/m²"
    lit = ScreenCalibration(response=DisplayResponse(0.5, 350.0, 0.25), gsdf=True)
    assert lit.gsdf_text == "GSDF 0.75-350.2 cd/m²"
    assert ScreenCalibration(response=DisplayResponse(0.5, 350.0)).gsdf_text == ""


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "nonsense", '{"pixel_mm": "x", "gsdf": true}', '{"pixel_mm": -1, "gsdf": false}']
    + ['{"pixel_mm": 0.2, "gsdf": true, "darkest": 5, "brightest": 1, "ambient": 0, "curve": []}']
    + ['{"pixel_mm": NaN, "gsdf": true}', '{"pixel_mm": 0.2, "gsdf": true, "brightest": 300}', "[" * 3000],
)
def test_what_cannot_be_read_counts_as_not_measured(text: str) -> None:
    assert Screens({"a": text}).get("a") == ScreenCalibration()
    assert Screens({"a": text}).texts == {}


def test_a_pasted_table_is_read_with_any_separator() -> None:
    text = "level; cd/m2\n0; 0.5\n15\t3.25\n\n  128, 77.1 \n255 350\n"
    assert read_curve(text) == ((0.0, 0.5), (15.0, 3.25), (128.0, 77.1), (255.0, 350.0))


@pytest.mark.parametrize("text", ["0 0.5\n15 3 4\n", "0 0.5\n7\n", "\n".join(f"{i / 2} {i}" for i in range(300))])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError):
        read_curve(text)
