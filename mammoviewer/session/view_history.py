"""Undo for what the reader did to the views: window, zoom, place, turns, filters, slabs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from mammoviewer.session.viewer_state import ViewerState

FIELDS = ("presentation", "voi", "inverted", "orientation", "filters", "slab_mm", "slab_mode", "centre", "zoom")
"""What can be undone, in the order in which it is set again: the centre has no meaning before the zoom is set."""
_REST_S = 0.7
"""Changes that follow each other faster are one step: a drag, turns of a wheel, what linked views do together."""
_DEPTH = 100

Step = dict[tuple[str, str], Any]
"""The value before, by image identity and field."""


class ViewHistory:
    """Listens to the states that it is given; bounded.

    Parameters
    ----------
    state_of
        Returns the view of an open image by its identity.
    hung
        Returns the identities of the images that hang: nothing is taken back or done again out of sight.
    now
        A clock in seconds.
    """

    def __init__(
        self,
        state_of: Callable[[str], ViewerState],
        hung: Callable[[], Collection[str]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state_of = state_of
        self._hung = hung
        self._now = now
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._last = float("-inf")
        self._replaying = False

    def follow(self, state: ViewerState) -> None:
        """Remember the changes of a view from now on."""
        identity = state.image.attributes.identity

        def changed(info: Any) -> None:
            name = info.signal.name
            automatic = name == "voi" and state.window_is_automatic
            if name in FIELDS and not self._replaying and not automatic and len(info.args) > 1:
                self._remember((identity, name), info.args[1])

        state.events.connect(changed)

    def clear(self) -> None:
        """Forget everything: what was restored from another session is where the reader begins."""
        self._done.clear()
        self._undone.clear()
        self._last = float("-inf")

    def _remember(self, key: tuple[str, str], before: Any) -> None:
        now = self._now()
        if now - self._last > _REST_S or not self._done:
            self._done.append({})
            del self._done[:-_DEPTH]
        self._last = now
        self._undone.clear()
        self._done[-1].setdefault(key, before)

    def undo(self) -> bool:
        """Take the last step of the hung views back; return whether there was one."""
        return self._replay(self._done, self._undone)

    def redo(self) -> bool:
        """Do the step of the hung views again that was taken back last; return whether there was one."""
        return self._replay(self._undone, self._done)

    def _replay(self, source: list[Step], target: list[Step]) -> bool:
        hung = self._hung()
        of_hung = [number for number, step in enumerate(source) if any(identity in hung for identity, _ in step)]
        if not of_hung:
            return False
        step = source.pop(of_hung[-1])
        target.append({(identity, name): getattr(self._state_of(identity), name) for identity, name in step})
        self._last = float("-inf")
        self._replaying = True
        try:
            for name in FIELDS:
                for (identity, field), value in step.items():
                    if field == name:
                        setattr(self._state_of(identity), name, value)
        finally:
            self._replaying = False
        return True
