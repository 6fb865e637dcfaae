"""Pixel and slice spacing, with the label that says how far to trust a length measured with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.dicom.elements import Dataset

CORRECTED = "mm (magnification-corrected, estimate)"
AT_DETECTOR = "mm at detector"
UNKNOWN_CALIBRATION = "mm, calibration unknown"
IN_PLANE = "mm in plane"
STATED = "mm, spacing stated by the user"
UNCALIBRATED = "px, uncalibrated"


def image_spacing(dataset: Dataset, notices: list[Notice]) -> PixelSpacing | None:
    """Return the spacing of a projection image, or None when lengths can only be given in pixels.

    ImagerPixelSpacing divided by the magnification comes before PixelSpacing, whose plane is unknown unless
    PixelSpacingCalibrationType tells it (PS3.3 10.7, IHE MAMMO). A magnification of exactly 1 corrects nothing: the
    label then says that the spacing is that of the detector.
    """
    imager = _pair(dataset, "ImagerPixelSpacing", notices)
    if imager is not None:
        factor = magnification(dataset)
        if factor is None or factor == 1.0:
            return PixelSpacing(*imager, AT_DETECTOR)
        return PixelSpacing(imager[0] / factor, imager[1] / factor, CORRECTED, factor)
    return calibrated_spacing(dataset, notices) or plain_spacing(dataset, notices)


def calibrated_spacing(dataset: Dataset, notices: list[Notice]) -> PixelSpacing | None:
    """Return PixelSpacing when PixelSpacingCalibrationType tells how it was calibrated (PS3.3 10.7.1.3), else None."""
    calibration = elements.text(dataset, "PixelSpacingCalibrationType").lower()
    plain = _pair(dataset, "PixelSpacing", notices) if calibration else None
    return PixelSpacing(*plain, f"mm calibrated ({calibration[:16]})") if plain is not None else None


def plain_spacing(dataset: Dataset, notices: list[Notice]) -> PixelSpacing | None:
    """Return PixelSpacing as it is, of a calibration that is not known."""
    plain = _pair(dataset, "PixelSpacing", notices)
    return PixelSpacing(*plain, UNKNOWN_CALIBRATION) if plain is not None else None


def magnification(dataset: Dataset) -> float | None:
    """Return EstimatedRadiographicMagnificationFactor, or the ratio of the distances where they tell of one."""
    factor = elements.number(dataset, "EstimatedRadiographicMagnificationFactor")
    if factor is not None and factor > 0:
        return factor
    detector = elements.number(dataset, "DistanceSourceToDetector")
    patient = elements.number(dataset, "DistanceSourceToPatient")
    if detector is not None and patient is not None and 0 < patient < detector:
        return detector / patient
    return None


def volume_spacing(groups: Sequence[Dataset], dataset: Dataset, notices: list[Notice]) -> PixelSpacing | None:
    """Return the in-plane spacing of a tomosynthesis volume; ``groups`` are the functional groups of a frame."""
    measures = elements.first_item([*groups, dataset], "PixelMeasuresSequence")
    if measures is not None:
        plane = _pair(measures, "PixelSpacing", notices)
        if plane is not None:
            return PixelSpacing(*plane, IN_PLANE)
    detector = _pair(dataset, "DetectorElementSpacing", notices)
    if detector is not None:
        return PixelSpacing(*detector, AT_DETECTOR)
    return image_spacing(dataset, notices)


def slice_positions(frames: Sequence[Sequence[Dataset]]) -> tuple[float, ...]:
    """Return the place of each frame along the normal of the first one, in mm; empty when not all are known.

    The first frame is at 0 and the last one above it, whichever way the normal points.
    ``frames`` holds for each frame the data sets to look in, nearest first.
    """
    along = _along_normal(frames)
    if along is None:
        return ()
    away = -1.0 if along[-1] < 0 else 1.0
    return tuple(round(float(distance) * away, 6) + 0.0 for distance in along)


def spatial_order(frames: Sequence[Sequence[Dataset]]) -> tuple[int, ...]:
    """Return the frames in the order of their places, empty when they are in order already or have no places.

    The order runs the way in which most of the file runs.
    """
    along = _along_normal(frames)
    if along is None:
        return ()
    steps = np.sign(np.diff(along))
    if not ((steps > 0).any() and (steps < 0).any()):
        return ()
    numbers = np.arange(along.size) - (along.size - 1) / 2
    forwards = 1.0 if numbers @ along >= 0 else -1.0
    return tuple(int(place) for place in np.argsort(np.round(along, 6) * forwards, kind="stable"))


def _along_normal(frames: Sequence[Sequence[Dataset]]) -> DoubleArray | None:
    """Return the signed distance of each frame from the first one, float64 (frames,); None when not all are known."""
    positions = []
    for groups in frames:
        item = elements.first_item(groups, "PlanePositionSequence")
        place = elements.numbers(item, "ImagePositionPatient") if item is not None else []
        if len(place) != 3 or None in place:
            return None
        positions.append([float(part or 0.0) for part in place])
    if not positions:
        return None
    offsets = np.asarray(positions) - positions[0]
    orientation = plane_orientation(frames[0])
    if orientation is not None:
        along = offsets @ np.cross(orientation[:3], orientation[3:])
    else:
        along = offsets[:, int(np.argmax(np.ptp(offsets, axis=0)))]
    return np.asarray(along) if np.isfinite(along).all() else None


def plane_orientation(groups: Sequence[Dataset]) -> tuple[float, ...] | None:
    """Return the six direction cosines of ImageOrientationPatient, or None when absent or not unit vectors."""
    item = elements.first_item(groups, "PlaneOrientationSequence")
    candidates = [item] if item is not None else list(groups)
    for candidate in candidates:
        cosines = elements.numbers(candidate, "ImageOrientationPatient")
        if len(cosines) == 6 and None not in cosines:
            vector = np.asarray(cosines, dtype=np.float64)
            if abs(np.linalg.norm(vector[:3]) - 1) < 0.05 and abs(np.linalg.norm(vector[3:]) - 1) < 0.05:
                return tuple(vector.tolist())
    return None


def slice_spacing(positions: Sequence[float], groups: Sequence[Dataset], dataset: Dataset) -> float | None:
    """Return the nominal distance of slices: from their positions, SpacingBetweenSlices, or SliceThickness."""
    if len(positions) > 1:
        step = float(np.median(np.abs(np.diff(positions))))
        if step > 0:
            return round(step, 6)
    measures = elements.first_item([*groups, dataset], "PixelMeasuresSequence")
    for source in (measures, dataset):
        for keyword in ("SpacingBetweenSlices", "SliceThickness"):
            found = elements.number(source, keyword) if source is not None else None
            if found is not None and found > 0:
                return found
    return None


def _pair(dataset: Dataset, keyword: str, notices: list[Notice]) -> tuple[float, float] | None:
    """Return row and column spacing; one value stands for both, 0, negative and "0,07" are refused with a notice."""
    found = elements.values(dataset, keyword)
    if not found:
        return None
    parts = elements.numbers(dataset, keyword)
    if len(parts) == 1:
        parts = parts * 2
    row, column = parts[0], parts[1]
    if row is None or column is None or row <= 0 or column <= 0:
        text = f"{keyword} is not valid: lengths are given in pixels"
        notice = Notice(Severity.CAUTION, text, "state the pixel size, if you know it")
        if notice not in notices:
            notices.append(notice)
        return None
    return row, column
