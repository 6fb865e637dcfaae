"""What companions of an image say, as frozen records in the coordinates of this program.

Points are (row, column) of stored pixels where an integer is a pixel's centre; frames are 0-based.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.notices import Notice
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Voi

Point: TypeAlias = tuple[float, float]
Points: TypeAlias = tuple[Point, ...]
Facts: TypeAlias = tuple[tuple[str, str], ...]

_ARC_STEPS = 72


class CompanionKind(enum.StrEnum):
    """What an object is."""

    PRESENTATION = "presentation state"
    SEGMENTATION = "segmentation"
    CAD = "CAD report"
    MEASUREMENTS = "measurement report"
    REPORT = "report"
    DOSE = "dose report"
    OVERLAY = "overlay"
    SHUTTER = "display shutter"


class MarkShape(enum.StrEnum):
    """How the points of a mark are read. TEXT stands at its one point; LINE is open, OUTLINE is closed."""

    POINT = "point"
    LINE = "line"
    OUTLINE = "outline"
    TEXT = "text"


class RunStatus(enum.StrEnum):
    """How an algorithm fared. Without this a reader takes silence for a clean bill (IHE RAD TF-2 4.16.4.2.2.1.1.5)."""

    FINDINGS = "findings"
    NO_FINDINGS = "no findings"
    PARTIAL = "partly failed"
    FAILED = "failed"
    NOT_RUN = "not run"
    UNKNOWN = "not stated"


@dataclass(frozen=True)
class Target:
    """The image, and the 0-based frames of it, that something refers to; no frames mean all of them."""

    SOPInstanceUID: str
    frames: tuple[int, ...] = ()

    def covers(self, uid: str, frame: int | None) -> bool:
        """Return whether an image and frame is meant; any frame when None."""
        return uid == self.SOPInstanceUID and (frame is None or not self.frames or frame in self.frames)


@dataclass(frozen=True)
class Mark:
    """A drawing on an image.

    Attributes
    ----------
    targets
        Where it is drawn.
    shape, points
        Its geometry.
    text
        What is written at it.
    optional
        Whether the maker leaves it to the reader to see it (Rendering Intent 111151).
    filled
        Whether its inside is coloured.
    """

    targets: tuple[Target, ...]
    shape: MarkShape
    points: Points
    text: str = ""
    optional: bool = False
    filled: bool = False


@dataclass(frozen=True)
class Shutter:
    """What of an image is shown: the inside of a closed outline; the rest is black (PS3.3 C.7.6.11)."""

    outline: Points


@dataclass(frozen=True, eq=False)
class MaskPlane:
    """One mask over one image, read when it is wanted.

    Attributes
    ----------
    targets
        Where it lies.
    label
        What the pixels in it are.
    origin
        Stored (row, column) of the image at which the mask's first pixel lies.
    read
        Returns float32 (rows, columns) in 0 to 1; raises ``DecodeError``.
    graded
        Whether it has values between 0 and 1.
    solid
        Whether it is a drawing whose pixels are to be seen, rather than an area whose border is.
    stretched
        Whether it covers the whole image, whatever its own size.
    """

    targets: tuple[Target, ...]
    label: str
    origin: Point
    read: Callable[[], FloatArray] = field(repr=False)
    graded: bool = False
    solid: bool = False
    stretched: bool = False


@dataclass(frozen=True)
class Presentation:
    """How a presentation state wants images to be shown.

    Attributes
    ----------
    targets
        The images; empty for all that the companion refers to.
    voi
        The window or LUT, None to keep the image's.
    orientation
        From stored to displayed, None to keep the image's.
    area
        Stored (row, column) of the centres of the first and last pixel of the displayed area, None when not given.
    magnification
        Display pixels per stored pixel, 0 when the area is scaled to fit.
    """

    targets: tuple[Target, ...]
    voi: Voi | None = None
    orientation: Orientation | None = None
    area: tuple[Point, Point] | None = None
    magnification: float = 0.0


@dataclass(frozen=True)
class AlgorithmRun:
    """An algorithm that a report tells of. ``targets`` are empty where the report does not name the images."""

    name: str
    version: str
    purpose: str
    status: RunStatus
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class DoseEvent:
    """What a dose report tells of one exposure."""

    IrradiationEventUID: str
    facts: Facts


@dataclass(frozen=True)
class Companion:
    """One object that refers to images, or that an image carries in itself.

    ``shutters`` of a presentation state hold while that state is applied, those of an image always. ``inverse`` is
    whether a presentation state shows low values white, None where it does not say. ``follows`` tells that places on
    raw images may be drawn on the images made from them.
    """

    path: Path
    kind: CompanionKind
    SOPInstanceUID: str
    StudyInstanceUID: str
    label: str
    targets: tuple[Target, ...] = ()
    marks: tuple[Mark, ...] = ()
    shutters: tuple[Shutter, ...] = ()
    planes: tuple[MaskPlane, ...] = ()
    presentations: tuple[Presentation, ...] = ()
    inverse: bool | None = None
    runs: tuple[AlgorithmRun, ...] = ()
    status: RunStatus | None = None
    facts: Facts = ()
    dose: tuple[DoseEvent, ...] = ()
    follows: bool = False
    warnings: tuple[Notice, ...] = ()

    def refers_to(self, uid: str, frame: int | None = None) -> bool:
        """Return whether the object says something about an image, or about one of its frames."""
        return any(target.covers(uid, frame) for target in self.targets)

    def presentation(self, uid: str, frame: int) -> Presentation:
        """Return all that the state sets for a frame of an image, in one record."""
        merged = Presentation(())
        for item in self.presentations:
            if any(target.covers(uid, frame) for target in item.targets):
                merged = Presentation(
                    (Target(uid, (frame,)),),
                    merged.voi or item.voi,
                    merged.orientation or item.orientation,
                    merged.area or item.area,
                    merged.magnification or item.magnification,
                )
        return merged


@dataclass(frozen=True)
class ImageLinks:
    """What an image's header says of the objects it belongs with.

    ``sources`` are the instances it was made from with every place kept: SpatialLocationsPreserved is YES or absent.
    """

    sources: tuple[str, ...] = ()
    IrradiationEventUID: tuple[str, ...] = ()


def from_corner(column: float, row: float) -> Point:
    r"""Return a point given as column\row from the corner of the first pixel.

    So are GSPS graphics in PIXEL units (PS3.3 C.10.5: the first pixel reaches from 0.0\0.0 to 1.0\1.0) and SCOORD
    graphics (C.18.6.1.1); the centre of the first pixel is 0.5\0.5 there and (0, 0) here.
    """
    return row - 0.5, column - 0.5


def from_pixel(column: float, row: float) -> Point:
    r"""Return a point given as a pixel counted from 1\1: overlays, shutters (C.7.6.11), displayed areas (C.10.4)."""
    return row - 1.0, column - 1.0


def circle(centre: Point, edge: Point) -> Points:
    """Return the closed outline of a circle through ``edge``."""
    radius = math.hypot(edge[0] - centre[0], edge[1] - centre[1])
    return arc(centre, (radius, 0.0), (0.0, radius))


def ellipse(ends: Points) -> Points:
    """Return the closed outline of an ellipse from the ends of its major and then its minor axis."""
    (a0, a1), (b0, b1), (c0, c1), (d0, d1) = ends
    centre = (a0 + b0) / 2.0, (a1 + b1) / 2.0
    return arc(centre, ((b0 - a0) / 2.0, (b1 - a1) / 2.0), ((d0 - c0) / 2.0, (d1 - c1) / 2.0))


def arc(centre: Point, first: Point, second: Point) -> Points:
    """Return points all around ``centre`` on the curve that two half axes span."""
    angles = [2.0 * math.pi * step / _ARC_STEPS for step in range(_ARC_STEPS)]
    return tuple(
        (
            centre[0] + first[0] * math.cos(angle) + second[0] * math.sin(angle),
            centre[1] + first[1] * math.cos(angle) + second[1] * math.sin(angle),
        )
        for angle in angles
    )
