"""The filter chain of the active image, with live sliders; the model never sees it unless its manifest says so."""

from __future__ import annotations

import functools
import json

from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from mammoviewer.base.paths import resources_dir
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.panels.filter_card import CardState, FilterCard
from mammoviewer.gui.panels.parts import (
    CalmCombo,
    button,
    clear_layout,
    column,
    divider,
    label,
    row,
    scrolling,
    section,
)
from mammoviewer.gui.panels.slab_controls import SlabControls
from mammoviewer.gui.panels.window_presets import WindowPresets
from mammoviewer.imaging.filter_chain import FILTERS, FilterChain, FilterStep, parse_filter
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace


@functools.cache
def filter_presets() -> tuple[tuple[str, FilterChain], ...]:
    """Return (title, chain) of the presets in ``resources/filters/presets.json``."""
    document = json.loads((resources_dir() / "filters" / "presets.json").read_text(encoding="utf-8"))
    return tuple((entry["title"], tuple(map(parse_filter, entry["chain"]))) for entry in document["presets"])


class FiltersPanel(QWidget):
    """Window and filters of the active image.

    The chain itself lives in the image's state; only filters that are switched off for the moment are kept here, by
    image, because the chain holds none of them.
    """

    def __init__(self, workspace: Workspace, active: ActiveView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._active = active
        self._drafts: dict[str, tuple[CardState, ...]] = {}
        self._presets = CalmCombo()
        self._presets.setPlaceholderText("Presets")
        self._presets.setAccessibleName("Filter presets")
        self._presets.show_choices([(title, chain) for title, chain in filter_presets()], None)
        self._presets.activated.connect(self._use_preset)
        menu = QMenu(self)
        for name, description in FILTERS.items():
            menu.addAction(description.title, functools.partial(self.add, name))
        self._add_button = button("Add filter", lambda: None, icon_name="plus")
        self._add_button.setMenu(menu)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(8)
        self._widgets: list[FilterCard] = []
        self._empty = label(
            "No filters: the pixels are shown as they are. Add a filter or choose a preset.", "dim", wrap=True
        )
        self._original = button("Hold to see the original", lambda: None, icon_name="eye", tip="Also: hold O")
        self._original.pressed.connect(lambda: self._bypass(True))
        self._original.released.connect(lambda: self._bypass(False))
        self._clear = button("Remove all", lambda: self._set_draft(()))
        self._everywhere = button(
            "Same on all views", self._copy_to_all, tip="Use this chain on every image of the study"
        )
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        choose = row([self._presets, self._add_button])
        after = column([self._original, row([self._everywhere, self._clear, None])])
        chain = section("Filters", choose, self._empty, self._cards, after)
        note = label(
            "Filters change only what you see. A model gets the image as its manifest asks for it.", "quiet", wrap=True
        )
        slices = SlabControls(workspace, active)
        outer.addWidget(scrolling([WindowPresets(active), slices, divider(), chain, note, None], self))
        active.switched.connect(self._rebuild)
        active.changed.connect(self._on_change)
        self._rebuild()

    @property
    def cards(self) -> tuple[CardState, ...]:
        """Return the filters of the active image, with those that are off."""
        state = self._active.state
        if state is None:
            return ()
        draft = self._drafts.get(state.image.attributes.identity, ())
        if tuple(card.step for card in draft if card.enabled) != state.filters:
            draft = tuple(CardState(step) for step in state.filters)
        return draft

    def _on_change(self, name: str) -> None:
        state = self._active.state
        if name == "filters" and state is not None:
            draft = self._drafts.get(state.image.attributes.identity, ())
            if tuple(card.step for card in draft if card.enabled) != state.filters:
                self._rebuild()

    def _set_draft(self, cards: tuple[CardState, ...], *, rebuild: bool = True) -> None:
        state = self._active.state
        if state is None:
            return
        self._drafts[state.image.attributes.identity] = cards
        chain = tuple(card.step for card in cards if card.enabled)
        if state.filters != chain:
            state.filters = chain
        if rebuild:
            self._rebuild()

    def add(self, name: str) -> None:
        """Put a filter with its defaults at the end of the chain."""
        self._set_draft((*self.cards, CardState(FilterStep(name, {}))))

    def _use_preset(self) -> None:
        chain: FilterChain = self._presets.currentData()
        self._set_draft(tuple(CardState(step) for step in chain))
        self._presets.setCurrentIndex(-1)

    def _edit(self, place: int, card: CardState) -> None:
        cards = list(self.cards)
        cards[place] = card
        self._set_draft(tuple(cards), rebuild=False)

    def _move(self, place: int, step: int) -> None:
        cards = list(self.cards)
        cards.insert(place + step, cards.pop(place))
        self._set_draft(tuple(cards))

    def _remove(self, place: int) -> None:
        self._set_draft(tuple(card for i, card in enumerate(self.cards) if i != place))

    def _bypass(self, on: bool) -> None:
        if self._active.state is not None:
            self._active.state.bypass_filters = on

    def _copy_to_all(self) -> None:
        state = self._active.state
        if state is not None and self._workspace.study is not None:
            for other in self._others(state):
                other.filters = state.filters

    def _others(self, state: ViewerState) -> list[ViewerState]:
        images = self._workspace.study.images if self._workspace.study else ()
        states = (self._workspace.state(image.attributes.identity) for image in images)
        return [other for other in states if other is not state]

    def _rebuild(self) -> None:
        cards = self.cards
        if [card.step.name for card in cards] == [widget.filter_name for widget in self._widgets]:
            for card, widget in zip(cards, self._widgets, strict=True):
                widget.show_card(card)
        else:
            self._make_cards(cards)
        there = self._active.state is not None
        self._empty.setVisible(not cards)
        for control in (self._presets, self._add_button):
            control.setEnabled(there)
        for control in (self._original, self._clear, self._everywhere):
            control.setVisible(bool(cards))

    def _make_cards(self, cards: tuple[CardState, ...]) -> None:
        clear_layout(self._cards)
        self._widgets = [
            FilterCard(card, first=place == 0, last=place == len(cards) - 1) for place, card in enumerate(cards)
        ]
        for place, widget in enumerate(self._widgets):
            widget.edited.connect(functools.partial(self._edit, place))
            widget.moved.connect(functools.partial(self._move, place))
            widget.removed.connect(functools.partial(self._remove, place))
            self._cards.addWidget(widget)
