"""Tensors of a safetensors file, the form in which timm's weights are handed out.

Eight bytes, little-endian, say how long the header is; the header is JSON that tells of each tensor its type, shape and
place among the bytes that follow (github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SAFETENSORS = ".safetensors"
_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 100_000_000
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, in the order of their bytes, floating ones as float32.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is no such file, or is damaged.
    """
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + length
    if len(data) < _LENGTH_BYTES or length > _MOST_HEADER_BYTES or start > len(data):
        raise ValueError("the header does not fit into the file")
    header = json.loads(data[_LENGTH_BYTES:start].decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("the header is no list of tensors")
    header.pop("__metadata__", None)
    found = {name: _tensor(entry, data, start) for name, entry in header.items()}
    return dict(sorted(found.items(), key=lambda item: header[item[0]]["data_offsets"]))


def _tensor(entry: Any, data: bytearray, start: int) -> Tensor:
    try:
        kind, shape = _TYPES[entry["dtype"]], _whole_numbers(entry["shape"])
        first, last = _whole_numbers(entry["data_offsets"])
    except (KeyError, TypeError) as error:
        raise ValueError("a tensor is not described as it should be") from error
    bytes_wanted = math.prod(shape) * kind.itemsize
    if min((first, *shape), default=0) < 0 or last - first != bytes_wanted or start + last > len(data):
        raise ValueError("a tensor lies outside the file")
    if not bytes_wanted:
        return torch.zeros(shape, dtype=kind)
    values = torch.frombuffer(data, dtype=kind, count=math.prod(shape), offset=start + first).reshape(shape).clone()
    return values.float() if kind.is_floating_point else values


def _whole_numbers(values: Any) -> list[int]:
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise TypeError("no list of whole numbers")
    return values
