"""What a reader has set for one image, and the few things that are set for the whole window.

Every value lives here once; a widget binds to the evented fields (``state.events.frame.connect(...)``) and holds no
truth of its own. There is one :class:`ViewerState` per image, so that an image keeps its window, zoom and slice when
it is hung elsewhere.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from psygnal import SignalGroupDescriptor

from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.filter_chain import FilterChain
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.slab import SlabMode, SlabSpan, centred_span
from mammoviewer.imaging.voi import Voi, Window
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.prediction import Mode
from mammoviewer.session.settings import AUTOMATIC, WindowSettings

FIT = 0.0
"""The zoom that fits the image into its viewport."""
LARGEST_SLAB_MM = 200.0


class Tool(enum.StrEnum):
    """What a left drag does."""

    WINDOW = "window"
    PAN = "pan"
    ZOOM = "zoom"
    RECTANGLE = "rectangle"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"
    FREEHAND = "freehand"
    POINT = "point"
    DISTANCE = "distance"
    ANGLE = "angle"
    PROFILE = "profile"
    STATISTICS = "statistics"
    ARROW = "arrow"
    TEXT = "text"
    BRUSH = "brush"
    ERASER = "eraser"
    GROW = "grow"
    SPECKS = "specks"


class Overlay(enum.StrEnum):
    """Which model output lies over the image."""

    NONE = "none"
    HEATMAP = "heatmap"
    CAM = "cam"
    DRAFT = "draft"


@dataclass
class ViewerState:
    """The view of one image.

    Attributes
    ----------
    image
        The image that is looked at.
    frame
        0-based frame.
    voi
        The grey transform in force; one of the file's or one set by hand.
    inverted
        The reader's inversion, on top of the file's polarity.
    orientation
        From stored to displayed pixels: the hanging orientation, then what the reader flipped or turned.
    zoom
        Device pixels per stored pixel; ``FIT`` fits the image.
    centre
        Stored (row, column) at the middle of the viewport; ignored while ``zoom`` is ``FIT``.
    filters, bypass_filters
        The filter chain, and whether the original is shown for the moment.
    overlay
        Which model output is shown.
    playing, backwards
        Whether the cine runs, and whether towards the first slice.
    slab_mm, slab_mode
        Thickness of the slab of a volume about ``frame``, 0 for single frames, and how its frames are put together.
    linked
        Whether the view moves together with the other linked ones of its stage.
    window_pending
        Whether ``voi`` stands in until a window can be made from the pixels, because the file brings none.
    presentation
        SOPInstanceUID of the presentation state that is applied, empty for none.
    side_doubted
        Whether the pixels disagree with the side that the header tells.
    model_refused
        Whether the model that was asked for last does not fit the image.
    model_forced
        Whether the model that was asked for last was run although it does not fit the image.
    """

    image: Image
    frame: int = 0
    voi: Voi = field(default_factory=lambda: Window(0.5, 1.0))
    inverted: bool = False
    orientation: Orientation = field(default_factory=Orientation)
    zoom: float = FIT
    centre: tuple[float, float] = (0.0, 0.0)
    filters: FilterChain = ()
    bypass_filters: bool = False
    overlay: Overlay = Overlay.NONE
    playing: bool = False
    backwards: bool = False
    slab_mm: float = 0.0
    slab_mode: SlabMode = SlabMode.MEAN
    linked: bool = False
    window_pending: bool = False
    side_doubted: bool = False
    presentation: str = ""
    model_refused: bool = False
    model_forced: bool = False

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def __post_init__(self) -> None:
        self._window_comes_with_frame = False
        self.events.frame.connect(self._keep_choice_of_window)

    @property
    def window_is_automatic(self) -> bool:
        """Return whether a window that is being told of is nobody's act: made from the pixels, or the frame's own."""
        return self.window_pending or self._window_comes_with_frame

    @property
    def frames(self) -> int:
        """Return the number of frames of the image."""
        return self.image.attributes.frames

    @property
    def active_filters(self) -> FilterChain:
        """Return the filters that apply now; none while the original is shown."""
        return () if self.bypass_filters else self.filters

    @property
    def slab(self) -> SlabSpan | None:
        """Return the frames that are seen together, None for the single frame.

        Where the header tells no distance between slices, a slice counts for a millimetre.
        """
        if self.frames < 2 or self.slab_mm <= 0:
            return None
        step = slice_step_mm(self.image.attributes) or 1.0
        return centred_span(self.frame, max(1, round(self.slab_mm / step)), self.frames, self.slab_mode)

    def scroll(self, steps: int) -> None:
        """Move by ``steps`` frames and stop at the ends."""
        self.frame = min(max(self.frame + steps, 0), self.frames - 1)

    def _keep_choice_of_window(self, frame: int, before: int) -> None:
        """Take the new frame's own values of the window that was chosen by name; one set by hand stays as it is.

        FrameVOILUTSequence may differ from frame to frame (PS3.3 C.7.6.16.2.10).
        """
        offered = self.image.attributes.vois_for_frame(frame)
        place = next((i for i, voi in enumerate(self.image.attributes.vois_for_frame(before)) if voi == self.voi), None)
        if place is None or self.presentation or place >= len(offered):
            return
        named = (voi for voi in offered if voi.explanation and voi.explanation == self.voi.explanation)
        self._window_comes_with_frame = True
        try:
            self.voi = next(named, offered[place])
        finally:
            self._window_comes_with_frame = False


def slice_step_mm(attributes: ImageAttributes) -> float | None:
    """Return the nominal distance between neighbouring slices, None where the header does not tell."""
    positions = attributes.slice_positions_mm
    if len(positions) > 1 and positions[-1] != positions[0]:
        return abs(positions[-1] - positions[0]) / (len(positions) - 1)
    return attributes.slice_spacing_mm


SHOWN_FROM: Final = 0.5
EXPLAINED_FROM: Final = 0.2
"""From which value on output is shown where neither the model nor the reader says otherwise."""


@dataclass
class OverlayStyle:
    """How model output is drawn, in every viewport.

    Scores are shown from ``threshold`` on; explanations, which reach from 0 to 1 in every image, from
    ``cam_threshold``.
    """

    opacity: float = 0.5
    threshold: float = SHOWN_FROM
    cam_threshold: float = EXPLAINED_FROM
    colormap: str = "inferno"
    contours: bool = False

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def shown(self, overlay: Overlay) -> OverlayStyle:
        """Return the style in which an overlay is drawn: its ``threshold`` is the one that counts there."""
        return replace(self, threshold=self.cam_threshold) if overlay is Overlay.CAM else self


@dataclass
class DeskState:
    """What is set for the window as a whole.

    ``linked_cursor`` shows the place under the cursor in the other viewports, ``pointed`` is that place: an image's
    identity and stored (row, column). ``selected_finding`` is the id of a finding or empty; ``label`` is the class that
    a new region gets; ``cine_loops`` tells that the cine begins anew at the end instead of turning, ``cine_rate`` is
    its pace in slices a second; ``corner_text`` is
    ``full``, ``minimal`` or ``off``; ``mark`` is the model's mark that the reader has gone to;
    ``mode`` is how windows are looked at, "dense" being one pass where the model can do that, else every window;
    ``cam_method`` is how scores are explained, empty for the model's own way, ``cam_above_noise`` leaves out of
    explanations what is below the mean plus one standard deviation; ``blind`` hides AI until
    the first read is signed; ``black_air`` keeps the air of inverted
    pictures black; ``lens`` shows the magnifier, ``lens_factor`` times the zoom, with its own filter;
    ``chosen_before`` is the finding that was selected last before the present
    one; ``brush_mm`` is the width of the brush; ``note_wanted`` is the id of the finding that the reader is to write a
    text for, ``plot_wanted`` that of the one whose plot is to be seen; ``live`` lets a draft heatmap follow each region
    that is drawn;
    ``interpolation`` is one of :data:`session.settings.INTERPOLATIONS`.
    """

    tool: Tool = Tool.WINDOW
    linked_cursor: bool = False
    pointed: tuple[str, tuple[float, float]] | None = None
    cine_loops: bool = False
    cine_rate: float = 15.0
    label: str = "Mass"
    selected_finding: str = ""
    chosen_before: str = ""
    show_findings: bool = True
    show_companions: bool = True
    corner_text: str = "full"
    active_identity: str = ""
    model: str = ""
    mode: Mode = "dense"
    largest_over_slices: bool = False
    mark: Detection | None = None
    cam_method: str = ""
    cam_above_noise: bool = False
    blind: bool = False
    black_air: bool = True
    lens: bool = False
    lens_factor: float = 2.0
    lens_filter: str = "as shown"
    note_wanted: str = ""
    plot_wanted: str = ""
    brush_mm: float = 3.0
    live: bool = False
    interpolation: str = AUTOMATIC

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def __post_init__(self) -> None:
        self.events.selected_finding.connect(self._remember_chosen)

    def _remember_chosen(self, chosen: str, before: str) -> None:
        """Keep the finding before, also where none was chosen in between."""
        if before:
            self.chosen_before = before


def desk_of(settings: WindowSettings) -> DeskState:
    """Return the desk as the reader left it."""
    return DeskState(
        corner_text=settings.corner_text,
        cine_rate=settings.cine_rate,
        blind=settings.blind,
        black_air=settings.black_air,
        interpolation=settings.interpolation,
    )


def style_of(settings: WindowSettings) -> OverlayStyle:
    """Return how the reader likes overlays."""
    return OverlayStyle(
        opacity=settings.overlay_opacity,
        threshold=settings.overlay_threshold,
        colormap=settings.colormap,
        contours=settings.overlay_contours,
    )
