"""The classifier: run, overlay, explain, marks."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QApplication, QFileDialog

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.drafts import suggest_region, switch_live
from mammoviewer.gui.model_actions import (
    accept_mark,
    clear_kept_results,
    explain_image,
    run_model,
    run_model_on_study,
    show_heatmap,
)
from mammoviewer.session.audit import save_audit
from mammoviewer.session.blind import sign_first_read, switch_blind
from mammoviewer.session.viewer_state import Overlay

OPACITY_STEP = 0.1


def _toggle_overlay(desk: Desk) -> None:
    """Show the heatmap, or nothing; when there is no heatmap yet, make it."""
    state, workspace = desk.state, desk.workspace
    if state is None:
        return
    if state.overlay is not Overlay.NONE:
        state.overlay = Overlay.NONE
    else:
        show_heatmap(workspace)


def _opacity(step: float, desk: Desk) -> None:
    style = desk.workspace.style
    style.opacity = round(min(max(style.opacity + step, 0.0), 1.0), 2)


def _explain_patch(desk: Desk) -> None:
    hovered = next((viewport for viewport in desk.grid.everywhere if viewport.underMouse()), desk.viewport)
    if hovered is not None:
        hovered.explain_at_cursor()


def _walk(step: int, desk: Desk) -> None:
    desk.marks.go(step)


def _accept(desk: Desk) -> None:
    if desk.marks.current is not None:
        accept_mark(desk.workspace, desk.marks.current)


def _contours(desk: Desk) -> None:
    desk.workspace.style.contours = not desk.workspace.style.contours


def _add_model(desk: Desk) -> None:
    from mammoviewer.gui.dialogs.add_model_dialog import AddModelDialog

    desk.window.show_dialog(AddModelDialog(desk.workspace))


def _switch(name: str, what: str, desk: Desk) -> None:
    """Turn a setting of the models over and say how it is now."""
    kept = desk.window.keys.settings
    models = kept.settings.models
    models = replace(models, **{name: not getattr(models, name)})
    try:
        kept.update(replace(kept.settings, models=models))
    except SettingsError as error:
        desk.workspace.notice.emit(Notice.from_error(error))
        return
    on = "on" if getattr(models, name) else "off"
    desk.workspace.notice.emit(Notice(Severity.INFO, f"{what}: {on}"))


_AI = (
    Command("ai.run", "Run the model on this slice", ("Ctrl+R",), lambda desk: run_model(desk.workspace)),
    Command(
        "ai.run_all",
        "Run the model on all slices",
        ("Ctrl+Shift+R",),
        lambda desk: run_model(desk.workspace, all_slices=True),
    ),
    Command("ai.run_stage", "Run the model on every hung image", (), lambda desk: run_model_on_study(desk.workspace)),
    Command("ai.overlay", "Heatmap on or off", ("H",), _toggle_overlay),
    Command("ai.opacity_down", "Overlay fainter", ("[",), functools.partial(_opacity, -OPACITY_STEP)),
    Command("ai.opacity_up", "Overlay stronger", ("]",), functools.partial(_opacity, OPACITY_STEP)),
    Command("ai.contours", "Overlay as contours", ("Shift+H",), _contours),
    Command("ai.cam_patch", "Explain the patch under the cursor (CAM)", ("G",), _explain_patch),
    Command("ai.cam_image", "Explain the whole image (CAM)", ("Shift+G",), lambda desk: explain_image(desk.workspace)),
    Command("ai.next_mark", "Next AI mark", ("N",), functools.partial(_walk, 1)),
    Command("ai.back_mark", "Previous AI mark", ("Shift+N",), functools.partial(_walk, -1)),
    Command(
        "train.live",
        "Draft heatmap follows each region, on or off",
        ("Ctrl+Shift+H",),
        lambda desk: switch_live(desk.workspace),
    ),
    Command(
        "train.suggest",
        "Suggest where to draw the next region",
        ("Ctrl+Shift+N",),
        lambda desk: suggest_region(desk.workspace),
    ),
    Command("ai.clear_kept", "Remove kept results of models", (), lambda desk: clear_kept_results(desk.workspace)),
    Command("ai.add_model", "Add a model…", (), _add_model),
    Command(
        "ai.int8", "Int8 forms of models on or off", (), functools.partial(_switch, "int8", "Int8 forms of models")
    ),
    Command(
        "ai.plugins",
        "Python preprocessors of models on or off",
        (),
        functools.partial(_switch, "plugins", "Python preprocessors of installed packages"),
    ),
    Command("ai.accept_mark", "Accept the AI mark as a finding", ("Return", "Enter"), _accept, images_only=True),
)


def _agreement(desk: Desk) -> None:
    from mammoviewer.gui.dialogs.agreement_dialog import AgreementDialog

    desk.window.show_dialog(AgreementDialog(desk.workspace), anew=True)


def _save_log(desk: Desk) -> None:
    if desk.workspace.study is None:
        desk.workspace.notice.emit(Notice(Severity.INFO, "No image is open", "open a study first"))
        return
    parent = QApplication.activeWindow()
    name, _ = QFileDialog.getSaveFileName(parent, "Save the log of changes", "changes.csv", "CSV (*.csv)")
    if name:
        save_audit(desk.workspace, Path(name))


_BLIND = (
    Command("read.blind", "Blind reading on or off: hide AI", ("Ctrl+B",), lambda desk: switch_blind(desk.workspace)),
    Command("read.reader", "Who is reading…", (), lambda desk: desk.window.choose_reader()),
    Command("read.agreement", "Readers' agreement…", (), _agreement),
    Command("read.log", "Save the log of changes of this study…", (), _save_log),
    Command("read.sign", "Sign the first read: show AI", ("Ctrl+J",), lambda desk: sign_first_read(desk.workspace)),
)
AI_COMMANDS = {"AI": _AI, "Readers": _BLIND}
