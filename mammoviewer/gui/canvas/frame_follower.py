"""Which frame a viewport shows: the one asked for, or the newest decoded one on the way there."""

from __future__ import annotations

from mammoviewer.session.first_view import set_auto_window
from mammoviewer.session.pictures import Picture, PictureSource
from mammoviewer.session.viewer_state import ViewerState


class FrameFollower:
    """Asks for pictures without waiting, and keeps the last one until a better one is there.

    Parameters
    ----------
    pictures
        Where pictures come from.
    state
        The view that is followed.
    """

    def __init__(self, pictures: PictureSource, state: ViewerState) -> None:
        self._pictures = pictures
        self._state = state
        self._picture: Picture | None = None
        self._asked: int | None = None
        self.frame = state.frame
        """The frame of the picture returned last."""

    @property
    def bad(self) -> bool:
        """Whether the frame asked for cannot be decoded."""
        return self._pictures.is_bad(self._state)

    @property
    def waiting(self) -> bool:
        """Whether the frame asked for is still on its way."""
        return self.frame != self._state.frame or self._picture is None

    def picture(self) -> Picture | None:
        """Return the best picture there is now; None at the beginning and for a frame that cannot be decoded."""
        state = self._state
        found = self._pictures.picture(state)
        if self.bad:
            self._picture, self.frame = None, state.frame
        elif found is not None:
            self._picture, self.frame = found, state.frame
            if state.window_pending:
                set_auto_window(state)
        if state.frame != self._asked:
            self._look_ahead()
        return self._picture

    def arrived(self, frame: int) -> bool:
        """Take note of a decoded frame; return whether the viewport should paint again."""
        state = self._state
        if frame == state.frame:
            return True
        if state.active_filters or state.slab is not None or abs(frame - state.frame) >= abs(self.frame - state.frame):
            return False
        picture = self._pictures.plain(state.image, frame)
        if picture is None:
            return False
        self._picture, self.frame = picture, frame
        return True

    def _look_ahead(self) -> None:
        state, before = self._state, self._asked
        self._asked = state.frame
        direction = 0 if before is None else (1 if state.frame > before else -1)
        self._pictures.look_ahead(state.image, state.frame, direction)
