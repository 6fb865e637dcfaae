"""What ends a stroke of the brush and begins to grow a region: ``python benchmarks/outlines.py [--json FILE]``.

Outlines are made of a disc of 1,400 pixels across and of a ragged region of 2,000, as strokes leave them; growing is
that of 20 mm about a seed at 0.05 mm a pixel, pressed and followed for one move of the mouse.
"""

from __future__ import annotations

import cv2
import numpy as np
from measuring import arguments, median_ms, report

from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.imaging.grow import grown, prepared_surroundings


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__).parse_args()
    disc, ragged, generator = np.zeros((1500, 1500), np.uint8), ragged_region(), np.random.default_rng(0)
    cv2.circle(disc, (750, 750), 700, 1, -1)
    row, column = np.mgrid[0:801, 0:801]
    lump = 900 * (np.hypot(row - 400, column - 400) < 200)
    tissue = (1000 + lump + generator.normal(0, 15, lump.shape)).astype(np.uint16)
    # As the window reduces it: to 420 pixels at most.
    reduced = tissue[::2, ::2]
    sigma = 0.25 / 0.1
    smooth, edges = prepared_surroundings(reduced, sigma)
    seed = (reduced.shape[0] // 2, reduced.shape[1] // 2)
    figures = {
        "outline of a disc, ms": median_ms(lambda: region_of_mask(disc.astype(bool)), 9),
        "outline of a ragged region, ms": median_ms(lambda: region_of_mask(ragged.astype(bool)), 9),
        "press to grow, ms": median_ms(lambda: prepared_surroundings(reduced, sigma), 9),
        "move while growing, ms": median_ms(lambda: grown(smooth, edges, seed, 300.0), 9),
    }
    report(figures, options.json)


def ragged_region() -> np.ndarray:
    """Return a mask, uint8 (2200, 2200), as many strokes leave it; its outline has some 14,000 corners."""
    ragged, generator, place = np.zeros((2200, 2200), np.uint8), np.random.default_rng(0), (1100, 1100)
    for _ in range(120):
        there = tuple(int(value) for value in generator.integers(100, 2100, 2))
        cv2.line(ragged, place, there, 1, 60)
        place = there
    return ragged


if __name__ == "__main__":
    main()
