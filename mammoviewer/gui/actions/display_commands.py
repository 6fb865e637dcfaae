"""How pixels come to the screen: interpolation, true size, luminance."""

from __future__ import annotations

import functools

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.true_size import true_size
from mammoviewer.gui.screens import calibration, screen_name
from mammoviewer.session.settings import INTERPOLATIONS


def _interpolate(kind: str, desk: Desk) -> None:
    desk.workspace.desk.interpolation = kind


def _true_size(desk: Desk) -> None:
    """Show the active image at its true size; tell what that rests on where it is not certain."""
    viewport = desk.viewport
    if viewport is None:
        return
    if viewport.shown.image.attributes.pixel_spacing is None:
        text = "True size needs a pixel size, which this image does not have"
        notice = Notice(Severity.CAUTION, text, "state it if you know it")
        desk.window.offer(notice, "Pixel size…", desk.window.ask_pixel_size)
        return
    found = true_size(viewport)
    if found is not None:
        viewport.zoom_by(found.zoom / viewport.view.zoom)
    if found is None or not found.measured:
        trust = "the monitor does not tell its size" if found is None else "the monitor's own statement may be wrong"
        notice = Notice(Severity.CAUTION, "The size of this screen has not been measured", trust)
        desk.window.offer(notice, "Measure…", functools.partial(_measure_screen, desk))


def _measure_screen(desk: Desk) -> None:
    from mammoviewer.gui.dialogs.screen_size_dialog import ScreenSizeDialog

    desk.window.show_dialog(ScreenSizeDialog(desk.workspace.screens, desk.grid))


def calibrate(desk: Desk) -> None:
    """Show what is measured of the screen's luminance."""
    from mammoviewer.gui.dialogs.display_dialog import DisplayDialog

    desk.window.show_dialog(DisplayDialog(desk.workspace.screens, desk.grid))


def _gsdf(desk: Desk) -> None:
    """Let the greys of this screen follow the display function, or not; ask for its luminance first."""
    screens, place = desk.workspace.screens, desk.viewport or desk.grid
    known = calibration(place, screens)
    if known.response is None:
        calibrate(desk)
    else:
        screens.update(screen_name(place.screen()), gsdf=not known.gsdf)


def _pattern(desk: Desk) -> None:
    """Show a pattern on the screen that the reader works on."""
    from mammoviewer.gui.pattern_window import PatternWindow

    PatternWindow(desk.workspace.screens, desk.grid).show_on((desk.viewport or desk.grid).screen())


_TITLES = {
    "automatic": "Enlarge smoothly, from 6 times on as squares",
    "nearest": "Enlarge as squares (nearest)",
    "linear": "Enlarge smoothly (linear)",
    "cubic": "Enlarge smoothly and crisply (cubic)",
}
DISPLAY_COMMANDS = {
    "Display": (
        Command("display.true_size", "True size on this screen", ("T",), _true_size),
        Command("display.screen_size", "Measure the size of this screen…", (), _measure_screen),
        Command("display.calibration", "Display calibration…", (), calibrate),
        Command("display.gsdf", "Greys by the standard display function (GSDF), or as they are", (), _gsdf),
        Command("display.pattern", "Display test pattern", (), _pattern),
        *(
            Command(f"display.{kind}", _TITLES[kind], (), functools.partial(_interpolate, kind))
            for kind in INTERPOLATIONS
        ),
    )
}
