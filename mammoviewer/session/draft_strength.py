"""The strength of a draft's regularisation: looked for now and then, and kept in between."""

from __future__ import annotations

from mammoviewer.session.draft import Draft
from mammoviewer.training.linear_fit import DEFAULT_STRENGTH

_ENOUGH_MORE = 1.25
"""So much longer the list of regions must be before the strength is looked for anew."""


class DraftStrength:
    """The strength in use, and what it was found for. A search takes ten times as long as a fit."""

    def __init__(self) -> None:
        self.value = DEFAULT_STRENGTH
        self._found_for: tuple[object, int] | None = None

    def holds(self, draft: Draft, way: object) -> bool:
        """Return whether it was found for the same ``way`` of looking and classes, and for about as many regions.

        ``way`` is that of :func:`mammoviewer.session.embedding_shelf.way_of`.
        """
        if self._found_for is None or self._found_for[0] != (way, draft.classes):
            return False
        before, now = self._found_for[1], len(draft.pictures)
        return before / _ENOUGH_MORE < now < before * _ENOUGH_MORE

    def keep(self, draft: Draft, way: object) -> None:
        """Use the strength of a draft from now on."""
        self.value = draft.strength
        self._found_for = (way, draft.classes), len(draft.pictures)
