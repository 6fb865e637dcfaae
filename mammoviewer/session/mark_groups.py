"""The places of volumes that were put together from the marks of their slices, kept until those change."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from mammoviewer.inference.detections import Detection, grouped_over_frames

_MOST_KEPT = 64
_Marks = tuple[Detection, ...]


class MarkGroups:
    """Groups the marks of volumes, each volume once for the same marks."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Sequence[_Marks], _Marks]] = {}

    def of(self, key: Hashable, slices: Sequence[_Marks]) -> _Marks:
        """Return the places of the volume ``key``, of whose slices these are the marks, the highest first."""
        known = self._kept.get(key)
        # What has not changed since is the very same object.
        if known is None or not all(one is other for one, other in zip(known[0], slices, strict=True)):
            known = slices, grouped_over_frames([mark for marks in slices for mark in marks])
            self._kept.pop(key, None)
            self._kept[key] = known
            if len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return known[1]
