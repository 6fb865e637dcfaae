"""Which gesture a press of a button begins: by button, modifier, what is under the mouse, and the chosen tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from PySide6.QtCore import Qt

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import MEASURES, RoiKind
from mammoviewer.gui.canvas.brush_gestures import Brush, GrowRegion, PickSpecks
from mammoviewer.gui.canvas.gestures import (
    Canvas,
    Gesture,
    PanDrag,
    Pointer,
    WindowDrag,
    ZoomToRegion,
)
from mammoviewer.gui.canvas.measure_gestures import DrawAngle, DrawLine, DrawText
from mammoviewer.gui.canvas.mouse_acts import DRAG_GESTURES, drag_act
from mammoviewer.gui.canvas.region_gestures import ChangeFinding, DrawBox, DrawFreehand, DrawPoint, DrawPolygon
from mammoviewer.gui.canvas.roi_layer import finding_at, handle_at
from mammoviewer.session.blind import seen_of_readers
from mammoviewer.session.hands_settings import TOOL
from mammoviewer.session.viewer_state import Tool

Begin = Callable[[Canvas, Pointer], Gesture]

TOOLS: Mapping[Tool, Begin] = MappingProxyType(
    {
        Tool.WINDOW: WindowDrag,
        Tool.PAN: PanDrag,
        Tool.ZOOM: ZoomToRegion,
        Tool.RECTANGLE: lambda canvas, start: DrawBox(canvas, start, RoiKind.RECTANGLE),
        Tool.ELLIPSE: lambda canvas, start: DrawBox(canvas, start, RoiKind.ELLIPSE),
        Tool.POLYGON: DrawPolygon,
        Tool.FREEHAND: DrawFreehand,
        Tool.POINT: DrawPoint,
        Tool.DISTANCE: lambda canvas, start: DrawLine(canvas, start, RoiKind.DISTANCE),
        Tool.ANGLE: DrawAngle,
        Tool.PROFILE: lambda canvas, start: DrawLine(canvas, start, RoiKind.PROFILE),
        Tool.STATISTICS: lambda canvas, start: DrawLine(canvas, start, RoiKind.STATISTICS),
        Tool.ARROW: lambda canvas, start: DrawLine(canvas, start, RoiKind.ARROW),
        Tool.TEXT: DrawText,
        Tool.BRUSH: Brush,
        Tool.ERASER: lambda canvas, start: Brush(canvas, start, erase=True),
        Tool.GROW: GrowRegion,
        Tool.SPECKS: PickSpecks,
    }
)
"""What a left drag does."""

CURSORS: Mapping[Tool, Qt.CursorShape] = MappingProxyType(
    {Tool.WINDOW: Qt.CursorShape.ArrowCursor, Tool.PAN: Qt.CursorShape.OpenHandCursor}
)
"""Tools without an entry draw and have a cross."""

BRUSHES = frozenset({Tool.BRUSH, Tool.ERASER})
"""Tools that show a ring about the cursor."""

PAINTING_TOOLS = BRUSHES | {Tool.SPECKS}
"""Tools whose every press is meant for them: what lies under the mouse is not grasped."""

DRAWING_TOOLS = frozenset(set(Tool) - {Tool.WINDOW, Tool.PAN, Tool.ZOOM})


def begin(canvas: Canvas, pointer: Pointer, button: Qt.MouseButton, *, panning: bool) -> Gesture | None:
    """Return the gesture that a press begins, None for a button without a meaning.

    ``panning`` tells that the space bar is held.
    """
    if panning and button == Qt.MouseButton.LeftButton:
        return PanDrag(canvas, pointer)
    act = drag_act(canvas.workspace.settings.hands, button, pointer.modifiers)
    if act != TOOL:
        gesture = DRAG_GESTURES.get(act)
        return gesture(canvas, pointer) if gesture is not None else None
    if canvas.workspace.desk.tool in PAINTING_TOOLS:
        return TOOLS[canvas.workspace.desk.tool](canvas, pointer)
    return _grasp(canvas, pointer) or TOOLS[canvas.workspace.desk.tool](canvas, pointer)


def visible_findings(canvas: Canvas) -> tuple[Finding, ...]:
    """Return the findings that are painted, none when they are hidden."""
    workspace = canvas.workspace
    if not workspace.desk.show_findings:
        return ()
    image = canvas.shown.image
    found = workspace.annotations.for_image(image.attributes.identity, canvas.shown_frame)
    return seen_of_readers(workspace, image, found)


def _grasp(canvas: Canvas, pointer: Pointer) -> Gesture | None:
    """Return the change of the finding under the mouse.

    Handles of the selected finding come first, then lines, then the inside of the selected finding. A tool that draws
    leaves lines and insides alone, because lesions are measured from edge to edge and small regions drawn inside large
    ones; it grasps the handles of what it draws itself, a region or a measure.
    """
    desk = canvas.workspace.desk
    findings = visible_findings(canvas)
    selected = next((finding for finding in findings if finding.id == desk.selected_finding), None)
    drawing = desk.tool in DRAWING_TOOLS
    if selected is not None and (not drawing or selected.is_measure == (desk.tool.value in MEASURES)):
        handle = handle_at(selected.roi, canvas.view, pointer.place)
        if handle is not None:
            return ChangeFinding(canvas, pointer, selected, handle)
    if drawing:
        return None
    hit = finding_at(findings, canvas.view, pointer.place)
    if hit is None and selected is not None:
        hit = finding_at((selected,), canvas.view, pointer.place, inside=True)
    if hit is None:
        return None
    canvas.select(hit.id)
    return ChangeFinding(canvas, pointer, hit)
