"""The test pattern on a screen: pixel by pixel at any scale factor, by keys, with and without the display function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.pattern_window import PatternWindow
from mammoviewer.gui.screens import screen_name
from mammoviewer.imaging.display_patterns import smpte_pattern, tg18_pattern
from mammoviewer.imaging.gsdf import DisplayResponse, driving_levels
from mammoviewer.session.screens import P_VALUES, Screens
from mammoviewer.session.workspace import Workspace


def grabbed(window: PatternWindow) -> np.ndarray:
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return flat[:, : image.width()].copy()


@pytest.fixture
def window(qtbot: QtBot) -> PatternWindow:
    made = PatternWindow(Screens({}))
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(made)
    made.show_on(made.screen())
    qtbot.waitExposed(made)
    QTest.keyClick(made, Qt.Key.Key_H)
    return made


def test_the_screen_is_filled_pixel_by_pixel(window: PatternWindow) -> None:
    columns, rows = window.device_size
    assert (columns, rows) == window.screen().size().toTuple()
    np.testing.assert_array_equal(grabbed(window), tg18_pattern(rows, columns).greys)


def test_keys_switch_the_pattern_and_close(window: PatternWindow) -> None:
    columns, rows = window.device_size
    QTest.keyClick(window, Qt.Key.Key_P)
    np.testing.assert_array_equal(grabbed(window), smpte_pattern(rows, columns).greys)
    assert window.title.startswith("SMPTE style")
    QTest.keyClick(window, Qt.Key.Key_P)
    assert window.title.startswith("TG18-QC style")
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_a_line_of_text_tells_what_is_seen_and_can_be_hidden(window: PatternWindow) -> None:
    plain = grabbed(window)
    QTest.keyClick(window, Qt.Key.Key_H)
    changed = np.argwhere(grabbed(window) != plain)
    assert changed[:, 0].min() > 0.9 * plain.shape[0]
    assert "no luminance" in window.title


def test_the_display_function_is_switched_live(window: PatternWindow) -> None:
    columns, rows = window.device_size
    plain = tg18_pattern(rows, columns).greys
    response = DisplayResponse(0.5, 350.0)
    window._screens.update(screen_name(window.screen()), response=response, gsdf=True)
    fine = np.rint(np.arange(256) * (P_VALUES - 1) / 255).astype(int)
    np.testing.assert_array_equal(grabbed(window), driving_levels(response, P_VALUES)[fine][plain])
    assert "GSDF 0.5-350 cd/m²" in window.title
    QTest.keyClick(window, Qt.Key.Key_G)
    np.testing.assert_array_equal(grabbed(window), plain)
    assert "as they are" in window.title
    QTest.keyClick(window, Qt.Key.Key_G)
    assert "GSDF" in window.title


def test_the_command_shows_it_on_the_screen_of_the_window(qtbot: QtBot, workspace: Workspace) -> None:
    grid = ViewportGrid(workspace)
    qtbot.addWidget(grid)
    next(c for c in COMMANDS if c.id == "display.pattern").handler(Desk(workspace, grid, None))  # type: ignore[arg-type]
    opened = [w for w in QApplication.topLevelWidgets() if isinstance(w, PatternWindow) and w.isVisible()]
    assert len(opened) == 1
    assert opened[0].isFullScreen()
    opened[0].close()


_AT_A_SCALE = """
import sys
import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
from PySide6.QtWidgets import QApplication
application = QApplication([])
from mammoviewer.gui.pattern_window import PatternWindow
from mammoviewer.imaging.display_patterns import tg18_pattern
from mammoviewer.session.screens import Screens
window = PatternWindow(Screens({}))
window._line_shown = False
window.setGeometry(0, 0, 520, 400)
window.show()
application.processEvents()
image = window.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())[:, : image.width()]
columns, rows = window.device_size
assert window.devicePixelRatioF() == float(sys.argv[1]), window.devicePixelRatioF()
assert flat.shape == (rows, columns) == (400 * float(sys.argv[1]), 520 * float(sys.argv[1])), flat.shape
assert (flat == tg18_pattern(rows, columns).greys).all()
"""


@pytest.mark.parametrize("scale", ["1", "1.5", "2"])
def test_nothing_is_resampled_at_a_scale_factor(scale: str, tmp_path: Path) -> None:
    environment = {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": scale, "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", _AT_A_SCALE, scale],
        env={**environment, "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
