"""Core signals on the GUI thread."""

import threading

from psygnal import Signal, emit_queued
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import Bridge, bind, bind_values, when_over
from mammoviewer.jobs.job import Job
from mammoviewer.session.workspace import Workspace


class Source:
    told = Signal(int)


def test_what_a_worker_emits_arrives_on_the_gui_thread(qtbot: QtBot) -> None:
    source, owner, seen = Source(), QObject(), []
    bind_values(owner, source.told, lambda value: seen.append((value, threading.current_thread())))
    bridge = Bridge()
    worker = threading.Thread(target=lambda: source.told.emit(7))
    worker.start()
    worker.join()
    assert seen == []
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == [(7, threading.main_thread())]
    bridge.stop()


def test_a_deleted_widget_hears_nothing_more(qtbot: QtBot) -> None:
    source, seen = Source(), []
    widget = QWidget()
    bind(widget, source.told, lambda: seen.append(1))
    source.told.emit(1)
    worker = threading.Thread(target=lambda: source.told.emit(2))
    worker.start()
    worker.join()
    widget.deleteLater()
    QApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    emit_queued()
    source.told.emit(3)
    assert seen == [1]
    assert len(source.told) == 0


def test_six_thousand_rounds_of_the_event_loop(qapp: QApplication) -> None:
    """PySide6 6.12 loses a reference to None per call on Python 3.11 and dies after some 5,000."""
    widget = QWidget()
    for _ in range(6000):
        qapp.processEvents()
        widget.update()
    assert widget.isEnabled()
    widget.deleteLater()


def test_the_active_view_follows(four_views: Workspace, qtbot: QtBot) -> None:
    active = ActiveView(four_views)
    first, second = (image.attributes.identity for image in four_views.images[:2])
    fields: list[str] = []
    active.changed.connect(fields.append)
    four_views.desk.active_identity = second
    assert active.state is four_views.state(second)
    four_views.state(second).inverted = True
    four_views.state(first).inverted = True
    assert fields == ["inverted"]
    active.release()
    four_views.state(second).inverted = False
    assert fields == ["inverted"]


def test_a_job_that_is_over_already_is_told_too(qtbot: QtBot, deliver: None) -> None:
    owner = QObject()
    early, late = Job("early"), Job("late")
    told: list[Job] = []
    early.run(lambda progress: None)
    for job in (early, late):
        when_over(owner, job, told.append)
    late.run(lambda progress: None)
    qtbot.waitUntil(lambda: len(told) == 2)
    qtbot.wait(30)
    assert sorted(job.name for job in told) == ["early", "late"]
