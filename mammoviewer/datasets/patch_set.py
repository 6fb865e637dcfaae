"""Labelled patches with the group each belongs to, as every importer makes them and training takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import ArgumentError


@dataclass(frozen=True, eq=False)
class PatchSet:
    """Patches of one size with their classes.

    Parameters
    ----------
    images
        Shape (n, rows, columns); uint8 as stored in a public set, or float32 in [0, 1] when cut from prepared images.
    labels
        One class index per patch.
    groups
        One name per patch. Patches of one group (case, patient, finding) never stand on both sides of a split.
    names
        One name per patch, for reports.
    classes
        Class names; ``labels`` index into it.
    """

    images: StoredArray
    labels: tuple[int, ...]
    groups: tuple[str, ...]
    names: tuple[str, ...]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        count = len(self.images)
        if self.images.ndim != 3 or not len(self.labels) == len(self.groups) == len(self.names) == count:
            raise ArgumentError("patches, labels, groups and names differ in number")
        if count and not (min(self.labels) >= 0 and max(self.labels) < len(self.classes)):
            raise ArgumentError("a label has no class name")

    def __len__(self) -> int:
        return len(self.labels)


def joined(sets: Sequence[PatchSet]) -> PatchSet:
    """Return the patches of several sets with the same classes as one set.

    Raises
    ------
    ArgumentError
        There is no set, or classes or patch sizes differ.
    """
    if not sets or any(part.classes != sets[0].classes for part in sets):
        raise ArgumentError("the sets to join have different classes")
    if len({part.images.shape[1:] for part in sets}) != 1:
        raise ArgumentError("the sets to join have patches of different sizes")
    return PatchSet(
        np.concatenate([part.images for part in sets]),
        tuple(label for part in sets for label in part.labels),
        tuple(group for part in sets for group in part.groups),
        tuple(name for part in sets for name in part.names),
        sets[0].classes,
    )
