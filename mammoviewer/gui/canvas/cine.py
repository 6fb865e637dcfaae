"""Playing a volume: a timer that keeps the pace and leaves frames out rather than wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer

from mammoviewer.session.pictures import PictureSource
from mammoviewer.session.viewer_state import ViewerState

RATES: Final = (5.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0)
"""Frames a second that the keys step through."""


def stepped_rate(rate: float, step: int) -> float:
    """Return the next higher (1) or lower (-1) rate; the highest or lowest where there is none."""
    if step > 0:
        return next((other for other in RATES if other > rate), RATES[-1])
    return next((other for other in reversed(RATES) if other < rate), RATES[0])


def cine_text(state: ViewerState, rate: float) -> str:
    """Return what is told of a view that plays, such as ``cine 15/s``; empty for one that does not."""
    if not (state.playing and state.frames > 1):
        return ""
    return f"cine {rate:g}/s" + (" backwards" if state.backwards else "")


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
            self._timer.start(self._interval)
        elif not playing:
            self._timer.stop()

    @property
    def _interval(self) -> int:
        return max(4, int(500.0 / self.rate))

    @property
    def running(self) -> bool:
        """Whether frames are being advanced."""
        return self._timer.isActive()

    def set_pace(self, rate: float, *, loops: bool) -> None:
        """Play so many frames a second from now on; round and round, or to and fro."""
        self.rate, self.loops = rate, loops
        # Setting it begins the interval anew: told at every move of the mouse, the timer would never come to its end.
        if self._timer.isActive() and self._interval != self._timer.interval():
            self._timer.setInterval(self._interval)

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
            state.backwards = next(direction for frame, direction in way if frame == goal) < 0
            state.frame = goal

    def _way(self, state: ViewerState, steps: int) -> list[tuple[int, int]]:
        """Return the next frames with the direction in which each is reached."""
        frame, direction, way = state.frame, -1 if state.backwards else 1, []
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
