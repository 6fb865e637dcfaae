"""Fixtures of the tests that need Qt: no display, core signals delivered, a workspace on a file of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest

pytest.importorskip("PySide6")

from helpers.images import breast_like, make_image
from psygnal import emit_queued
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace


def pytest_configure(config: pytest.Config) -> None:
    """Leave out what the offscreen platform always says."""
    config.addinivalue_line("qt_log_ignore", "propagateSizeHints")


@pytest.fixture(autouse=True)
def no_windows_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delete what a test leaves open: every window that stays makes all later ones slower."""
    yield
    for widget in QApplication.topLevelWidgets():
        if isValid(widget) and widget.parent() is None:
            widget.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def deliver(qtbot: QtBot) -> Iterator[None]:
    """Deliver core signals on this thread while the test runs."""
    timer = QTimer()
    timer.timeout.connect(emit_queued)
    timer.start(2)
    yield
    timer.stop()
    emit_queued()


@pytest.fixture
def workspace(tmp_path: Path, deliver: None) -> Iterator[Workspace]:
    """An empty workspace."""
    opened = Workspace(Settings(), library=tmp_path / "library.sqlite")
    yield opened
    opened.close()
    emit_queued()


@pytest.fixture
def four_views(workspace: Workspace) -> Workspace:
    """A workspace with four small views hung; the chest wall of the right breast is at the right as stored."""
    images = []
    for label in ("RCC", "LCC", "RMLO", "LMLO"):
        pixels = breast_like(seed=len(label))
        images.append(make_image(label, pixels=pixels if label[0] == "R" else pixels[:, ::-1].copy()))
    workspace.add(OpenResult(tuple(images), ()))
    return workspace


@pytest.fixture
def volume(workspace: Workspace) -> Workspace:
    """A workspace with one volume of 12 slices."""
    image = make_image("RMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=12), slice_spacing_mm=1.0)
    workspace.add(OpenResult((image,), ()))
    return workspace
