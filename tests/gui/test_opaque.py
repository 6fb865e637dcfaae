"""A picture is painted without what lies under it, under a style sheet too."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.theme import style_sheet
from mammoviewer.session.workspace import Workspace


class Painted(QObject):
    """Counts paint events by widget."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[QObject] = Counter()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.counts[watched] += event.type() == QEvent.Type.Paint
        return False


@pytest.mark.parametrize("styled_late", [False, True])
def test_nothing_is_painted_under_a_picture(qtbot: QtBot, four_views: Workspace, styled_late: bool) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    grid = ViewportGrid(four_views)
    QVBoxLayout(window).addWidget(grid)
    if not styled_late:
        window.setStyleSheet(style_sheet())
    window.resize(600, 500)
    window.show()
    qtbot.waitExposed(window)
    if styled_late:
        window.setStyleSheet(style_sheet())
    viewport = grid.viewports[0]
    qtbot.waitUntil(lambda: all(not v.follower.waiting for v in grid.viewports))
    qtbot.wait(50)
    assert viewport.testAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
    painted = Painted()
    for widget in (window, grid, viewport):
        widget.installEventFilter(painted)
    viewport.update()
    qtbot.waitUntil(lambda: painted.counts[viewport] == 1)
    assert painted.counts[grid] == painted.counts[window] == 0
