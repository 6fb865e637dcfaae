from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.patch_set import PatchSet, joined


def make(count: int, side: int = 4, classes: tuple[str, ...] = ("a", "b")) -> PatchSet:
    labels = tuple(index % 2 for index in range(count))
    names = tuple(f"n{index}" for index in range(count))
    return PatchSet(np.zeros((count, side, side)), labels, names, names, classes)


def test_parts_must_agree() -> None:
    with pytest.raises(ArgumentError, match="number"):
        PatchSet(np.zeros((2, 4, 4)), (0,), ("g",), ("n",), ("a", "b"))
    with pytest.raises(ArgumentError, match="class name"):
        PatchSet(np.zeros((1, 4, 4)), (2,), ("g",), ("n",), ("a", "b"))


def test_joined_keeps_order() -> None:
    both = joined([make(2), make(3)])
    assert len(both) == 5
    assert both.labels == (0, 1, 0, 1, 0)
    assert both.images.shape == (5, 4, 4)


def test_sets_of_other_classes_or_sizes_do_not_join() -> None:
    for other in (make(2, classes=("a", "c")), make(2, side=5)):
        with pytest.raises(ArgumentError):
            joined([make(2), other])
    with pytest.raises(ArgumentError):
        joined([])
