"""What the screen does with the picture on it, in words: the cine, true size, the display function in force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mammoviewer.gui.canvas.cine import cine_text
from mammoviewer.gui.canvas.corner_text import OFF, CornerText
from mammoviewer.gui.canvas.true_size import true_size_text
from mammoviewer.gui.screens import calibration

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget


def with_screen(text: CornerText, viewport: ViewWidget, level: str) -> CornerText:
    """Return the words with the pace of the cine, whether the size is true and whether the greys follow PS3.14."""
    if level == OFF:
        return text
    current = text.current
    pace = cine_text(viewport.shown, viewport.cine.rate)
    if pace and current:
        # Behind the window, which has room there: one more line would move the others.
        current = (*current[:-1], f"{current[-1]}  {pace}")
    lines = (true_size_text(viewport), calibration(viewport, viewport.workspace.screens).gsdf_text)
    return replace(text, current=(*current, *(line for line in lines if line)))
