"""Playing a volume: a timer that keeps the pace and leaves frames out rather than wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer

from mammoviewer.session.pictures import PictureSource
from mammoviewer.session.viewer_state import ViewerState

RATES: Final = (2.0, 5.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0)
"""Frames a second that ``slower`` and ``faster`` step through."""


class Cine(QObject):
    """Moves the frame of a view while its ``playing`` is set: to and fro, or round and round where ``loops`` is set.

    Parameters
    ----------
    pictures
        Tells which frames are decoded; who follows the view has the next ones decoded.
    parent
        The viewport.
    now
        A clock in seconds.
    """

    def __init__(self, pictures: PictureSource, parent: QObject, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._now = now
        self._state: ViewerState | None = None
        self._direction = 1
        self._due = 0.0
        self.loops = False
        self.rate = 10.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)

    def follow(self, state: ViewerState | None) -> None:
        """Play this view, or none, from now on if it is to be played."""
        self._state = state
        playing = state is not None and state.playing and state.frames > 1
        if playing and not self._timer.isActive():
            self._due = self._now() + 1.0 / self.rate
            self._timer.start(max(4, int(500.0 / self.rate)))
        elif not playing:
            self._timer.stop()

    @property
    def running(self) -> bool:
        """Whether frames are being advanced."""
        return self._timer.isActive()

    def turn(self) -> None:
        """Go the other way."""
        self._direction = -self._direction

    def faster(self) -> None:
        """Take the next higher rate."""
        self._set_rate(next((rate for rate in RATES if rate > self.rate), RATES[-1]))

    def slower(self) -> None:
        """Take the next lower rate."""
        self._set_rate(next((rate for rate in reversed(RATES) if rate < self.rate), RATES[0]))

    def _set_rate(self, rate: float) -> None:
        self.rate = rate
        if self._timer.isActive():
            self._timer.setInterval(max(4, int(500.0 / rate)))

    def tick(self) -> None:
        """Go as many frames on as time has passed for, or as far as frames are decoded."""
        state = self._state
        now = self._now()
        if state is None or now < self._due:
            return
        steps = 1 + int((now - self._due) * self.rate)
        self._due = max(self._due + steps / self.rate, now)
        way = self._way(state, steps)
        decoded = [frame for frame, _ in way if self._pictures.plain(state.image, frame) is not None]
        if decoded:
            goal = decoded[-1]
            self._direction = next(direction for frame, direction in way if frame == goal)
            state.frame = goal

    def _way(self, state: ViewerState, steps: int) -> list[tuple[int, int]]:
        """Return the next frames with the direction in which each is reached."""
        frame, direction, way = state.frame, self._direction, []
        for _ in range(steps):
            if self.loops:
                frame = (frame + direction) % state.frames
                way.append((frame, direction))
                continue
            if not 0 <= frame + direction < state.frames:
                direction = -direction
            frame += direction
            way.append((frame, direction))
        return way
