from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import find_contours

from mammoviewer.annotations._mask_loops import mask_loops


def as_set(loops):
    """Return each line from its least point on, whichever way it goes."""
    found = set()
    for loop in loops:
        points = [tuple(point) for point in np.asarray(loop).tolist()]
        first = points.index(min(points))
        there = points[first:] + points[:first]
        found.add(min(tuple(there), (there[0], *reversed(there[1:]))))
    return found


@settings(max_examples=300, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))))
def test_the_lines_are_those_of_marching_squares(mask):
    reference = find_contours(np.pad(mask, 1).astype(float), 0.5, fully_connected="low")
    assert as_set(mask_loops(mask)) == as_set(loop[:-1] - 1.0 for loop in reference)


def test_an_empty_mask_has_no_line():
    assert mask_loops(np.zeros((3, 3), bool)) == []
