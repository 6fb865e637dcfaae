"""Where the cells of a feature map lie in the image: without padding they look at less of it than its whole.

The window, the command line and the reports of trainings take it from here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.inference.graph_places import Axes, places_in
from mammoviewer.inference.heatmap import interpolated
from mammoviewer.inference.manifest import read_verified
from mammoviewer.inference.onnx_parts import parsed_model
from mammoviewer.inference.onnx_session import OnnxModel

_known: WeakKeyDictionary[OnnxModel, Axes | None] = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True)
class FeaturePlaces:
    """The places of a feature map in an image of ``size`` model pixels.

    ``first`` (row, column) is the centre of cell (0, 0), ``step`` the distance from cell to cell, in model pixels.
    """

    first: tuple[float, float]
    step: tuple[float, float]
    size: tuple[int, int]

    def framed(self, values: FloatArray) -> tuple[FloatArray, FeaturePlaces]:
        """Return a map (rows, columns) and its places, with a frame of zeros where its cells do not reach the edge.

        What lies farther out than a cell has a part in the cell that sees it, but is not what the cell speaks of: the
        evidence fades out.
        """
        margins = []
        for first, step, side, cells in zip(self.first, self.step, self.size, values.shape, strict=True):
            last = first + (cells - 1) * step
            margins.append((int(first > step), int(side - 1 - last > step)))
        if not any(any(pair) for pair in margins):
            return values, self
        (above, _), (left, _) = margins
        origin = (self.first[0] - above * self.step[0], self.first[1] - left * self.step[1])
        return np.pad(values, margins), FeaturePlaces(origin, self.step, self.size)

    def spread(self, values: FloatArray, shape: tuple[int, int]) -> FloatArray:
        """Return a map (rows, columns) over the whole image as float32 of ``shape``, linear between the centres."""
        framed, places = self.framed(values)
        axes = [
            ((np.arange(count) + 0.5) * side / count - 0.5 - first) / step
            for count, side, first, step in zip(shape, self.size, places.first, self.step, strict=True)
        ]
        return interpolated(framed, axes[0], axes[1])


def feature_places(model: OnnxModel, size: tuple[int, int], cells: tuple[int, int]) -> FeaturePlaces:
    """Return where the ``cells`` (rows, columns) of a model's feature map lie in an image of ``size``.

    Where its graph does not tell, they are taken to part the image evenly.
    """
    with _lock:
        if model not in _known:
            names = model.manifest.input.name, model.manifest.outputs.features
            _known[model] = places_in(parsed_model(read_verified(model.manifest, "model")).graph, *names)
        axes = _known[model]
    return placed(axes, size, cells)


def placed(axes: Axes | None, size: tuple[int, int], cells: tuple[int, int]) -> FeaturePlaces:
    """Return where ``cells`` (rows, columns) lie in an image of ``size`` by what its graph tells of both axes."""
    if axes is None or not all(_inside(*axis, *sides) for axis, *sides in zip(axes, size, cells, strict=True)):
        return even_places(size, cells)
    (first_row, row_step), (first_column, column_step) = axes
    return FeaturePlaces((first_row, first_column), (row_step, column_step), size)


def even_places(size: tuple[int, int], cells: tuple[int, int]) -> FeaturePlaces:
    """Return the places of ``cells`` (rows, columns) that part an image of ``size`` evenly."""
    step = (size[0] / cells[0], size[1] / cells[1])
    return FeaturePlaces(((step[0] - 1) / 2, (step[1] - 1) / 2), step, size)


def _inside(first: float, step: float, side: int, cells: int) -> bool:
    return first > -step and first + (cells - 1) * step < side - 1 + step
