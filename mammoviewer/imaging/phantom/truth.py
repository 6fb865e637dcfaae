"""Where every lesion is in every picture of an exam, in stored pixel coordinates."""

from __future__ import annotations

import math

from mammoviewer.imaging.phantom.breast import Grid
from mammoviewer.imaging.phantom.exam import TOMO_VIEW, VIEWS, PhantomExam
from mammoviewer.imaging.phantom.lesions import Cluster, Lesion, Mass, speck_positions
from mammoviewer.imaging.phantom.tissue import SLICE_MM


def _stored(grid: Grid, x: float, w: float, laterality: str) -> dict[str, float]:
    """Return row and column of a point in the stored picture, in which a right breast is mirrored."""
    row, column = grid.pixel(x, w)
    if laterality == "R":
        column = grid.columns - 1 - column
    return {"row": round(row, 2), "column": round(column, 2)}


def _frame(height_mm: float, thickness_mm: float) -> float:
    return (height_mm + thickness_mm / 2) / SLICE_MM - 0.5


def _specks(exam: PhantomExam, cluster: Cluster, view: str, grid: Grid) -> list[dict[str, object]]:
    geometry = exam.geometries[view]
    return [
        {
            **_stored(grid, float(x), float(w), view[0]),
            "frame": round(_frame(float(v), geometry.thickness_mm), 2),
            "diameter_mm": round(2 * math.sqrt(float(radii[0]) * float(radii[1])), 3),
        }
        for (x, w, v), radii in zip(speck_positions(cluster, geometry), cluster.radii_mm, strict=True)
    ]


def _in_view(exam: PhantomExam, lesion: Lesion, view: str, grid: Grid, file: str) -> dict[str, object]:
    x, w, _ = exam.geometries[view].from_reference(lesion.centre)
    place: dict[str, object] = {"file": file, **_stored(grid, x, w, view[0])}
    place["radius_px"] = round(lesion.radius_mm / grid.pixel_mm, 2)
    if isinstance(lesion, Cluster):
        specks = _specks(exam, lesion, view, grid)
        place["specks"] = [{key: value for key, value in speck.items() if key != "frame"} for speck in specks]
    return place


def _in_tomo(exam: PhantomExam, lesion: Lesion, file: str) -> dict[str, object]:
    grid, geometry = exam.tomo_grid(), exam.geometries[TOMO_VIEW]
    place = _in_view(exam, lesion, TOMO_VIEW, grid, file)
    height = geometry.from_reference(lesion.centre)[2]
    last = exam.request.frames - 1
    centre = _frame(height, geometry.thickness_mm)
    reach = lesion.radius_mm / SLICE_MM
    place["frame"] = min(max(round(centre), 0), last)
    place["first_frame"] = max(math.ceil(centre - reach), 0)
    place["last_frame"] = min(math.floor(centre + reach), last)
    if isinstance(lesion, Cluster):
        place["specks"] = _specks(exam, lesion, TOMO_VIEW, grid)
    return place


def exam_truth(exam: PhantomExam, files: dict[str, str], tomo: str, synthetic: str) -> dict[str, object]:
    """Return the truth of an exam as plain values for JSON.

    Parameters
    ----------
    exam
        The exam.
    files
        File names of the mammograms by view.
    tomo, synthetic
        File names of the tomosynthesis stack and of the synthetic mammogram.

    Returns
    -------
    dict
        Rows and columns are pixel centres of the stored pictures; frames count from 0, detector side first.
    """
    lesions = []
    for letter, side in zip("RL", exam.lesions, strict=True):
        for lesion in side:
            entry: dict[str, object] = {
                "id": lesion.id,
                "type": "mass" if isinstance(lesion, Mass) else "cluster",
                "laterality": letter,
                "radius_mm": round(lesion.radius_mm, 2),
                "spiculated": isinstance(lesion, Mass) and lesion.spiculated,
                "views": {
                    view: _in_view(exam, lesion, view, exam.grid(view), files[view])
                    for view in VIEWS
                    if view[0] == letter
                },
            }
            if letter == TOMO_VIEW[0]:
                entry["tomo"] = _in_tomo(exam, lesion, tomo)
                entry["synthetic"] = _in_view(exam, lesion, TOMO_VIEW, exam.tomo_grid(), synthetic)
            lesions.append(entry)
    request = exam.request
    return {
        "schema_version": 1,
        "seed": request.seed,
        "density": request.density,
        "frames": request.frames,
        "scale": request.scale,
        "years_before": request.years_before,
        "files": [*files.values(), tomo, synthetic],
        "lesions": lesions,
    }
