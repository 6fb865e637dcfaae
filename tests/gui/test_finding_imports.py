"""Findings of other programs in the window: shown before they come, one step of undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.exchange import REGIONS, mammogram_file, opened, spread
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent

from mammoviewer.annotations.density import new_density
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.annotations.interchange.seg_findings import write_findings_seg
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.reader import open_paths
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.session.settings import SettingsFile

FAR = Roi(RoiKind.RECTANGLE, ((5000.0, 5000.0), (5010.0, 5010.0)))


@pytest.fixture
def window(qtbot, workspace, tmp_path):
    made = MainWindow(workspace, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(made)
    workspace.add(open_paths([mammogram_file(tmp_path / "in" / "a.dcm")]))
    return made


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    window.dropEvent(QDropEvent(QPoint(5, 5), copy, data, left, Qt.KeyboardModifier.NoModifier))


def cells(dialog) -> list[list[str]]:
    return [[dialog.files.item(row, column).text() for column in range(3)] for row in range(dialog.files.rowCount())]


def test_dropped_files_are_shown_first_and_come_as_one_step(window, workspace, qtbot, tmp_path: Path) -> None:
    image = workspace.images[0].attributes
    findings = spread(image, REGIONS)
    write_coco(tmp_path / "f.coco.json", findings[:2], [image])
    write_findings_seg(tmp_path / "s.dcm", findings[2:4], image)
    drop(window, tmp_path / "f.coco.json", tmp_path / "s.dcm")
    qtbot.waitUntil(lambda: window.imports.dialog is not None, timeout=60000)
    dialog = window.imports.dialog
    assert [row[:2] for row in cells(dialog)] == [["f.coco.json", "2"], ["s.dcm", "2"]]
    assert dialog.summary.text() == "4 new"
    assert dialog.images.text() == "RMLO: 4"
    assert workspace.annotations.findings == ()
    dialog.take.click()
    assert {finding.id for finding in workspace.annotations.findings} == {finding.id for finding in findings[:4]}
    workspace.edits.undo()
    assert workspace.annotations.findings == ()
    workspace.edits.redo()
    window.imports.plan([tmp_path / "s.dcm"])
    qtbot.waitUntil(lambda: window.imports.dialog is not None, timeout=60000)
    assert window.imports.dialog.summary.text() == "2 here already"
    assert not window.imports.dialog.take.isEnabled()
    window.imports.dialog.reject()


def test_problems_name_file_reason_and_remedy_and_the_rest_comes(window, workspace, qtbot, tmp_path: Path) -> None:
    image = workspace.images[0].attributes
    density = new_density(image.StudyInstanceUID, "R", "c", reader="B")
    inside, outside = new_finding(image.identity, 0, REGIONS[0], "Mass"), new_finding(image.identity, 0, FAR, "Mass")
    write_json(tmp_path / "good.json", (inside, outside), densities=(density,))
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    other = opened(mammogram_file(tmp_path / "o.dcm", SOPInstanceUID="1.2.3.4.5"))[0].attributes
    write_coco(tmp_path / "other.coco.json", spread(other, REGIONS[:1]), [other])
    window.imports.plan([tmp_path / name for name in ("good.json", "bad.csv", "other.coco.json")])
    qtbot.waitUntil(lambda: window.imports.dialog is not None, timeout=60000)
    dialog = window.imports.dialog
    good, bad, elsewhere = cells(dialog)
    assert good == ["good.json", "2", ""]
    assert bad[:2] == ["bad.csv", "0"]
    assert "is no table of findings that is known; DICOM SEG" in bad[2]
    assert elsewhere[2].startswith("has nothing for the images that are open; open the images")
    assert "1 x regions that lie outside of their image" in dialog.losses.text()
    assert dialog.summary.text() == "1 new, 1 breast density"
    dialog.take.click()
    assert workspace.annotations.findings == (inside,)
    assert workspace.annotations.densities == (density,)


def test_cancel_leaves_everything_as_it_was(window, workspace, qtbot, tmp_path: Path) -> None:
    image = workspace.images[0].attributes
    write_json(tmp_path / "f.json", spread(image, REGIONS[:1]))
    window.imports.plan([tmp_path / "f.json"])
    qtbot.waitUntil(lambda: window.imports.dialog is not None, timeout=60000)
    window.imports.dialog.reject()
    assert workspace.annotations.findings == ()
    assert not workspace.edits.can_undo


def test_images_that_are_dropped_are_opened_as_before(window, workspace, qtbot, tmp_path: Path) -> None:
    drop(window, mammogram_file(tmp_path / "b.dcm", SOPInstanceUID="1.2.3.4.6", ImageLaterality="L"))
    qtbot.waitUntil(lambda: len(workspace.images) == 2, timeout=60000)
    assert window.imports.dialog is None
