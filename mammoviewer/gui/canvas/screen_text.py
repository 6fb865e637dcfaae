"""What the screen has to do with the picture on it, in words: true size, and the display function in force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mammoviewer.gui.canvas.corner_text import OFF, CornerText
from mammoviewer.gui.canvas.true_size import true_size_text
from mammoviewer.gui.screens import calibration

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget


def with_screen(text: CornerText, viewport: ViewWidget, level: str) -> CornerText:
    """Return the words with whether the picture has its true size and whether its greys follow PS3.14."""
    if level == OFF:
        return text
    lines = (true_size_text(viewport), calibration(viewport, viewport.workspace.screens).gsdf_text)
    return replace(text, current=(*text.current, *(line for line in lines if line)))
