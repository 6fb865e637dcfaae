"""Which patches are one observation: what the caller says, and pictures that are plainly the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import merged_groups, near_duplicates

_SURROUND_PX = 4.0
_SAME_PICTURE = 0.9


def with_same_pictures_joined(patches: PatchSet) -> PatchSet:
    """Return the patches with those groups joined whose regions show the same picture, whatever they are called.

    The first patch of each region, the centred one, is compared; its broad shading is taken out first, which many
    places of a breast have in common.
    """
    from scipy.ndimage import gaussian_filter

    first = {name: index for index, name in reversed(list(enumerate(patches.names)))}
    chosen = sorted(first.values())
    pictures = patches.images[chosen].astype(np.float32)
    detail = pictures - gaussian_filter(pictures, (0.0, _SURROUND_PX, _SURROUND_PX))
    pairs = near_duplicates(detail, correlation=_SAME_PICTURE)
    return replace(patches, groups=merged_groups(patches.groups, [(chosen[i], chosen[j]) for i, j in pairs]))
