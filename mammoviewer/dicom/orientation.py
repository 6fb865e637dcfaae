"""How a mammogram is turned to be hung, and a check of its laterality on the pixels.

The target is that of IHE RAD TF-2 4.16.4.2.2.1.1.2: the right breast on the left of the screen with its chest wall on
the right, the left breast mirrored to it, axilla and lateral side up.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import BoolArray
from mammoviewer.dicom.attributes import View
from mammoviewer.imaging.geometry import Orientation

_OPPOSITE = str.maketrans("APLRHF", "PARLFH")
_SIDEWAYS = frozenset({"CC", "XCC", "XCCL", "XCCM", "FB", ""})
_VERTICAL = frozenset({"MLO", "ML", "LM", "LMO", "SIO", "ISO"})
_COSINE_SEEN = 0.2
_BAND = 0.08


def find_hanging(
    view: View, patient_orientation: Sequence[str], image_orientation: Sequence[float] | None = None
) -> Orientation | None:
    """Return how stored pixels are turned to hang, or None when the file does not tell enough.

    Parameters
    ----------
    view
        Laterality and position.
    patient_orientation
        PatientOrientation: the direction of the rows, then that of the columns (PS3.3 C.7.6.1.1.1).
    image_orientation
        ImageOrientationPatient, used when PatientOrientation is absent (tomosynthesis).
    """
    directions = tuple(patient_orientation)
    if not valid_patient_orientation(directions):
        directions = plane_directions(image_orientation)
    if not valid_patient_orientation(directions) or view.laterality not in ("R", "L"):
        return None
    targets = _targets(view)
    for target in targets:
        for transpose, flip_rows, flip_columns in itertools.product((False, True), repeat=3):
            along_row, along_column = directions[::-1] if transpose else directions
            shown_row = along_row.translate(_OPPOSITE) if flip_columns else along_row
            shown_column = along_column.translate(_OPPOSITE) if flip_rows else along_column
            if target[0] in shown_row and target[1] in shown_column:
                return Orientation(transpose, flip_rows, flip_columns)
    return None


def plane_directions(image_orientation: Sequence[float] | None) -> tuple[str, ...]:
    """Return where rows and columns run to by the six cosines of ImageOrientationPatient; empty without them."""
    if image_orientation is None or len(image_orientation) != 6:
        return ()
    return _letters(image_orientation[:3]), _letters(image_orientation[3:])


def edge_letters(patient_orientation: Sequence[str], orientation: Orientation) -> tuple[str, str, str, str] | None:
    """Return what lies at the left, right, top and bottom edge of a displayed picture, such as ``("P", "A", ...)``.

    None where PatientOrientation is absent or not valid. It names where rows and columns run to (PS3.3 C.7.6.1.1.1).
    """
    directions = tuple(patient_orientation)
    if not valid_patient_orientation(directions):
        return None
    along_row, along_column = directions[::-1] if orientation.transpose else directions
    right = along_row.translate(_OPPOSITE) if orientation.flip_columns else along_row
    bottom = along_column.translate(_OPPOSITE) if orientation.flip_rows else along_column
    return right.translate(_OPPOSITE), right, bottom.translate(_OPPOSITE), bottom


def valid_patient_orientation(directions: Sequence[str]) -> bool:
    """Return whether the two directions are made of the letters of PS3.3 C.7.6.1.1.1, one of them along A-P."""
    if len(directions) != 2 or not all(part and set(part) <= set("APLRHF") for part in directions):
        return False
    return any("A" in part or "P" in part for part in directions)


def _targets(view: View) -> tuple[tuple[str, str], ...]:
    """Return the wanted (row, column) directions; the second one serves files that tell the oblique only by side."""
    backwards = "P" if view.laterality == "R" else "A"
    inwards = "L" if view.laterality == "R" else "R"  # towards the middle of the body, which hangs below in a CC
    if view.position in _VERTICAL:
        return (backwards, "F"), (backwards, inwards)
    if view.position in _SIDEWAYS:
        return ((backwards, inwards), (backwards, "F"))
    return ()


def _letters(cosines: Sequence[float]) -> str:
    """Return the letters of a direction in patient coordinates, the strongest first (+x L, +y P, +z H).

    Of equals the one along the body comes first, as in the "FL" of an oblique view.
    """
    axes = zip(cosines[::-1], ("HF", "PA", "LR"), strict=True)
    named = sorted(axes, key=lambda pair: -round(abs(pair[0]), 2))
    return "".join(name[0] if cosine > 0 else name[1] for cosine, name in named if abs(cosine) > _COSINE_SEEN)


@dataclass(frozen=True)
class PixelLaterality:
    """What the pixels say: ``laterality`` "R", "L" or "" (cannot tell), ``confidence`` from 0 to 1."""

    laterality: str
    confidence: float


def laterality_from_pixels(mask: BoolArray, orientation: Orientation) -> PixelLaterality:
    """Return the side on which the chest wall lies in a picture that was hung with ``orientation``.

    Parameters
    ----------
    mask
        The breast, True inside, bool (rows, columns) as stored; polarity and padding are settled by its maker.
    orientation
        How the image hangs. The chest wall is where the mask fills the border: on the right for a right breast.
    """
    shown = np.asarray(orientation.apply(mask), dtype=np.bool_)
    band = max(1, round(shown.shape[1] * _BAND))
    left = float(shown[:, :band].mean())
    right = float(shown[:, -band:].mean())
    total = left + right
    if total <= 0:
        return PixelLaterality("", 0.0)
    confidence = abs(right - left) / total
    if confidence < 0.2:
        return PixelLaterality("", confidence)
    return PixelLaterality("R" if right > left else "L", confidence)
