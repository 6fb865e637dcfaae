"""Tools, findings, undo."""

from __future__ import annotations

import functools
from collections.abc import Callable

from mammoviewer.annotations.birads import birads
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.finding_actions import (
    carry_to_slice,
    copy_chosen,
    fill_slices,
    link_chosen,
    nudge_chosen,
    tell,
    unlink_chosen,
)
from mammoviewer.gui.navigation import delete_chosen, findings_of_study, neighbour, redo, show_finding, undo
from mammoviewer.session.breast_density import own_density, say_density_of_active
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace


def _choose(tool: Tool, desk: Desk) -> None:
    """Choose a tool; the key of the chosen one goes back to windowing."""
    state = desk.workspace.desk
    state.tool = Tool.WINDOW if state.tool is tool else tool


def _walk(step: int, desk: Desk) -> None:
    workspace = desk.workspace
    findings = [finding.id for finding in findings_of_study(workspace) if not finding.is_measure]
    chosen = neighbour(findings, workspace.desk.selected_finding, step)
    if chosen:
        show_finding(workspace, workspace.annotations.get(chosen))


def _undo(desk: Desk) -> None:
    """Take back the last step of what is being drawn, or else the newest edit."""
    viewport = desk.viewport
    if viewport is None or not viewport.hands.step_back():
        undo(desk.workspace)


def _show_findings(desk: Desk) -> None:
    desk.workspace.desk.show_findings = not desk.workspace.desk.show_findings


_TOOLS = tuple(
    Command(f"tool.{tool.value}", title, keys, functools.partial(_choose, tool))
    for tool, title, keys in (
        (Tool.WINDOW, "Tool: window (the key of a chosen tool, too)", ()),
        (Tool.PAN, "Tool: pan", ()),
        (Tool.ZOOM, "Tool: zoom into a region", ()),
        (Tool.RECTANGLE, "Draw a rectangle", ("R",)),
        (Tool.ELLIPSE, "Draw an ellipse", ("E",)),
        (Tool.POLYGON, "Draw a polygon", ("P",)),
        (Tool.FREEHAND, "Draw freehand", ("D",)),
        (Tool.POINT, "Mark a point", ("X",)),
        (Tool.BRUSH, "Paint with the brush (Shift erases)", ("B",)),
        (Tool.ERASER, "Erase", ()),
        (Tool.GROW, "Grow a region from a point", ("Shift+R",)),
        (Tool.SPECKS, "Pick microcalcifications one by one", ("Shift+X",)),
        (Tool.DISTANCE, "Measure a distance", ("L",)),
        (Tool.ANGLE, "Measure an angle", ("Shift+L",)),
        (Tool.STATISTICS, "Statistics of a region", ("S",)),
        (Tool.PROFILE, "Profile along a line", ("Shift+S",)),
        (Tool.ARROW, "Arrow with a text", ("W",)),
        (Tool.TEXT, "Text", ("Shift+W",)),
    )
)


def _brush(factor: float, desk: Desk) -> None:
    state = desk.workspace.desk
    state.brush_mm = round(min(max(state.brush_mm * factor, 0.2), 40.0), 2)


def _on_workspace(act: Callable[[Workspace], object], desk: Desk) -> None:
    act(desk.workspace)


def _nudge(rows: float, columns: float, desk: Desk) -> None:
    nudge_chosen(desk.workspace, rows, columns)


def _density(value: str, desk: Desk) -> None:
    side = say_density_of_active(desk.workspace, value)
    if not side:
        tell(desk.workspace, "The image does not tell which breast it shows", "state its view first")
        return
    said = own_density(desk.workspace, side)
    name = {"R": "right", "L": "left"}[side]
    tell(desk.workspace, f"Density of the {name} breast: {said or 'not said'}", "the same key again takes it back")


_FINDINGS = (
    Command("finding.next", "Next finding", ("J",), functools.partial(_walk, 1)),
    Command("finding.back", "Previous finding", ("K",), functools.partial(_walk, -1)),
    Command(
        "finding.delete",
        "Delete the chosen finding",
        ("Del",),
        lambda desk: delete_chosen(desk.workspace),
        images_only=True,
    ),
    Command("finding.brush_larger", "Larger brush", ("Shift+.",), functools.partial(_brush, 1.25)),
    Command("finding.brush_smaller", "Smaller brush", ("Shift+,",), functools.partial(_brush, 0.8)),
    *(
        Command(
            f"finding.nudge_{way.lower()}",
            f"Nudge the chosen finding {way.lower()}",
            (f"Alt+{way}",),
            functools.partial(_nudge, down, right),
            images_only=True,
        )
        for way, down, right in (("Left", 0, -1), ("Right", 0, 1), ("Up", -1, 0), ("Down", 1, 0))
    ),
    Command(
        "finding.copy_across",
        "Copy the chosen finding into the other images of its view",
        ("Ctrl+D",),
        lambda desk: copy_chosen(desk.workspace),
    ),
    *(
        Command(f"finding.{name}", title, keys, functools.partial(_on_workspace, act))
        for name, title, keys, act in (
            ("link", "Same lesion as the finding chosen before", ("Ctrl+G",), link_chosen),
            ("unlink", "Take the chosen finding out of its lesion", ("Ctrl+Shift+G",), unlink_chosen),
            ("carry", "Carry the chosen finding to this slice", ("Ctrl+Shift+D",), carry_to_slice),
            ("fill", "Fill the slices between", ("Ctrl+I",), fill_slices),
        )
    ),
    *(
        Command(
            f"finding.density_{term.value}",
            f"Breast density {term.value}: {term.title.lower()}",
            (f"Alt+{term.value.upper()}",),
            functools.partial(_density, term.value),
        )
        for term in birads().densities
    ),
    Command("finding.show", "Show or hide findings", ("V",), _show_findings),
    Command("edit.undo", "Undo", ("Ctrl+Z",), _undo),
    Command("edit.redo", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), lambda desk: redo(desk.workspace)),
)
FINDING_COMMANDS = {"Tools": _TOOLS, "Findings": _FINDINGS}
