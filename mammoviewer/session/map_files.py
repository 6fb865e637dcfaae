"""An explanation as files: picture, array, table, DICOM segmentation."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.annotations.interchange.tables import write_table
from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import write_bytes_atomically
from mammoviewer.dicom.image import Image
from mammoviewer.inference.heatmap import Heatmap

MAP_COLUMNS = ("row", "column", "value")


def write_map_npy(path: Path, overlay: Heatmap) -> None:
    """Write a map as a NumPy array float32 of the size of the image, NaN where nothing is known.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    stream = io.BytesIO()
    np.save(stream, overlay.resampled(), allow_pickle=False)
    try:
        write_bytes_atomically(path, stream.getvalue())
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", path=path) from error


def write_map_csv(path: Path, overlay: Heatmap) -> None:
    """Write the known cells of a map, as they were made: stored row and column of the centre, and the value.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    rows, columns = np.nonzero(np.isfinite(overlay.values))
    places = overlay.cell_centres(rows, columns)
    values = overlay.values[rows, columns].tolist()
    lines = [
        {"row": f"{place[0]:.2f}", "column": f"{place[1]:.2f}", "value": f"{value:.6g}"}
        for place, value in zip(places.tolist(), values, strict=True)
    ]
    write_table(path, MAP_COLUMNS, lines)


def write_map_seg(path: Path, overlay: Heatmap, image: Image) -> None:
    """Write a map as a fractional DICOM segmentation of its frame.

    Raises
    ------
    ExportError
        The image is no DICOM mammogram or volume, the map is empty, or the file cannot be written.
    """
    method = overlay.mode.removeprefix("cam:")
    named = f"{overlay.class_name}, {method}" if overlay.mode.startswith("cam:") else overlay.class_name
    frames = {overlay.frame: overlay.resampled()}
    write_heatmap_seg(path, frames, image, model_name=overlay.model, class_name=named)


ARRAYS: dict[str, Callable[[Path, Heatmap], None]] = {"npy": write_map_npy, "csv": write_map_csv}
"""Forms that need the map alone, by their endings."""
