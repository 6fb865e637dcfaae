"""What the window is asked to open with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WindowRequest:
    """Open the window.

    Attributes
    ----------
    paths
        Files and folders to open; the start page is shown when there are none.
    pixel_spacing_mm
        Pixel size for pictures that state none, else None.
    charset
        What texts are decoded by instead of the file's own character set, else None.
    duke_convention
        Whether volumes whose pixels disagree with their side are turned, as the Duke BCS-DBT data set asks.
    model
        Name of the classifier to begin with; the reader's last or the first one when empty.
    tour
        When given, no reader is there: walk the main job through the real window, save a screenshot of each step
        into this folder, and close.
    """

    paths: tuple[Path, ...] = ()
    pixel_spacing_mm: float | None = None
    charset: str | None = None
    duke_convention: bool = False
    model: str = ""
    tour: Path | None = None
