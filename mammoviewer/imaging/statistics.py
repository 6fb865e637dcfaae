"""Figures about the pixel values of a region."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import BoolArray, StoredArray
from mammoviewer.base.errors import ArgumentError


@dataclass(frozen=True)
class RegionStatistics:
    """Values in the unit of the input. ``deviation`` has ddof 1 and is 0 for one pixel; all are NaN for none."""

    count: int
    area_mm2: float | None
    mean: float
    deviation: float
    minimum: float
    percentile_5: float
    median: float
    percentile_95: float
    maximum: float


def region_statistics(values: StoredArray, mask: BoolArray, *, pixel_area_mm2: float | None = None) -> RegionStatistics:
    """Return figures about ``values`` where ``mask`` is true, in double precision.

    Parameters
    ----------
    values
        Any integer or floating dtype; what is not finite is left out.
    mask
        Shape of ``values``.
    pixel_area_mm2
        Area of one pixel, where it is known.

    Raises
    ------
    ArgumentError
        The shapes differ.
    """
    if values.shape != mask.shape:
        raise ArgumentError("a region must have the size of its image")
    inside = values[mask].astype(np.float64)
    inside = inside[np.isfinite(inside)]
    count = int(inside.size)
    area = None if pixel_area_mm2 is None else count * pixel_area_mm2
    if count == 0:
        return RegionStatistics(0, area, *([math.nan] * 7))
    low, middle, high = (float(value) for value in np.percentile(inside, (5, 50, 95)))
    return RegionStatistics(
        count=count,
        area_mm2=area,
        mean=float(inside.mean()),
        deviation=float(inside.std(ddof=1)) if count > 1 else 0.0,
        minimum=float(inside.min()),
        percentile_5=low,
        median=middle,
        percentile_95=high,
        maximum=float(inside.max()),
    )
