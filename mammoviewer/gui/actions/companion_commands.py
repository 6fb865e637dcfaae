"""What other objects say about the image: shown or hidden, and presentation states one after the other."""

from __future__ import annotations

from mammoviewer.dicom.companions.records import Companion
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.gestures import place_view
from mammoviewer.gui.canvas.view_transform import area_view
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.session.companions import apply_presentation, presentations


def _show(desk: Desk) -> None:
    desk.workspace.desk.show_companions = not desk.workspace.desk.show_companions


def _next_presentation(desk: Desk) -> None:
    """Apply the next presentation state of the active image; after the last one its own look comes back."""
    state = desk.state
    if state is None:
        return
    offered: tuple[Companion, ...] = presentations(desk.workspace.companions(state.image.attributes.identity))
    names = ["", *(companion.SOPInstanceUID for companion in offered)]
    place = names.index(state.presentation) if state.presentation in names else 0
    chosen = (None, *offered)[(place + 1) % len(names)]
    apply_presentation(state, chosen)
    if chosen is not None and desk.viewport is not None:
        _show_area(desk.viewport, chosen)


def _show_area(viewport: Viewport, companion: Companion) -> None:
    """Zoom to the displayed area of a presentation state, if it names one."""
    attributes = viewport.shown.image.attributes
    wanted = companion.presentation(attributes.SOPInstanceUID, attributes.file_frame(viewport.shown.frame))
    if wanted.area is not None:
        place_view(viewport.shown, *area_view(viewport.view, wanted.area, wanted.magnification))


_COMPANIONS = (
    Command("companions.show", "Companion marks on or off", ("U",), _show),
    Command("companions.presentation", "Next presentation state", ("Shift+U",), _next_presentation),
)
COMPANION_COMMANDS = {"Companions": _COMPANIONS}
