"""The microcalcification patches as both recipes take them: prepared, free of duplicates, split by case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoviewer.base.arrays import FloatArray
from mammoviewer.datasets.infn import load_infn
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import (
    Fold,
    IndexArray,
    Split,
    grouped_folds,
    merged_groups,
    near_duplicates,
    project_split,
)
from mammoviewer.imaging.wavelet import wavelet_filter
from mammoviewer.training.loop import Labelled
from mammoviewer.training.metrics import Truth

KINDS = ("MAMMOGRAM", "TOMO", "SYNTHETIC_2D", "SECONDARY", "RASTER")
DATA = {
    "name": "INFN microcalcification patches (Pisa)",
    "terms": "teaching set without a stated licence: research use, not redistributed here",
}
HIGHEST_ADVISED_Q = 2.0
_GREY = 255.0
_FILTERED_ZERO = 0.5


@dataclass(frozen=True)
class WaveletOption:
    """The filter of S1: ``family`` "sym3", "haar" or "none"; what lies below ``q`` standard deviations is dropped."""

    family: str = "none"
    levels: int = 3
    q: float = 1.5

    @property
    def warning(self) -> str:
        """Return what to say about the threshold; empty when it is as advised."""
        if self.family == "none" or self.q <= HIGHEST_ADVISED_Q:
            return ""
        return f"a wavelet threshold above {HIGHEST_ADVISED_Q:g} standard deviations drops much of the specks as well"

    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Return the preparation chain of an image; what :meth:`filtered` does to patches is part of it."""
        chain: list[Mapping[str, Any]] = [
            {"op": "voi", "window": "default"},
            {"op": "resample_pixel_size"},
            # 2 mm: past the skin line, whose cut would be saw teeth, and past the frame that a scanner leaves.
            {"op": "fill_air", "margin": 24, "image_edge": True},
        ]
        if self.family == "none":
            return (*chain, {"op": "scale", "divide_by": _GREY})
        wavelet = {"op": "wavelet", "wavelet": self.family, "levels": self.levels, "q": self.q}
        return (*chain, wavelet, {"op": "scale", "divide_by": _GREY, "add": _FILTERED_ZERO})

    def filtered(self, images: FloatArray) -> FloatArray:
        """Return patches (n, rows, columns) of grey values 0..255 as the networks see them, in [0, 1]."""
        if self.family == "none":
            return images / np.float32(_GREY)
        kept = [wavelet_filter(one, wavelet=self.family, levels=self.levels, q=self.q) for one in images]
        shown: FloatArray = np.clip(np.stack(kept) / np.float32(_GREY) + np.float32(_FILTERED_ZERO), 0.0, 1.0)
        return shown


@dataclass(frozen=True, eq=False)
class MicrocalcData:
    """All patches, and which of them may be learnt from.

    Attributes
    ----------
    patches, tensors
        As read; and prepared, float32 (n, 1, 60, 60) in [0, 1] with labels.
    groups
        Cases, those that share a near-duplicate joined.
    duplicates
        Number of pairs of near-duplicates.
    split
        The fixed split by group; nothing is chosen on its test part.
    development, test
        Indices of the patches of the two parts.
    """

    patches: PatchSet
    tensors: Labelled
    groups: tuple[str, ...]
    duplicates: int
    split: Split
    development: IndexArray
    test: IndexArray

    @property
    def truth(self) -> Truth:
        """Return the labels as int64 (n,)."""
        return np.asarray(self.patches.labels, dtype=np.int64)

    def part(self, indices: IndexArray) -> Labelled:
        """Return the prepared patches of these indices."""
        return self.tensors.subset(torch.from_numpy(indices))

    def groups_of(self, indices: IndexArray) -> tuple[str, ...]:
        """Return the groups of these patches."""
        return tuple(self.groups[i] for i in indices.tolist())

    def folds(self, indices: IndexArray, count: int, seed: int) -> tuple[Fold, ...]:
        """Return grouped folds of some of the patches; their indices are those of the whole set."""
        labels = [self.patches.labels[i] for i in indices.tolist()]
        made = grouped_folds(labels, self.groups_of(indices), count, seed)
        return tuple(Fold(indices[fold.train], indices[fold.test]) for fold in made)


def read_microcalc_data(directory: Path, wavelet: WaveletOption) -> MicrocalcData:
    """Read a folder in the layout of the INFN set."""
    patches = load_infn(directory)
    pairs = near_duplicates(patches.images)
    groups = merged_groups(patches.groups, pairs)
    split = project_split("infn", groups, [patches.classes[label] for label in patches.labels])
    kept_aside = np.isin(groups, split.test)
    pictures = torch.from_numpy(wavelet.filtered(patches.images.astype(np.float32)))[:, None]
    return MicrocalcData(
        patches=patches,
        tensors=Labelled(pictures, torch.tensor(patches.labels)),
        groups=groups,
        duplicates=len(pairs),
        split=split,
        development=np.flatnonzero(~kept_aside),
        test=np.flatnonzero(kept_aside),
    )
