"""What companions and the other studies add to the words beside a picture."""

from __future__ import annotations

from dataclasses import replace

from mammoviewer.gui.canvas.corner_text import LINKED, NOT_LINKED, OFF, Badge, CornerText, day
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.companion_words import outcome_words
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace


def with_companions(text: CornerText, state: ViewerState, workspace: Workspace, level: str) -> CornerText:
    """Return the words with how CAD fared, the presentation state, and whether the view is a prior, blind, linked.

    A failure is a badge, which is always shown; "no findings" is a plain line. They never look alike.
    """
    blind = ai_hidden(workspace, state.image)
    companions = () if blind else workspace.companions(state.image.attributes.identity)
    badges, lines = list(text.badges), list(text.current)
    if workspace.hung.is_prior(state.image):
        badges.insert(0, Badge(f"PRIOR {day(state.image.attributes.StudyDate)}".strip()))
    if state.linked:
        badges.append(Badge(LINKED, quiet=True))
    elif _others_are_linked(workspace):
        badges.append(Badge(NOT_LINKED, quiet=True))
    if blind:
        badges.insert(0, Badge("BLIND"))
    for companion in companions:
        words, failed = outcome_words(companion, state.image)
        if failed:
            badges.append(Badge(words, refusal=True))
        elif words:
            lines.append(words)
        if companion.SOPInstanceUID == state.presentation != "":
            lines.append(f"shown as: {companion.label or companion.kind}")
    if companions and not workspace.desk.show_companions:
        lines.append("companion marks off (U)")
    return replace(text, badges=tuple(badges), current=() if level == OFF else tuple(lines))


def _others_are_linked(workspace: Workspace) -> bool:
    cells = workspace.stage.cells if workspace.stage is not None else ()
    return any(workspace.state(cell).linked for cell in cells if cell)
