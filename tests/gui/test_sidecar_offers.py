"""The offer to take annotations in that lie beside images, and the switch of writing them."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.exchange import mammogram_file, opened

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.sidecar import sidecar_path, write_sidecar
from mammoviewer.dicom.reader import open_paths
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.session.settings import SettingsFile

BOX = Roi(RoiKind.RECTANGLE, ((1.0, 2.0), (30.0, 40.0)))


@pytest.fixture
def window(qtbot, workspace, tmp_path):
    made = MainWindow(workspace, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(made)
    return made


def test_the_notice_has_a_button_that_takes_them_in_and_undo_takes_them_out(window, workspace, qtbot, tmp_path: Path):
    path = mammogram_file(tmp_path / "a.dcm")
    image = opened(path)[0].attributes
    write_sidecar(image, (new_finding(image.identity, 0, BOX, "Mass"),), ())
    workspace.add(open_paths([path]))
    qtbot.waitUntil(lambda: any("beside 1 image: 1 new" in n.text for n in window.notices.notices))
    assert workspace.annotations.findings == ()
    while "beside" not in window.notices.notices[0].text:
        window.notices.next_notice()
    assert window.notices._remedy.text() == "Take them in"
    window.notices.use_remedy()
    assert [finding.label for finding in workspace.annotations.findings] == ["Mass"]
    workspace.edits.undo()
    assert workspace.annotations.findings == ()


def test_the_command_switches_writing_on_for_what_is_open_and_off(window, workspace, qtbot, tmp_path: Path):
    path = mammogram_file(tmp_path / "a.dcm")
    workspace.add(open_paths([path]))
    image = workspace.images[0].attributes
    workspace.store.save(new_finding(image.identity, 0, BOX, "Mass"))
    workspace.annotations.load(workspace.store.load())
    command = next(command for command in COMMANDS if command.id == "file.sidecars")
    command.handler(window.desk)
    qtbot.waitUntil(lambda: any("1 file written" in n.hint for n in window.notices.notices))
    assert sidecar_path(image).is_file()
    assert SettingsFile(tmp_path / "settings.json").settings.library.sidecars
    command.handler(window.desk)
    assert not workspace.settings.library.sidecars
