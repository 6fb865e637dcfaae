from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from helpers.viewports import Exposed
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QPaintEvent, QRegion
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from mammoviewer.gui.canvas import before_paint
from mammoviewer.gui.canvas.before_paint import BeforePaint
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.imaging.voi import Window
from mammoviewer.session.workspace import Workspace


class AtPaint(QObject):
    """Notes something whenever a widget is about to paint: its window has begun, its paint event has not."""

    def __init__(self, widget: QWidget, note: object) -> None:
        super().__init__(widget)
        self.notes: list[object] = []
        self.region = QRegion()
        self._note = note
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.region = event.region()
            self.notes.append(self._note())
        return False


def making(made: list[str]) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def prepared() -> Iterator[None]:
        made.append("made")
        yield

    return prepared


def painted_widget(qtbot: QtBot) -> tuple[QWidget, AtPaint, list[str]]:
    widget, made = QWidget(), []
    qtbot.addWidget(widget)
    at_paint = AtPaint(widget, lambda: len(made))
    widget.show()
    qtbot.waitUntil(lambda: bool(at_paint.notes))
    at_paint.notes.clear()
    return widget, at_paint, made


def test_it_is_made_once_for_all_changes_and_before_the_paint(qtbot: QtBot) -> None:
    widget, at_paint, made = painted_widget(qtbot)
    before = BeforePaint(widget, making(made))
    for _ in range(5):
        before.update()
    assert not made
    qtbot.waitUntil(lambda: bool(at_paint.notes))
    assert at_paint.notes == [1]


def test_a_part_is_painted_where_no_more_is_asked_for(qtbot: QtBot) -> None:
    widget, at_paint, made = painted_widget(qtbot)
    asked = QRegion(3, 4, 20, 10)
    BeforePaint(widget, making(made)).update(asked)
    qtbot.waitUntil(lambda: bool(at_paint.notes))
    assert at_paint.notes == [1]
    assert at_paint.region == asked


def test_what_fails_before_the_paint_leaves_the_paint_to_tell_it(qtbot: QtBot) -> None:
    widget, at_paint, _ = painted_widget(qtbot)

    @contextmanager
    def fail() -> Iterator[None]:
        raise ValueError
        yield

    before = BeforePaint(widget, fail)
    for _ in range(2):
        before.update()
        qtbot.waitUntil(lambda: bool(at_paint.notes))
        at_paint.notes.clear()


@pytest.mark.parametrize("platforms", [before_paint._ONE_BY_ONE, frozenset()])
def test_what_qt_painted_meanwhile_is_painted_once(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, platforms: frozenset[str]
) -> None:
    monkeypatch.setattr(before_paint, "_ONE_BY_ONE", platforms)
    widget, at_paint, made = painted_widget(qtbot)
    before = BeforePaint(widget, making(made))
    before.update(QRegion(0, 0, 30, 10))
    before.painted(QRegion(0, 0, 30, 5))
    qtbot.waitUntil(lambda: bool(at_paint.notes))
    assert at_paint.region == QRegion(0, 5, 30, 5)
    before.update(QRegion(0, 0, 30, 10))
    before.painted(QRegion(widget.rect()))
    qtbot.wait(20)
    assert at_paint.notes == [1]


def test_several_widgets_of_a_window_are_painted_one_after_another(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    order: list[str] = []

    class Child(QWidget):
        def __init__(self, name: str) -> None:
            super().__init__(window)
            self.name = name

        def paintEvent(self, event: QPaintEvent) -> None:
            order.append(f"paint {self.name}")

    @contextmanager
    def prepared(name: str) -> Iterator[None]:
        order.append(f"make {name}")
        yield

    children = [Child("one"), Child("two")]
    for child in children:
        child.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
    children[1].move(50, 0)
    window.show()
    qtbot.waitUntil(lambda: len(order) == 2)
    order.clear()
    for child in children:
        BeforePaint(child, lambda name=child.name: prepared(name)).update()
    qtbot.waitUntil(lambda: len(order) == 4)
    assert order == ["make one", "paint one", "make two", "paint two"]


def test_nothing_is_made_for_a_widget_out_of_sight(qtbot: QtBot) -> None:
    widget, _, made = painted_widget(qtbot)
    widget.hide()
    BeforePaint(widget, making(made)).update()
    qtbot.wait(20)
    assert not made


def test_the_greys_of_a_viewport_are_there_when_its_window_begins_to_paint(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = Viewport(four_views)
    qtbot.addWidget(viewport)
    viewport.resize(200, 200)
    viewport.show_image(four_views.images[0].attributes.identity)
    viewport.show()
    qtbot.waitUntil(lambda: viewport._painter.grey.size != (0, 0))
    qtbot.wait(20)
    at_paint = AtPaint(viewport, lambda: viewport._painter.grey._region_key[0])
    for zoom in (1.5, 1.0, 0.75):
        at_paint.notes.clear()
        viewport.shown.zoom = zoom
        qtbot.waitUntil(lambda: bool(at_paint.notes))
        assert at_paint.notes[0] == zoom


def test_a_picture_of_the_viewport_for_others_leaves_the_paint_that_waits(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = Viewport(four_views)
    qtbot.addWidget(viewport)
    viewport.resize(200, 200)
    viewport.show_image(four_views.images[0].attributes.identity)
    viewport.show()
    qtbot.waitUntil(lambda: viewport._painter.grey.size != (0, 0))
    qtbot.wait(20)
    exposed = Exposed(viewport)
    viewport.shown.voi = Window(900.0, 800.0)
    viewport.grab()
    assert exposed.times == 1
    qtbot.waitUntil(lambda: exposed.times == 2)
    viewport.shown.voi = Window(2900.0, 800.0)
    viewport.repaint()
    assert exposed.times == 3
    qtbot.wait(20)
    assert exposed.times == 3, "what was painted on screen is not painted again"
