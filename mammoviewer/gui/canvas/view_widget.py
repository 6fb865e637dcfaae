"""What a viewport shows and what can be done to it, apart from how events come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from mammoviewer.gui.bridge import bind, bind_values
from mammoviewer.gui.canvas.before_paint import BeforePaint
from mammoviewer.gui.canvas.cine import Cine
from mammoviewer.gui.canvas.common_scale import inset, zoom_beside
from mammoviewer.gui.canvas.companion_layer import shown_drawing
from mammoviewer.gui.canvas.cursor_reading import CursorReading, cursor_reading
from mammoviewer.gui.canvas.frame_follower import FrameFollower
from mammoviewer.gui.canvas.gestures import panned, place_view, set_file_window
from mammoviewer.gui.canvas.hands import Hands
from mammoviewer.gui.canvas.model_output import ModelOutput, ask_for_cam, shown_output
from mammoviewer.gui.canvas.roi_layer import finding_at
from mammoviewer.gui.canvas.slice_strip import SliceStrip
from mammoviewer.gui.canvas.tools import visible_findings
from mammoviewer.gui.canvas.view_transform import ViewTransform, view_transform, zoomed
from mammoviewer.gui.canvas.viewport_painter import REST_S, ViewportPainter
from mammoviewer.gui.canvas.zoom_place import zoom_place
from mammoviewer.session.companions import Drawing
from mammoviewer.session.places import chest_side
from mammoviewer.session.viewer_state import FIT, Overlay, ViewerState
from mammoviewer.session.workspace import Workspace

_ELSEWHERE: Final = frozenset({"voi", "zoom", "centre", "frame"})
"""Changes after which the chest wall stands where it stood."""


class ViewWidget(QWidget):
    """Shows one image of the workspace, or nothing.

    Signals: ``activated()`` when the reader turns to it; ``cursor_moved(CursorReading | None)``; ``label_activated()``
    on a double click on the view label; ``paint_failed(Exception)`` on a defect in painting;
    ``image_dropped(identity)`` when an image of the rail was dropped here. ``beside`` gives the viewports whose fitted
    images share its scale, ``pointed`` is where the mouse is while it is over the viewport.
    """

    activated = Signal()
    cursor_moved = Signal(object)
    label_activated = Signal()
    paint_failed = Signal(object)
    image_dropped = Signal(str)

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.state: ViewerState | None = None
        self.beside: Callable[[], Iterable[ViewWidget]] = tuple
        self.pointed: QPointF | None = None
        self.hands = Hands(self)
        self.cine = Cine(workspace.pictures, self)
        self.cine.set_pace(workspace.desk.cine_rate, loops=workspace.desk.cine_loops)
        self._painter = ViewportPainter(self)
        self._picture = BeforePaint(self, lambda: self._painter.prepared())  # noqa: PLW0108 - each image has its painter
        self._follower: FrameFollower | None = None
        self._chest: str | None = None
        self._held: ViewTransform | None = None
        self._refine = QTimer(self, singleShot=True, interval=round(1000 * REST_S) + 10)
        self._refine.timeout.connect(self.update)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        bind(self, workspace.style.events, self.update)
        bind(self, workspace.desk.events, self._desk_changed)
        bind(self, workspace.desk.events.tool, self.hands.put_down)
        bind(self, workspace.annotations.changed, self.update)
        bind(self, workspace.painting.ready, workspace.painting.take)
        bind(self, workspace.painting.changed, self.update)
        for signal in (workspace.nipples.changed, workspace.measures.changed, workspace.air.changed):
            bind(self, signal, self.update)
        bind(self, workspace.shelf.changed, self.update)
        bind(self, workspace.screens.changed, self.update)
        bind(self, workspace.facts_changed, self.update)
        bind_values(self, workspace.heatmaps.changed, self._scores_changed)
        bind_values(self, workspace.quick.changed, self._draft_changed)
        bind(self, workspace.quick.suggested, self.update)
        bind_values(self, workspace.pictures.ready, self._frame_arrived)
        bind(self, workspace.pictures.failed, self.update)

    def show_image(self, identity: str) -> None:
        """Show an open image by its identity; nothing when empty."""
        state = self.workspace.state(identity) if identity else None
        if state is self.state:
            return
        if self.state is not None:
            self.state.events.disconnect(self._state_changed, missing_ok=True)
        self.state, self._chest, self._follower = state, None, None
        self.hands.abandon()
        self._painter = ViewportPainter(self)
        if state is not None:
            self._follower = FrameFollower(self.workspace.pictures, state)
            state.events.connect(self._state_changed, thread="main")
        self.cine.follow(state)
        self.update()

    @property
    def shown(self) -> ViewerState:
        """The view that is painted; only where there is one."""
        assert self.state is not None
        return self.state

    @property
    def follower(self) -> FrameFollower:
        """Who brings the frames; only where there is an image."""
        assert self._follower is not None
        return self._follower

    @property
    def identity(self) -> str:
        """Return the identity of the image, empty where there is none."""
        return self.state.image.attributes.identity if self.state is not None else ""

    @property
    def is_active(self) -> bool:
        """Return whether the reader works on this image and there is more than one to choose from."""
        stage = self.workspace.stage
        return stage is not None and len(stage.cells) > 1 and self.identity == self.workspace.desk.active_identity != ""

    @property
    def shown_frame(self) -> int:
        """Return the frame on screen, which may lag behind the one asked for."""
        return self.follower.frame

    @property
    def chest(self) -> str:
        """Return the side of the chest wall on screen: ``left``, ``right`` or empty."""
        if self._chest is None:
            self._chest = chest_side(self.shown.image.attributes, self.shown.orientation)
        return self._chest

    @property
    def text_on_left(self) -> bool:
        """Return whether text and strip stand at the left, away from the chest wall."""
        return self.chest != "left"

    @property
    def strip(self) -> SliceStrip | None:
        """Return the slice strip of a volume."""
        if self.state is None or self.state.frames < 2:
            return None
        return SliceStrip(self.state.frames, (self.width(), self.height()), self.text_on_left)

    @property
    def view(self) -> ViewTransform:
        """Return where the pixels of the image lie."""
        if self._held is not None:
            return self._held
        state = self.shown
        return view_transform(
            state.image.attributes.shape,
            state.orientation,
            size=(self.width(), self.height()),
            dpr=self.devicePixelRatioF(),
            zoom=state.zoom,
            centre=state.centre,
            chest=self.chest,
            inset=inset(self),
            fit=zoom_beside(self) if state.zoom == FIT else FIT,
        )

    @contextmanager
    def still(self) -> Iterator[None]:
        """While nothing moves, work out once where the pixels lie; who listens later sees them as they lie then."""
        self._held = self.view if self.state is not None else None
        try:
            yield
        finally:
            self._held = None

    @property
    def output(self) -> ModelOutput:
        """Return what a model says about the frame on screen."""
        if self.state is None:
            return ModelOutput()
        return shown_output(self.workspace, self.state, self.shown_frame)

    @property
    def drawing(self) -> Drawing:
        """Return what other objects say about the frame on screen, nothing while that is hidden."""
        return Drawing() if self.state is None else shown_drawing(self.workspace, self.state, self.shown_frame)

    def fit(self) -> None:
        """Fit the image into the viewport."""
        if self.state is not None:
            self.state.zoom = FIT

    def one_to_one(self) -> None:
        """Show one stored pixel on one device pixel, about the cursor or the breast in view."""
        if self.state is not None:
            factor = 1.0 / self.view.zoom
            place_view(self.state, 1.0, zoomed(self.view, factor, zoom_place(self, factor))[1])

    def zoom_by(self, factor: float, at: tuple[float, float] | None = None) -> None:
        """Zoom about a place in logical pixels; the cursor or the breast in view when None."""
        if self.state is not None and factor > 0:
            place_view(self.state, *zoomed(self.view, factor, at or zoom_place(self, factor)))

    def pan_by(self, right: float, down: float) -> None:
        """Move the picture by logical pixels."""
        if self.state is not None:
            place_view(self.state, self.view.zoom, panned(self.view, right, down))

    def reset_window(self) -> None:
        """Set the file's first window for this frame, or one made from the pixels where the file has none."""
        if self.state is not None:
            set_file_window(self.state)

    def scroll_slices(self, steps: int) -> None:
        """Go some slices on; stops the cine."""
        if self.state is not None and self.state.frames > 1:
            self.state.playing = False
            self.state.scroll(steps)

    def explain(self, row: float, column: float) -> None:
        """Ask for the CAM of the patch at a stored place and show it."""
        if self.state is not None and self.view.contains(row, column):
            ask_for_cam(self.workspace, self.state, self.shown_frame, (row, column))

    def explain_at_cursor(self) -> None:
        """Ask for the CAM of the patch under the mouse, if that is over the image."""
        place = self.mapFromGlobal(self.cursor().pos())
        if self.state is not None and self.rect().contains(place):
            self.explain(*self.view.to_stored(place.x(), place.y()))

    def select(self, finding_id: str) -> None:
        """Select a finding; none when empty."""
        self.workspace.desk.selected_finding = finding_id

    def select_at(self, place: QPointF) -> None:
        """Select the finding at a logical place, or none."""
        hit = finding_at(visible_findings(self), self.view, place, inside=True)
        self.workspace.desk.selected_finding = hit.id if hit is not None else ""

    def reading(self, place: QPointF) -> CursorReading | None:
        """Return what is under a logical place, None beside the image."""
        grey = self._painter.grey.grey_at(place.x() * self.devicePixelRatioF(), place.y() * self.devicePixelRatioF())
        stored = self.workspace.pictures.stored(self.shown, self.shown_frame)
        return cursor_reading(self.shown.image, self.view, place, stored, grey)

    def refine_soon(self) -> None:
        """Paint again once the view has rested, because what is shown was made quickly."""
        self._refine.start()

    def _desk_changed(self) -> None:
        self.cine.set_pace(self.workspace.desk.cine_rate, loops=self.workspace.desk.cine_loops)
        self.hands.show_cursor()
        self.update()

    def _state_changed(self, info: Any) -> None:
        if not isValid(self):  # deleted with the second screen, and not collected yet
            return
        if info.signal.name == "playing":
            self.cine.follow(self.state)
        if info.signal.name not in _ELSEWHERE:
            self._chest = None
        self._picture.update(self._painter.redraws.of(info.signal.name))
        if info.signal.name in {"orientation", "linked"}:
            self._scale_changed()

    def _scale_changed(self) -> None:
        """Paint the others anew: how this image fits has a say in their scale, its link in their badges."""
        for viewport in self.beside():
            viewport.update()

    def _scores_changed(self, identity: str, frame: int) -> None:
        # A mark of the other projection, once it is there, may be matched with one here.
        model = self.workspace.desk.model
        if identity == self.identity or self.workspace.heatmaps.detections(identity, frame, model):
            self.update()

    def _draft_changed(self, identity: str, _frame: int) -> None:
        # Another image has to drop the heatmap of the draft before.
        if identity == self.identity or (self.state is not None and self.state.overlay is Overlay.DRAFT):
            self.update()

    def _frame_arrived(self, identity: str, frame: int) -> None:
        if identity == self.identity and self.follower.arrived(frame):
            self._picture.update(self._painter.redraws.of("frame"))
