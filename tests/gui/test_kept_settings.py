"""The reader's taste in overlays and corner text outlives the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from mammoviewer.gui.kept_settings import KeptSettings
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "settings.json")


def test_what_is_set_is_in_force_after_a_restart(
    workspace: Workspace, file: SettingsFile, qtbot: QtBot, tmp_path: Path
) -> None:
    kept = KeptSettings(workspace, file)
    kept._rest.setInterval(10)
    style = workspace.style
    style.opacity, style.threshold, style.colormap, style.contours = 0.8, 0.45, "cividis", True
    workspace.desk.corner_text = "minimal"
    workspace.desk.interpolation = "cubic"
    qtbot.waitUntil(file.path.exists)
    again = Workspace(SettingsFile(file.path).settings, library=tmp_path / "other.sqlite")
    try:
        assert again.style == style
        assert again.desk.corner_text == "minimal"
        assert again.desk.interpolation == "cubic"
    finally:
        again.close()


def test_it_waits_until_the_slider_rests(workspace: Workspace, file: SettingsFile, qtbot: QtBot) -> None:
    kept = KeptSettings(workspace, file)
    written = []
    file.changed.connect(written.append)
    kept._rest.setInterval(400)
    for step in range(10):
        workspace.style.opacity = step / 10
        qtbot.wait(5)
    qtbot.waitUntil(lambda: bool(written))
    assert [settings.window.overlay_opacity for settings in written] == [0.9]


def test_nothing_is_written_where_nothing_changed(workspace: Workspace, file: SettingsFile) -> None:
    KeptSettings(workspace, file).keep()
    assert not file.path.exists()


def test_a_file_that_cannot_be_written_is_told(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = []
    workspace.notice.connect(told.append)
    kept = KeptSettings(workspace, SettingsFile(tmp_path / "file" / "settings.json"))
    workspace.style.opacity = 0.1
    kept.keep()
    assert "settings cannot be written" in told[0].text
