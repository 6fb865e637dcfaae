"""Print the power-law exponents of a phantom exam: mammograms are said to have about 3.

Run ``python benchmarks/phantom_spectrum.py [--seed N] [--density B] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from mammoviewer.base.arrays import FloatArray, StoredArray
from mammoviewer.imaging.phantom.breast import Grid, ViewGeometry
from mammoviewer.imaging.phantom.exam import TOMO_VIEW, VIEWS, PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.spectrum import power_law_exponent


def tissue_only(stored: StoredArray, geometry: ViewGeometry, grid: Grid) -> FloatArray:
    """Return stored values with NaN outside the breast, at its border and in the muscle."""
    x, w = grid.coordinates()
    keep = (geometry.margin_mm(x, w) > 3) & (x > geometry.pectoral_edge_mm(w) + 3)
    return np.where(keep, stored, np.nan).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--density", choices=("A", "B", "C", "D"), default="B")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    exam = PhantomExam(PhantomRequest(arguments.seed, arguments.density))
    start, results = time.perf_counter(), {}
    for view in VIEWS:
        image = tissue_only(exam.mammogram(view), exam.geometries[view], exam.grid(view))
        results[f"beta_{view}"] = round(power_law_exponent(image, exam.pixel_mm), 2)
    frames, synthetic = exam.tomo()
    geometry, grid = exam.geometries[TOMO_VIEW], exam.tomo_grid()
    middle = frames[len(frames) // 2]
    results["beta_tomo_slice"] = round(power_law_exponent(tissue_only(middle, geometry, grid), grid.pixel_mm), 2)
    results["beta_synthetic"] = round(power_law_exponent(tissue_only(synthetic, geometry, grid), grid.pixel_mm), 2)
    results["seconds"] = round(time.perf_counter() - start, 1)
    for name, value in results.items():
        print(f"{name} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
