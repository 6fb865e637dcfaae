"""Names for the array types that cross room borders. Arrays are (frame, row, column); points are (row, column)."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
DoubleArray: TypeAlias = NDArray[np.float64]
ByteArray: TypeAlias = NDArray[np.uint8]
WordArray: TypeAlias = NDArray[np.uint16]
BoolArray: TypeAlias = NDArray[np.bool_]
StoredArray: TypeAlias = NDArray[Any]
"""Stored pixel values as decoded: any integer dtype, shape (rows, columns)."""
