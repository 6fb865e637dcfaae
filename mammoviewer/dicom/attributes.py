"""What is known of an image before a pixel of it is decoded: one frozen record, read from the header once."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.notices import Notice
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import IDENTITY, Padding, Rescale, Voi

_MAGNIFICATION = {"M": "M", "S": "S"}
_REPLACING = ("CV", "AT", "TAN")


class ImageKind(enum.StrEnum):
    """What an image is, as far as showing it and running a model on it are concerned."""

    MAMMOGRAM = "MAMMOGRAM"
    MAMMOGRAM_RAW = "MAMMOGRAM_RAW"
    TOMO = "TOMO"
    SYNTHETIC_2D = "SYNTHETIC_2D"
    SECONDARY = "SECONDARY"
    RASTER = "RASTER"


@dataclass(frozen=True)
class View:
    """Laterality ("R", "L" or ""), view position ("CC", "MLO", ... or "") and modifiers ("M", "S", "ID", ...)."""

    laterality: str = ""
    position: str = ""
    modifiers: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the label of the view, such as ``RCC``, ``LMMLO`` (magnified) or ``RCCID`` (implant displaced)."""
        position = next((name for name in self.modifiers if name in _REPLACING), self.position)
        prefix = "".join(name for name in self.modifiers if name in _MAGNIFICATION)
        suffix = "".join(name for name in self.modifiers if name not in _MAGNIFICATION and name not in _REPLACING)
        return f"{self.laterality}{prefix}{position}{suffix}"


@dataclass(frozen=True)
class PixelSpacing:
    """Distance of pixel centres in mm, and how trustworthy it is.

    ``source`` is the label shown with every measurement; ``magnification`` is the factor already divided out.
    """

    row_mm: float
    column_mm: float
    source: str
    magnification: float = 1.0

    @property
    def square(self) -> bool:
        """Whether the sides of a pixel differ by no more than a hundredth."""
        return math.isclose(self.row_mm, self.column_mm, rel_tol=0.01)


@dataclass(frozen=True, kw_only=True)
class ImageAttributes:
    """The facts of one image. Element values carry their DICOM keyword as name; empty text where absent.

    Everywhere in the program frames are counted from 0 in the order of their places in space. ``frame_order`` holds
    the place of each in the file where the two differ; other programs mean the file's order. ``other_spacing`` is a
    calibrated spacing that the file has beside the one in use. ``plane_directions`` say where rows and columns run to
    by ImageOrientationPatient, in the letters of PatientOrientation. ``frame_rescales`` holds those of all frames
    where they differ; ``rescale`` is then that of the first one.
    """

    path: Path
    kind: ImageKind
    rows: int
    columns: int
    frames: int = 1
    SOPInstanceUID: str = ""
    SOPClassUID: str = ""
    StudyInstanceUID: str = ""
    SeriesInstanceUID: str = ""
    FrameOfReferenceUID: str = ""
    Modality: str = ""
    PatientName: str = ""
    PatientID: str = ""
    PatientBirthDate: str = ""
    StudyDate: str = ""
    StudyTime: str = ""
    AccessionNumber: str = ""
    StudyDescription: str = ""
    SeriesDescription: str = ""
    SeriesNumber: int | None = None
    InstanceNumber: int | None = None
    Manufacturer: str = ""
    ManufacturerModelName: str = ""
    InstitutionName: str = ""
    ImageType: tuple[str, ...] = ()
    PresentationIntentType: str = ""
    BitsStored: int = 8
    signed: bool = False
    samples: int = 1
    PhotometricInterpretation: str = "MONOCHROME2"
    TransferSyntaxUID: str = ""
    lossy: bool = False
    view: View = View()
    PatientOrientation: tuple[str, ...] = ()
    plane_directions: tuple[str, ...] = ()
    orientation: Orientation = Orientation()
    unoriented: bool = False
    pixel_spacing: PixelSpacing | None = None
    other_spacing: PixelSpacing | None = None
    slice_spacing_mm: float | None = None
    slice_positions_mm: tuple[float, ...] = ()
    vois: tuple[Voi, ...] = ()
    frame_vois: tuple[tuple[Voi, ...], ...] = ()
    padding: Padding | None = None
    rescale: Rescale = IDENTITY
    frame_rescales: tuple[Rescale, ...] = ()
    inverse: bool = False
    warnings: tuple[Notice, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    pixel_digest: str = ""
    frame_order: tuple[int, ...] = ()

    @property
    def identity(self) -> str:
        """Return the key of annotations: the SOPInstanceUID, or ``sha256:...`` of the pixels of a raster image.

        Of files that share a SOPInstanceUID but differ, all but the first have both.
        """
        return "#".join(part for part in (self.SOPInstanceUID, self.pixel_digest) if part)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, columns) as stored."""
        return self.rows, self.columns

    @property
    def value_range(self) -> tuple[int, int]:
        """Return (first, count) of the stored values that can occur."""
        count = 1 << self.BitsStored
        return (-(count >> 1) if self.signed else 0), count

    def file_frame(self, index: int) -> int:
        """Return where frame ``index`` stands in the file: frames out of spatial order are put in order."""
        return self.frame_order[index] if self.frame_order else index

    def frame_of_file(self, index: int) -> int:
        """Return which frame the one at place ``index`` of the file is; the inverse of :meth:`file_frame`."""
        return self.frame_order.index(index) if self.frame_order else index

    def vois_for_frame(self, index: int) -> tuple[Voi, ...]:
        """Return the windows and LUTs of a frame: its own, or those shared by all frames."""
        if index < len(self.frame_vois) and self.frame_vois[index]:
            return self.frame_vois[index]
        return self.vois

    def rescale_for_frame(self, index: int) -> Rescale:
        """Return how the stored values of a frame are rescaled."""
        return self.frame_rescales[index] if self.frame_rescales else self.rescale
