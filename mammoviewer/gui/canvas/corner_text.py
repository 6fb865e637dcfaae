"""What is written beside the picture: the words, apart from how they are painted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from mammoviewer.dicom.attributes import ImageAttributes, ImageKind
from mammoviewer.gui.canvas.view_transform import ViewTransform
from mammoviewer.imaging.voi import AUTO, Voi, Window
from mammoviewer.session.first_view import lacks_window
from mammoviewer.session.viewer_state import Overlay, ViewerState

FULL: Final = "full"
MINIMAL: Final = "minimal"
OFF: Final = "off"
SIDE_DOUBTED: Final = "LATERALITY?"
"""The badge that flips the picture when it is clicked."""


LINKED: Final = "LINKED"
NOT_LINKED: Final = "NOT LINKED"
"""Badges that link and unlink the viewport when they are clicked."""


@dataclass(frozen=True)
class Badge:
    """A short word of warning; ``refusal`` when the picture itself cannot be trusted, ``quiet`` when it only tells."""

    text: str
    refusal: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class ScaleBar:
    """A bar of a round length: ``length`` in logical pixels, and what is written at it."""

    length: float
    label: str
    source: str


@dataclass(frozen=True)
class CornerText:
    """Everything written beside a picture.

    Attributes
    ----------
    view
        Side and view, written large.
    top
        Who, when and where.
    facts
        How the image was made.
    current
        What is set now: slice and window.
    badges
        What a reader must know before trusting the picture.
    """

    view: str
    top: tuple[str, ...]
    facts: tuple[str, ...]
    current: tuple[str, ...]
    badges: tuple[Badge, ...]


def corner_text(state: ViewerState, shown_frame: int, level: str, *, bad: bool = False) -> CornerText:
    """Return the words for a view.

    Parameters
    ----------
    shown_frame
        The frame on screen; it may lag behind the one asked for while that is decoded.
    level
        ``full``, ``minimal`` or ``off``; badges are always shown.
    bad
        Whether the frame could not be decoded.
    """
    attributes = state.image.attributes
    warnings = badges(state, bad=bad)
    if level == OFF:
        return CornerText("", (), (), (), warnings)
    lines = (slice_text(attributes, shown_frame), slab_text(state), window_text(state.voi))
    current = tuple(line for line in lines if line)
    if level == MINIMAL:
        return CornerText(view_label(attributes), (), (), current, warnings)
    facts = tuple(f"{label} {value}" for label, value in attributes.facts)
    return CornerText(view_label(attributes), identification(attributes), facts, current, warnings)


def view_label(attributes: ImageAttributes) -> str:
    """Return side and view, such as ``R CC``; the kind of picture where they are unknown."""
    view = attributes.view
    label = view.label
    if not label:
        return ""
    return f"{view.laterality} {label[len(view.laterality) :]}".strip()


_KINDS: Final = {
    ImageKind.TOMO: "Tomosynthesis",
    ImageKind.SYNTHETIC_2D: "Synthetic 2-D",
    ImageKind.SECONDARY: "Secondary capture",
    ImageKind.RASTER: "Picture file",
}


def identification(attributes: ImageAttributes) -> tuple[str, ...]:
    """Return who, when and where, one line each, without empty ones (dicom.md section 3, item 8)."""
    born = f"born {day(attributes.PatientBirthDate)}" if attributes.PatientBirthDate else ""
    lines = (
        _KINDS.get(attributes.kind, ""),
        attributes.PatientName.replace("^", " ").strip(),
        _joined(attributes.PatientID, born),
        _joined(day(attributes.StudyDate), clock(attributes.StudyTime)),
        f"acc. {attributes.AccessionNumber}" if attributes.AccessionNumber else "",
        attributes.InstitutionName,
        _joined(attributes.Manufacturer, attributes.ManufacturerModelName),
    )
    return tuple(line for line in lines if line)


def _joined(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def day(value: str) -> str:
    """Return a DICOM date (DA) as ``2024-05-17``; anything else as it is."""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if len(value) == 8 and value.isdigit() else value


def clock(value: str) -> str:
    """Return a DICOM time (TM) as ``14:05``; anything else as it is."""
    return f"{value[:2]}:{value[2:4]}" if value[:4].isdigit() and len(value) >= 4 else value


def slice_text(attributes: ImageAttributes, frame: int) -> str:
    """Return ``slice 23/60  22 mm (nominal)``; empty for a single image."""
    if attributes.frames < 2:
        return ""
    text = f"slice {frame + 1}/{attributes.frames}"
    depth = depth_mm(attributes, frame)
    return text if depth is None else f"{text}  {depth:.0f} mm (nominal)"


def slab_text(state: ViewerState) -> str:
    """Return ``slab 5 mm MIP, slices 21-25``; empty while single slices are seen."""
    span = state.slab
    if span is None:
        return ""
    return f"slab {state.slab_mm:g} mm {span.mode.value}, slices {span.first + 1}-{span.last + 1}"


def depth_mm(attributes: ImageAttributes, frame: int) -> float | None:
    """Return the nominal depth of a slice below the first one, None where the header does not tell."""
    if frame < len(attributes.slice_positions_mm):
        return abs(attributes.slice_positions_mm[frame] - attributes.slice_positions_mm[0])
    if attributes.slice_spacing_mm is not None:
        return frame * attributes.slice_spacing_mm
    return None


def window_text(voi: Voi) -> str:
    """Return ``SIGMOID 2653/900 NORMAL``: the function, centre and width, and the file's name for it."""
    if isinstance(voi, Window):
        name = "" if voi.function == "LINEAR" else f"{voi.function} "
        return f"{name}{value_text(voi.center)}/{value_text(voi.width)} {voi.explanation}".strip()
    return f"LUT {voi.explanation}".strip()


def value_text(value: float) -> str:
    """Return a centre or width in few letters, such as ``2744`` and ``0.45``."""
    return f"{value:.0f}" if abs(value) >= 10.0 else f"{value:.3g}"


def badges(state: ViewerState, *, bad: bool = False) -> tuple[Badge, ...]:
    """Return what a reader must know about the picture before trusting it."""
    attributes = state.image.attributes
    mirrored = state.orientation.mirrors != attributes.orientation.mirrors
    found = [
        (bad, Badge("BAD FRAME", refusal=True)),
        (state.model_refused, Badge("MODEL REFUSED", refusal=True)),
        (state.model_forced, Badge("MODEL FORCED", refusal=True)),
        (state.overlay is Overlay.DRAFT, Badge("DRAFT MODEL")),
        (state.side_doubted, Badge(SIDE_DOUBTED)),
        (attributes.kind is ImageKind.MAMMOGRAM_RAW, Badge("RAW")),
        (("Partial view", "PARTIAL") in attributes.facts, Badge("PARTIAL")),
        (("Implant", "IMPLANT") in attributes.facts, Badge("IMPLANT")),
        (attributes.lossy, Badge("LOSSY")),
        (attributes.pixel_spacing is None, Badge("UNCALIBRATED")),
        (attributes.pixel_spacing is not None and not attributes.pixel_spacing.square, Badge("PIXELS NOT SQUARE")),
        (attributes.unoriented, Badge("UNORIENTED")),
        (state.voi.explanation == AUTO and lacks_window(state.image, state.frame), Badge("AUTO WINDOW")),
        (mirrored, Badge("FLIPPED")),
        (state.orientation != attributes.orientation and not mirrored, Badge("TURNED")),
        (state.inverted, Badge("INVERTED")),
        (bool(state.active_filters), Badge("FILTERED")),
        (bool(state.filters) and state.bypass_filters, Badge("ORIGINAL")),
    ]
    return tuple(badge for applies, badge in found if applies)


def scale_bar(attributes: ImageAttributes, view: ViewTransform, longest: float) -> ScaleBar | None:
    """Return a level bar of 1, 2 or 5 times a power of ten, at most ``longest`` logical pixels."""
    per_pixel = view.zoom / view.dpr
    spacing = attributes.pixel_spacing
    if spacing is not None:
        along = spacing.row_mm if view.orientation.transpose else spacing.column_mm
        per_unit, unit, source = per_pixel / along, "mm", spacing.source.removeprefix("mm").strip(" ,")
    else:
        per_unit, unit, source = per_pixel, "px", "uncalibrated"
    if not (longest > 0 and per_unit > 0):
        return None
    power = 10.0 ** math.floor(math.log10(longest / per_unit))
    value = max(step for step in (1.0, 2.0, 5.0) if step * power * per_unit <= longest * (1 + 1e-9)) * power
    return ScaleBar(value * per_unit, f"{value:g} {unit}", source)
