"""Which frames are decoded while nothing else is to be done: those of the volumes on screen, the nearest first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mammoviewer.dicom.image import Image

_AGAINST_TRAVEL = 3
"""A frame that the reader comes from is so many times as far away as one that lies ahead."""
_SHARE = 0.75
"""Of the memory; the rest is for single images and filtered pictures."""


@dataclass
class _Plan:
    """The frames of a volume, nearest first, of which ``taken`` were looked at."""

    image: Image
    frame: int
    direction: int
    order: list[int]
    taken: int = 0


class LookAhead:
    """Plans for the volumes on screen; every method is thread-safe.

    Volumes share the memory evenly, and of each no more is planned than fits into its share. So what is decoded ahead
    never drives out what is nearer.

    Parameters
    ----------
    byte_budget
        The memory of decoded frames.
    bytes_of_frame
        Tells the memory that a frame of an image takes.
    """

    def __init__(self, byte_budget: int, bytes_of_frame: Callable[[Image], int]) -> None:
        self._budget = byte_budget
        self._bytes_of_frame = bytes_of_frame
        self._plans: dict[str, _Plan] = {}
        self._left_out: set[tuple[str, int]] = set()
        self._lock = threading.Lock()

    def plan(self, image: Image, frame: int, direction: int) -> None:
        """Look ahead from a frame from now on, in place of what was planned for this volume.

        ``direction`` is that of travel: 1, -1, or 0 for both.
        """
        attributes = image.attributes
        if attributes.frames < 2:
            return
        with self._lock:
            before = self._plans.pop(attributes.identity, None)
            if before is None or (before.image, before.frame, before.direction) != (image, frame, direction):
                before = _Plan(image, frame, direction, nearest_first(frame, attributes.frames, direction))
            self._plans[attributes.identity] = before

    def keep_only(self, identities: Collection[str]) -> None:
        """Forget the plans of all other volumes."""
        with self._lock:
            self._plans = {identity: plan for identity, plan in self._plans.items() if identity in identities}

    def leave_out(self, identity: str, frame: int) -> None:
        """Take this frame no more: it cannot be decoded."""
        with self._lock:
            self._left_out.add((identity, frame))

    def try_again(self, identities: Collection[str]) -> None:
        """Take frames of these images again that were left out: a disk may be back."""
        with self._lock:
            back = {place for place in self._left_out if place[0] in identities}
            self._left_out -= back
            for identity, _ in back:
                if identity in self._plans:
                    self._plans[identity].taken = 0

    def forget(self, identity: str) -> None:
        """Forget all about an image whose file has changed."""
        with self._lock:
            self._left_out = {place for place in self._left_out if place[0] != identity}
            self._plans.pop(identity, None)

    def take(self, is_held: Callable[[Image, int], bool]) -> tuple[Image, int] | None:
        """Return the frame to be decoded next and take it out of the plan; None when everything is there.

        Of several volumes the one of which least is done comes first, among equals the one looked at last.
        """
        with self._lock:
            for plan in self._plans.values():
                end = self._frames_that_fit(plan)
                while plan.taken < end and self._done_with(plan, is_held):
                    plan.taken += 1
            unfinished = [plan for plan in self._plans.values() if plan.taken < self._frames_that_fit(plan)]
            if not unfinished:
                return None
            chosen = min(reversed(unfinished), key=lambda plan: plan.taken)
            chosen.taken += 1
            return chosen.image, chosen.order[chosen.taken - 1]

    def planned(self) -> list[tuple[Image, int]]:
        """Return all frames of the plans, the least wanted first."""
        with self._lock:
            return [
                (plan.image, frame)
                for plan in self._plans.values()
                for frame in reversed(plan.order[: self._frames_that_fit(plan)])
            ]

    def _frames_that_fit(self, plan: _Plan) -> int:
        share = int(self._budget * _SHARE) // len(self._plans)
        return min(len(plan.order), share // max(1, self._bytes_of_frame(plan.image)))

    def _done_with(self, plan: _Plan, is_held: Callable[[Image, int], bool]) -> bool:
        frame = plan.order[plan.taken]
        return (plan.image.attributes.identity, frame) in self._left_out or is_held(plan.image, frame)


def nearest_first(frame: int, frames: int, direction: int) -> list[int]:
    """Return all frames of a volume, beginning with ``frame``, in the order in which the reader may come to them."""

    def distance(other: int) -> int:
        steps = other - frame
        return abs(steps) * (_AGAINST_TRAVEL if steps * direction < 0 else 1)

    return sorted(range(frames), key=distance)
