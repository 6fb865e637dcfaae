"""Stages of the hanging protocol, priors, protocols."""

from __future__ import annotations

import functools

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk


def _stage(step: int, desk: Desk) -> None:
    desk.workspace.show_stage(desk.workspace.stage_index + step)


def _prior(step: int, desk: Desk) -> None:
    workspace = desk.workspace
    if workspace.hung.step_prior(step):
        workspace.hang_again()
    elif workspace.study is not None:
        known = "older" if step > 0 else "newer"
        text = f"There is no {known} prior" if workspace.hung.priors else "No prior of this patient is open"
        workspace.notice.emit(Notice(Severity.INFO, text, "open earlier studies of the same patient beside this one"))


def _linked_cursor(desk: Desk) -> None:
    desk.workspace.desk.linked_cursor = not desk.workspace.desk.linked_cursor
    desk.workspace.desk.pointed = None


def _edit_protocols(desk: Desk) -> None:
    from mammoviewer.gui.dialogs.protocol_dialog import ProtocolDialog

    desk.window.show_dialog(ProtocolDialog(desk.workspace))


STAGE_COMMANDS = {
    "Hanging": (
        Command("stage.next", "Next stage of the protocol", ("Tab",), functools.partial(_stage, 1), images_only=True),
        Command(
            "stage.back",
            "Previous stage of the protocol",
            ("Shift+Tab",),
            functools.partial(_stage, -1),
            images_only=True,
        ),
        Command("stage.older_prior", "Compare with an older prior", ("Ctrl+PgDown",), functools.partial(_prior, 1)),
        Command("stage.newer_prior", "Compare with a newer prior", ("Ctrl+PgUp",), functools.partial(_prior, -1)),
        Command("stage.flicker", "Flicker between current and prior", ("Shift+V",), lambda desk: desk.flicker.toggle()),
        Command("view.link", "Link the viewports, or unlink them", ("Y",), lambda desk: desk.workspace.links.toggle()),
        Command("view.linked_cursor", "Show the cursor's place in the other viewports", ("Shift+Y",), _linked_cursor),
        Command(
            "stage.second_screen",
            "Spread the stage over two screens, or back",
            ("F8",),
            lambda desk: desk.window.toggle_second_screen(),
        ),
        Command("stage.protocols", "Hanging protocols…", (), _edit_protocols),
    )
}
