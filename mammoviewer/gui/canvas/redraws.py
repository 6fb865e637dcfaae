"""How much of a painted picture has to be painted again where only its window, filters or slice are others.

What is beside the picture of a big window is black and takes milliseconds to paint and to bring on screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QRegion

from mammoviewer.gui.canvas.model_output import ModelOutput
from mammoviewer.gui.canvas.tools import BRUSHES, visible_findings
from mammoviewer.session.companions import Drawing

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget


@dataclass(frozen=True)
class Painted:
    """What a paint has put on a viewport, in logical pixels.

    Attributes
    ----------
    frame
        The frame that is seen; None where there is none.
    greys
        Where the picture lies.
    words
        Where something is written, a bar of colours stands or an explained patch is enlarged.
    marked
        Whether there are marks, which may reach over the picture's edge and are others on another frame; or a word
        of a frame that cannot be seen.
    """

    frame: int | None
    greys: QRectF
    words: QRegion
    marked: bool


_NOTHING: Final = Painted(None, QRectF(), QRegion(), marked=True)


class Redraws:
    """Knows what of the last paint would be another one, and asks for the rest of a paint that was not enough."""

    def __init__(self, viewport: ViewWidget) -> None:
        self._viewport = viewport
        self._asked = QRegion()
        self._last = _NOTHING
        self._windowed: QRegion | None = None
        self._framed: QRegion | None = None

    def of(self, change: str) -> QRegion | None:
        """Return what a change of the view, by its name there, changes on screen; None where that may be anything."""
        if change in {"voi", "filters"}:
            return self._windowed
        if change == "frame" and self._framed is not None:
            return self._framed + self._on_strip(self._viewport.shown.frame)
        return None

    def begin(self) -> None:
        """Take note that a paint begins; where it fails nothing is known."""
        self._windowed = self._framed = None

    def end(self, painted: Painted, exposed: QRegion) -> None:
        """Take note of what was painted where it was exposed, and ask for what was not and should have been."""
        viewport = self._viewport
        before, self._last = self._last, painted
        wanted = painted.words
        # A frame that came sooner than it was told of is painted where something else was to be.
        if painted.frame != before.frame and (painted.marked or before.marked):
            wanted = wanted + QRegion(viewport.rect())
        elif painted.frame != before.frame:
            wanted = wanted + self._on_strip(painted.frame) + self._on_strip(before.frame)
        self._show_whole(wanted, exposed)
        if viewport.workspace.desk.lens:
            return
        self._windowed = _on_screen(painted.words + painted.greys.toAlignedRect(), viewport.view.dpr)
        if painted.frame is not None and not painted.marked:
            self._framed = self._windowed + self._on_strip(painted.frame)

    def _on_strip(self, frame: int | None) -> QRegion:
        """Return where the slice strip shows a frame."""
        strip = self._viewport.strip
        if strip is None or frame is None:
            return QRegion()
        return _on_screen(QRegion(strip.mark(frame).toAlignedRect()), self._viewport.view.dpr)

    def _show_whole(self, wanted: QRegion, exposed: QRegion) -> None:
        """Ask once for a paint of what was not exposed of a region; what is out of sight never will be."""
        missing = wanted - exposed
        if not missing.isEmpty():
            missing &= self._viewport.visibleRegion()
        if missing.isEmpty():
            self._asked = QRegion()
        elif wanted != self._asked:
            self._asked = wanted
            self._viewport.update(_on_screen(wanted, self._viewport.view.dpr))


def has_marks(viewport: ViewWidget, drawing: Drawing, output: ModelOutput) -> bool:
    """Return whether anything lies over the greys of a viewport, apart from words and the slice strip."""
    workspace = viewport.workspace
    desk = workspace.desk
    return bool(
        drawing != Drawing()
        or output.detections
        or output.cam is not None
        or visible_findings(viewport)
        or workspace.painting.pending
        or workspace.quick.suggestion(viewport.identity, viewport.shown_frame) is not None
        or viewport.hands.gesture is not None
        or desk.tool in BRUSHES
        or (desk.linked_cursor and desk.pointed is not None and desk.pointed[0] != viewport.identity)
    )


def _on_screen(region: QRegion, dpr: float) -> QRegion:
    """Return the logical pixels that a region reaches where it is moved onto whole device pixels."""
    if dpr == round(dpr):
        return region
    grown = QRegion()
    for rect in cast(Iterable[QRect], region):
        grown += rect.adjusted(-1, -1, 1, 1)
    return grown
