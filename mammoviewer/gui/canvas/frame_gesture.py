"""Gestures that belong to one frame: they wait while another one is on screen."""

from __future__ import annotations

from PySide6.QtGui import QPainter

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.canvas.gestures import Canvas, Gesture, Pointer


class FrameGesture(Gesture):
    """Base of what is done to one frame; on another one it is neither painted nor goes on.

    The cine stops where it begins.
    """

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        state = canvas.shown
        state.playing = False
        self.image_uid = state.image.attributes.identity
        # The frame asked for may still be on its way: the reader means the one that is seen.
        state.frame = self.frame = canvas.shown_frame

    @property
    def here(self) -> bool:
        """Whether the frame on screen is the one it began on."""
        return self.canvas.shown_frame == self.frame

    def move(self, pointer: Pointer) -> None:
        """Follow the mouse on the own frame."""
        if self.here:
            self.follow(pointer)

    def release(self, pointer: Pointer) -> bool:
        """End on the own frame; on another one, leave."""
        return self.end(pointer) if self.here else self.leave()

    def paint(self, painter: QPainter) -> None:
        """Paint on the own frame."""
        if self.here:
            self.paint_here(painter)

    def follow(self, pointer: Pointer) -> None:
        """Follow the mouse."""

    def end(self, pointer: Pointer) -> bool:
        """End a drag; return whether the gesture is over."""
        return True

    def leave(self) -> bool:
        """End on another frame: nothing is changed; return whether the gesture is over."""
        self.cancel()
        self.tell(f"What was begun on slice {self.frame + 1} was let go on another", "nothing has changed")
        return True

    def paint_here(self, painter: QPainter) -> None:
        """Paint what is being drawn."""

    def tell(self, text: str, hint: str) -> None:
        """Tell the reader quietly why nothing happens."""
        self.canvas.workspace.notice.emit(Notice(Severity.INFO, text, hint))
