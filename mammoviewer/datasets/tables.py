"""The CSV tables of data sets: columns by name, whatever their case and the spaces around them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from mammoviewer.base.errors import InputError

_LARGEST_FILE = 500 << 20


def read_rows(path: Path, columns: Sequence[str], *, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a table as texts without spaces around them, by column name in lower case.

    Parameters
    ----------
    columns
        Those that must be there, in lower case.

    Raises
    ------
    InputError
        The file cannot be read, is no table, or lacks a column.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError("the file is too large to be a table of images", path=path)
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle, delimiter=delimiter, restval="")
            rows = [_row(row) for row in reader]
            names = {(name or "").strip().lower() for name in reader.fieldnames or ()}
    except OSError as error:
        raise InputError("the table cannot be read", hint=error.strerror or "", path=path) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"is no CSV file: {error}", path=path) from error
    lacking = [name for name in columns if name not in names]
    if lacking:
        hint = f"the table of this data set has the columns {', '.join(columns)}"
        raise InputError(f"the table has no column {lacking[0]!r}", hint=hint, path=path)
    return rows


def inside(root: Path, *parts: str) -> Path | None:
    """Return the path below ``root``, or ``None`` when a name of the table leads out of it or is none."""
    try:
        path = root.joinpath(*parts)
        return path if all(parts) and path.resolve().is_relative_to(root.resolve()) else None
    except (OSError, ValueError):
        return None


def side(text: str) -> str:
    """Return "L" or "R" of what a table calls a side; empty for anything else."""
    first = text.strip()[:1].upper()
    return first if first in ("L", "R") else ""


def density(text: str) -> str:
    """Return the BI-RADS density "A" to "D" of a letter, or of a number from 1 to 4; empty for anything else."""
    last = text.strip().upper()[-1:]
    return {"1": "A", "2": "B", "3": "C", "4": "D"}.get(last, last if last in ("A", "B", "C", "D") else "")


def _row(row: dict[str | None, str | None]) -> dict[str, str]:
    return {(key or "").strip().lower(): value.strip() for key, value in row.items() if isinstance(value, str)}
