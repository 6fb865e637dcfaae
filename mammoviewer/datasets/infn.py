"""The microcalcification teaching set of INFN: 60x60 8-bit patches of digitised films at 85 um per pixel.

The folder holds ``0/`` (normal tissue), ``1/`` (microcalcification cluster) and ``patches.csv`` with the columns
file, label, case. The set has no stated licence: research use, not to be redistributed.
"""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import InputError
from mammoviewer.datasets.patch_set import PatchSet

CLASSES = ("normal", "microcalcification")
PIXEL_SIZE_MM = 0.085
PATCH_SHAPE = (60, 60)


def load_infn(directory: Path) -> PatchSet:
    """Read the set.

    Returns
    -------
    PatchSet
        uint8 patches (n, 60, 60), labels 0 and 1, groups = case numbers, names = file names.

    Raises
    ------
    InputError
        ``patches.csv`` or a patch is missing, leads out of the folder or is not a 60x60 8-bit picture.
    """
    rows = load_infn_table(directory)
    images = np.stack([_read_patch(directory, name) for name, _, _ in rows])
    names, labels, cases = zip(*rows, strict=True)
    return PatchSet(images, labels, cases, names, CLASSES)


def load_infn_table(directory: Path) -> list[tuple[str, int, str]]:
    """Return the rows (file, label 0 or 1, case) of ``patches.csv``.

    Raises
    ------
    InputError
        The table cannot be read, or a row is none.
    """
    table = directory / "patches.csv"
    try:
        with table.open(newline="", encoding="utf-8") as handle:
            rows = [(row["file"], int(row["label"]), row["case"]) for row in csv.DictReader(handle)]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("patches.csv cannot be read", path=table) from error
    except (KeyError, ValueError, TypeError) as error:
        raise InputError("patches.csv needs the columns file, label (0 or 1) and case", path=table) from error
    if not rows or any(label not in (0, 1) for _, label, _ in rows):
        raise InputError("patches.csv needs rows with label 0 or 1", path=table)
    return rows


def _read_patch(directory: Path, name: str) -> ByteArray:
    path = directory / name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise InputError("the name of a patch leads out of the folder", path=path)
    try:
        encoded = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise InputError("a patch named in patches.csv cannot be read", path=path) from error
    patch = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if patch is None or patch.shape != PATCH_SHAPE or patch.dtype != np.uint8:
        raise InputError("not a 60x60 8-bit grey picture", path=path)
    result: ByteArray = patch
    return result
