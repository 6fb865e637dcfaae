"""Priors in the window, images put where the reader wants them, and the editor of protocols."""

from __future__ import annotations

import pytest
from helpers.images import breast_like, make_image
from helpers.viewports import shown
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.companion_text import with_companions
from mammoviewer.gui.canvas.corner_text import corner_text
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.viewport import IMAGE_MIME
from mammoviewer.gui.dialogs.protocol_dialog import ProtocolDialog
from mammoviewer.gui.panels.header_bar import HeaderBar
from mammoviewer.gui.panels.parts import CalmCombo
from mammoviewer.gui.panels.thumbnail_rail import ThumbnailRail
from mammoviewer.gui.thumbnails import Thumbnails
from mammoviewer.session.protocol import load_protocol, protocols
from mammoviewer.session.viewer_state import Tool


def exam(uid, date, labels=("RCC", "LCC", "RMLO", "LMLO")):
    return tuple(
        make_image(
            label,
            pixels=breast_like(seed=number),
            uid=f"{uid}.{number}",
            StudyInstanceUID=uid,
            StudyDate=date,
            PatientID="P1",
        )
        for number, label in enumerate(labels)
    )


@pytest.fixture
def with_priors(workspace):
    """A study of 2024 with priors of 2022 and 2020, opened in an odd order."""
    for images in (exam("2", "20220301"), exam("1", "20240517"), exam("3", "20200301")):
        workspace.add(OpenResult(images, ()))
    return workspace


def titles(workspace):
    return [stage.title for stage in workspace.stages]


def test_the_newest_study_hangs_whatever_came_last(with_priors):
    assert with_priors.study.date == "2024-05-17"
    assert with_priors.hung.prior.date == "2022-03-01"
    with_priors.show_stage(titles(with_priors).index("Eight views with prior below"))
    assert with_priors.stage.cells == ("1.0", "1.1", "1.2", "1.3", "2.0", "2.1", "2.2", "2.3")


def test_the_prior_is_chosen_by_its_date(qtbot, with_priors):
    header = HeaderBar(with_priors, ActiveView(with_priors))
    qtbot.addWidget(header)
    box = next(box for box in header.findChildren(CalmCombo) if box.accessibleName().startswith("Prior"))
    assert [box.itemText(i) for i in range(box.count())] == ["vs 2022-03-01", "vs 2020-03-01"]
    with_priors.show_stage(titles(with_priors).index("MLO with prior below"))
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert with_priors.stage.cells == ("1.2", "1.3", "3.2", "3.3")


def test_without_a_prior_there_is_nothing_to_choose(qtbot, four_views):
    header = HeaderBar(four_views, ActiveView(four_views))
    qtbot.addWidget(header)
    box = next(box for box in header.findChildren(CalmCombo) if box.accessibleName().startswith("Prior"))
    assert box.isHidden()


def test_a_prior_says_so_on_the_picture(with_priors):
    for identity, expected in (("1.0", []), ("2.0", ["PRIOR 2022-03-01"])):
        state = with_priors.state(identity)
        text = with_companions(corner_text(state, 0, "off"), state, with_priors, "off")
        assert [badge.text for badge in text.badges if badge.text.startswith("PRIOR")] == expected


def test_the_rail_shows_what_the_protocol_leaves_and_the_prior(qtbot, with_priors):
    more = make_image("RXCCL", uid="1.9", StudyInstanceUID="1", StudyDate="20240517", PatientID="P1")
    with_priors.add(OpenResult((more,), ()))
    rail = ThumbnailRail(with_priors, ActiveView(with_priors), Thumbnails(with_priors))
    qtbot.addWidget(rail)
    column = rail._column
    shown_order = [column.itemAt(i).widget().text() for i in range(column.count())]
    assert shown_order == [
        *("RCC", "LCC", "RMLO", "LMLO"),
        *("NOT IN PROTOCOL", "RXCCL"),
        *("PRIOR 2022-03-01", "RCC", "LCC", "RMLO", "LMLO"),
    ]


def test_an_image_of_the_rail_is_dropped_into_a_viewport(qtbot, with_priors):
    grid = ViewportGrid(with_priors)
    qtbot.addWidget(grid)
    grid.resize(600, 600)
    carried = QMimeData()
    carried.setData(IMAGE_MIME, b"2.3")
    flags = (Qt.DropAction.CopyAction, carried, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(5, 5), *flags)
    QApplication.sendEvent(grid.viewports[1], enter)
    assert enter.isAccepted()
    QApplication.sendEvent(grid.viewports[1], QDropEvent(QPointF(5, 5), *flags))
    assert with_priors.stage.cells == ("1.0", "2.3", "1.2", "1.3")
    assert grid.viewports[1].identity == with_priors.desk.active_identity == "2.3"


def test_files_are_not_for_a_viewport(qtbot, four_views):
    viewport = shown(qtbot, four_views)
    carried = QMimeData()
    carried.setText("file")
    enter = QDragEnterEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, carried, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(viewport, enter)
    assert not enter.isAccepted()


@pytest.fixture
def dialog(qtbot, four_views):
    made = ProtocolDialog(four_views)
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_protocol_is_made_kept_and_used(four_views, dialog):
    dialog.add_stage()
    dialog._title.setText("MLO above CC")
    dialog._rows.setValue(2)
    for box, word in zip(dialog.cells._boxes, ("RMLO", "LMLO", "RCC", "LCC"), strict=True):
        box.setCurrentText(word)
    dialog.move_stage(-1)
    dialog._name.setText("House")
    dialog.use()
    assert [p.name for p in protocols()[0]][-1] == "House"
    assert protocols()[0][-1].stages[0].cells == ("RMLO", "LMLO", "RCC", "LCC")
    assert titles(four_views)[0] == "MLO above CC"
    assert four_views.hung.protocol.name == "House"


def test_the_grid_keeps_its_cells_when_it_grows(dialog):
    dialog._columns.setValue(3)
    assert dialog.cells.cells == ("RCC", "LCC", "", "RMLO", "LMLO", "")
    dialog._rows.setValue(1)
    assert dialog.cells.cells == ("RCC", "LCC", "")


def test_a_cell_that_is_none_is_told_and_kept_in_sight(dialog):
    dialog.cells._boxes[0].setCurrentText("nonsense")
    dialog._list.setCurrentRow(2)
    assert "'nonsense' is no cell" in dialog._message.text()
    assert dialog._list.currentRow() == 0
    assert not dialog.save()
    assert all(p.bundled for p in protocols()[0])


def test_own_protocols_can_be_deleted_bundled_ones_cannot(dialog):
    assert not dialog._delete.isEnabled()
    dialog._name.setText("Mine")
    assert dialog.save()
    assert dialog._delete.isEnabled()
    dialog.delete()
    assert [p.name for p in protocols()[0]] == [load_protocol().name]


def test_stages_are_removed_but_for_the_last(dialog):
    for _ in range(len(dialog._stages) + 2):
        dialog.remove_stage()
    assert len(dialog._stages) == 1


def test_everything_in_the_bar_has_room_in_the_narrowest_window(qtbot, with_priors):
    header = HeaderBar(with_priors, ActiveView(with_priors))
    qtbot.addWidget(header)
    header.resize(1400, 44)
    header.show()
    assert header._tools[Tool.RECTANGLE].isVisible()
    header.resize(1100, 44)
    assert not header._tools[Tool.RECTANGLE].isVisible()
    assert header.minimumSizeHint().width() <= 1100
