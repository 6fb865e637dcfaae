"""Facts and header of the active image."""

from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.panels.details_panel import DetailsPanel, image_facts, view_facts, window_source
from mammoviewer.gui.panels.header_tree import HeaderModel, HeaderTree
from mammoviewer.imaging.voi import Window, auto_window
from mammoviewer.session.first_view import first_view
from mammoviewer.session.workspace import Workspace

ROWS = [("(0010,0010)", "PatientName", "PN", "Doe^Jane"), ("(0028,0010)", "Rows", "US", "100")]


def attributes(**changes: object) -> ImageAttributes:
    values = {"path": Path("a.dcm"), "kind": ImageKind.TOMO, "rows": 10, "columns": 20, "frames": 3, **changes}
    return ImageAttributes(**values)  # type: ignore[arg-type]


def test_facts_say_what_is_known_and_what_is_not() -> None:
    facts = dict(image_facts(attributes(view=View("L", "MLO"), facts=(("kVp", "29"),))))
    assert facts["View"] == "LMLO"
    assert facts["Size"] == "20 x 10 px, 8 bit, 3 slices"
    assert facts["Pixel"] == "uncalibrated"
    assert facts["kVp"] == "29"
    assert "Made by" not in facts
    spaced = dict(image_facts(attributes(pixel_spacing=PixelSpacing(0.1, 0.2, "mm in plane"), lossy=True)))
    assert spaced["Pixel"] == "0.1 x 0.2 mm in plane"
    assert spaced["Compression"] == "lossy"


def test_the_header_as_a_table(qapp: object) -> None:
    model = HeaderModel()
    model.show_rows(ROWS)
    assert (model.rowCount(), model.columnCount()) == (2, 3)
    assert model.data(model.index(0, 1)) == "PatientName"
    assert "PN" in model.data(model.index(0, 2), Qt.ItemDataRole.ToolTipRole)
    assert model.rowCount(model.index(0, 0)) == 0
    assert model.headerData(2, Qt.Orientation.Horizontal) == "Value"
    assert isinstance(model.index(0, 0), QModelIndex)


def test_the_search_looks_into_every_column(
    four_views: Workspace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in four_views.images:
        monkeypatch.setattr(image, "header_text", lambda: ROWS)
    panel = DetailsPanel(four_views, ActiveView(four_views))
    qtbot.addWidget(panel)
    qtbot.waitUntil(lambda: panel.shown_rows == 2)
    for text, count in (("jane", 1), ("0028", 1), ("rows", 1), ("00", 2), ("no such thing", 0), ("", 2)):
        panel.search(text)
        assert panel.shown_rows == count, text


NESTED = [
    ("(0008,0018)", "SOPInstanceUID", "UI", "1.2.3"),
    ("(5200,9229)", "SharedFunctionalGroupsSequence", "SQ", "1 items"),
    ("  (0028,9110)", "PixelMeasuresSequence", "SQ", "1 items"),
    ("    (0028,0030)", "PixelSpacing", "DS", "[0.1, 0.1]"),
    ("  (0020,9116)", "PlaneOrientationSequence", "SQ", "1 items"),
    ("(0028,0010)", "Rows", "US", "100"),
]


def test_items_of_sequences_lie_below_them(qapp: object) -> None:
    model = HeaderModel()
    model.show_rows(NESTED)
    assert [model.data(model.index(row, 1)) for row in range(model.rowCount())] == [
        "SOPInstanceUID",
        "SharedFunctionalGroupsSequence",
        "Rows",
    ]
    shared = model.index(1, 0)
    assert model.rowCount(shared) == 2
    measures = model.index(0, 0, shared)
    spacing = model.index(0, 0, measures)
    assert model.data(spacing) == "0028,0030"
    assert model.parent(spacing) == measures
    assert model.parent(measures) == shared
    assert not model.parent(shared).isValid()
    assert not model.index(7, 0).isValid()


def test_the_model_keeps_the_rules_of_qt(qapp: object) -> None:
    from PySide6.QtTest import QAbstractItemModelTester

    model = HeaderModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_rows(NESTED)
    model.show_rows(ROWS)


def test_a_search_keeps_the_sequences_around_what_it_finds(qtbot: QtBot) -> None:
    tree = HeaderTree()
    qtbot.addWidget(tree)
    tree.show_rows(NESTED)
    assert tree.shown_rows == 6
    tree.search("PixelSpacing")
    assert tree.shown_rows == 3
    found = tree.model()
    shared = found.index(0, 0)
    assert tree.isExpanded(shared)
    tree.search("")
    assert not tree.isExpanded(tree.model().index(1, 0))


def test_the_window_is_told_with_its_source(four_views: Workspace) -> None:
    state = first_view(four_views.images[0])
    assert window_source(state) == "of the file"
    assert dict(view_facts(state))["Window"] == "2000/3000 NORMAL, of the file"
    state.voi = Window(10.0, 20.0)
    assert window_source(state) == "set by hand"
    state.voi = auto_window(state.image.frame(0))
    assert window_source(state) == "made from the grey values"
    state.voi, state.presentation = Window(10.0, 20.0, explanation="Window 1"), "1.2"
    assert window_source(state) == "of a presentation state"
    state.window_pending = True
    assert window_source(state) == "until one is made from the grey values"


def test_the_panel_follows_the_window_and_the_decoder(four_views: Workspace, qtbot: QtBot) -> None:
    panel = DetailsPanel(four_views, ActiveView(four_views))
    qtbot.addWidget(panel)
    state = four_views.active
    assert state is not None
    state.voi = Window(10.0, 20.0)
    qtbot.waitUntil(lambda: dict(panel.fact_lines)["Window"] == "10/20, set by hand")
    four_views.pictures.picture(state)
    qtbot.waitUntil(lambda: dict(panel.fact_lines)["Decoder"] == "array")


def test_another_character_set_is_asked_for(
    four_views: Workspace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("mammoviewer.gui.panels.details_panel.reread_texts", lambda _, charset: asked.append(charset))
    panel = DetailsPanel(four_views, ActiveView(four_views))
    qtbot.addWidget(panel)
    panel._charset.activated.emit(panel._charset.findText("Cyrillic (Windows)"))
    assert asked == ["windows-1251"]
