"""The filter chain editor and the window presets."""

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QCheckBox
from pytestqt.qtbot import QtBot

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.panels.filter_card import CardState, FilterCard
from mammoviewer.gui.panels.filters_panel import FiltersPanel, filter_presets
from mammoviewer.gui.panels.parts import CalmCombo, LabelledSlider
from mammoviewer.gui.panels.window_presets import WindowPresets, preset_title
from mammoviewer.imaging.filter_chain import FILTERS, FilterStep, describe
from mammoviewer.imaging.voi import VoiFunction, Window
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def state(four_views: Workspace) -> ViewerState:
    active = four_views.active
    assert active is not None
    return active


@pytest.fixture
def panel(four_views: Workspace, qtbot: QtBot) -> FiltersPanel:
    made = FiltersPanel(four_views, ActiveView(four_views))
    qtbot.addWidget(made)
    return made


def cards(panel: FiltersPanel) -> list[FilterCard]:
    return [panel._cards.itemAt(i).widget() for i in range(panel._cards.count())]  # type: ignore[union-attr,misc]


@pytest.mark.parametrize("name", list(FILTERS))
def test_every_filter_can_be_added_and_has_a_control_for_each_parameter(
    name: str, panel: FiltersPanel, state: ViewerState
) -> None:
    panel.add(name)
    assert state.filters == (FilterStep(name, {}),)
    assert len(cards(panel)) == 1


def test_a_slider_changes_the_chain(panel: FiltersPanel, state: ViewerState) -> None:
    panel.add("clahe")
    tiles = cards(panel)[0].findChildren(LabelledSlider)[0]
    tiles._slider.setValue(tiles._slider.value() + 4)
    assert state.filters[0].parameters["tiles"] == 12
    assert state.filters[0].parameters["clip"] == FilterStep("clahe", {}).parameters["clip"]


def test_off_keeps_the_filter_in_the_list(panel: FiltersPanel, state: ViewerState) -> None:
    panel.add("clahe")
    panel.add("median")
    cards(panel)[0].findChildren(QCheckBox)[0].click()
    assert [step.name for step in state.filters] == ["median"]
    assert [(card.step.name, card.enabled) for card in panel.cards] == [("clahe", False), ("median", True)]
    cards(panel)[0].findChildren(QCheckBox)[0].click()
    assert [step.name for step in state.filters] == ["clahe", "median"]


def test_order_and_removal(panel: FiltersPanel, state: ViewerState) -> None:
    panel.add("clahe")
    panel.add("median")
    cards(panel)[1].moved.emit(-1)
    assert [step.name for step in state.filters] == ["median", "clahe"]
    cards(panel)[0].removed.emit()
    assert [step.name for step in state.filters] == ["clahe"]


def test_a_chain_set_elsewhere_is_shown(panel: FiltersPanel, state: ViewerState) -> None:
    state.filters = (FilterStep("unsharp", {}), FilterStep("median", {}))
    assert [card.step.name for card in panel.cards] == ["unsharp", "median"]
    assert len(cards(panel)) == 2


def shown_values(card: FilterCard) -> list[object]:
    """Return what each control of a card says, the switch first."""
    boxes = [box.isChecked() for box in card.findChildren(QCheckBox)]
    choices = [combo.currentData() for combo in card.findChildren(CalmCombo)]
    return [*boxes, *choices, *(round(slider.value, 6) for slider in card.findChildren(LabelledSlider))]


@pytest.mark.parametrize("name", list(FILTERS))
def test_other_values_set_elsewhere_are_shown_by_the_same_controls(
    name: str, panel: FiltersPanel, state: ViewerState, qtbot: QtBot
) -> None:
    panel.add(name)
    other = {}
    for parameter in describe(name).parameters:
        if parameter.kind == "boolean":
            other[parameter.name] = not state.filters[0].parameters[parameter.name]
        else:
            other[parameter.name] = parameter.choices[-1] if parameter.choices else parameter.maximum
    changed = FilterStep(name, other)
    before = cards(panel)
    with qtbot.assertNotEmitted(before[0].edited):
        state.filters = (changed,)
    assert cards(panel) == before
    made = FilterCard(CardState(changed), first=True, last=True)
    qtbot.addWidget(made)
    assert shown_values(before[0]) == shown_values(made)
    assert state.filters == (changed,)


def test_the_original_is_shown_while_the_button_is_held(panel: FiltersPanel, state: ViewerState) -> None:
    panel.add("clahe")
    panel._original.pressed.emit()
    assert state.active_filters == ()
    panel._original.released.emit()
    assert state.active_filters == state.filters != ()


def test_presets_can_be_read_and_used(panel: FiltersPanel, state: ViewerState) -> None:
    title, chain = filter_presets()[0]
    assert title
    assert chain
    panel._presets.setCurrentIndex(0)
    panel._presets.activated.emit(0)
    assert state.filters == chain


def test_the_same_chain_on_all_views(panel: FiltersPanel, state: ViewerState, four_views: Workspace) -> None:
    panel.add("clahe")
    panel._everywhere.click()
    assert {four_views.state(image.attributes.identity).filters for image in four_views.images} == {state.filters}


def test_a_bold_value_is_cautioned_about(qtbot: QtBot) -> None:
    card = FilterCard(CardState(FilterStep("wavelet", {"q": 4.0})), first=True, last=True)
    qtbot.addWidget(card)
    assert "faint calcifications" in card._caution.text()


def test_presets_of_the_file_by_their_explanation(four_views: Workspace, state: ViewerState, qtbot: QtBot) -> None:
    widget = WindowPresets(ActiveView(four_views))
    qtbot.addWidget(widget)
    offered = state.image.attributes.vois
    assert widget._list.itemText(0) == preset_title(offered[0], 1) == "1  NORMAL  ·  2000 / 3000"
    state.voi = Window(1.0, 2.0)
    assert widget._list.currentIndex() == -1
    widget._list.activated.emit(0)
    assert state.voi == offered[0]
    assert widget._list.currentIndex() == 0


def test_sliders_keep_the_function_of_the_window(four_views: Workspace, state: ViewerState, qtbot: QtBot) -> None:
    state.voi = replace(Window(2000.0, 1000.0), function=VoiFunction.SIGMOID)
    widget = WindowPresets(ActiveView(four_views))
    qtbot.addWidget(widget)
    widget._centre._slider.setValue(1500)
    assert state.voi == Window(1500.0, 1000.0, VoiFunction.SIGMOID)
