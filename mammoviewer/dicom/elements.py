"""Element values of a DICOM data set as plain Python values; what is absent or malformed reads as empty."""

from __future__ import annotations

import math
from collections.abc import MutableSequence, Sequence
from typing import Any, TypeAlias

from mammoviewer.dicom.library import parse_errors

Dataset: TypeAlias = Any
"""A ``pydicom.Dataset``; the library brings no types the checker could use."""


def value(dataset: Dataset, keyword: str) -> Any:
    """Return the raw value of an element, or None when it is absent or cannot be converted."""
    try:
        return dataset.get(keyword)
    except parse_errors():
        return None  # a malformed element counts as absent; the reader says what is missed where it matters


def values(dataset: Dataset, keyword: str) -> list[Any]:
    """Return the values of an element as a list, empty when it is absent."""
    found = value(dataset, keyword)
    if found is None:
        return []
    # a person name can be iterated too, but is one value
    return list(found) if isinstance(found, (MutableSequence, tuple)) else [found]


def text(dataset: Dataset, keyword: str) -> str:
    """Return the first value as stripped text without control characters, empty when absent."""
    found = texts(dataset, keyword)
    return found[0] if found else ""


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Return all values as stripped text."""
    return tuple(_clean(item) for item in values(dataset, keyword))


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return the first value as a finite number, None when it is absent or not a number."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def numbers(dataset: Dataset, keyword: str) -> list[float | None]:
    """Return all values as finite numbers, None in the place of what is not a number."""
    return [_finite(item) for item in values(dataset, keyword)]


def integer(dataset: Dataset, keyword: str) -> int | None:
    """Return the first value as a whole number, None when it is absent or not a number."""
    found = number(dataset, keyword)
    return None if found is None else round(found)


def sequence(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence, empty when it is absent or not a sequence."""
    return [item for item in values(dataset, keyword) if hasattr(item, "get")]


def first_item(datasets: Sequence[Dataset], keyword: str) -> Dataset | None:
    """Return the first item of the first of ``datasets`` in which the sequence has one."""
    for dataset in datasets:
        items = sequence(dataset, keyword)
        if items:
            return items[0]
    return None


def _clean(item: Any) -> str:
    if item is None:
        return ""
    if isinstance(item, bytes):
        item = item.decode("latin-1")
    return "".join(character for character in str(item) if character.isprintable()).strip()


def _finite(item: Any) -> float | None:
    if isinstance(item, bytes):
        item = item.decode("latin-1")
    try:
        found = float(str(item).strip("\0 "))
    except (ValueError, TypeError, OverflowError):
        return None
    return found if math.isfinite(found) else None
