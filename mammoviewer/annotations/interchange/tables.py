"""Reading and writing of CSV files with a header, strictly enough that a wrong file is told and not guessed at."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mammoviewer.base.errors import AnnotationError, ExportError
from mammoviewer.base.paths import write_text_atomically

_LARGEST_FILE = 200 << 20


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as CSV (RFC 4180, UTF-8).

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\r\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    try:
        write_text_atomically(path, text.getvalue())
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", path=path) from error


def read_table(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return the names of the columns and the rows.

    Raises
    ------
    AnnotationError
        If the file cannot be read or is no table.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise AnnotationError("the file is too large to be a table of findings", path=path)
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
        rows = [{str(key): str(value) for key, value in row.items() if key is not None} for row in reader]
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}", path=path) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise AnnotationError(f"is no CSV file: {error}", path=path) from error
    return tuple(reader.fieldnames or ()), rows


def number(row: Mapping[str, str], column: str, line: int, path: Path) -> float:
    """Return a number of a row; ``line`` is that of the file.

    Raises
    ------
    AnnotationError
        If it is none; the text names the place.
    """
    try:
        value = float(row[column])
    except (KeyError, ValueError):
        raise AnnotationError(f"line {line}: {column} is no number", path=path) from None
    if not abs(value) < 1e9:
        raise AnnotationError(f"line {line}: {column} is no number of sensible size", path=path)
    return value


def require_columns(columns: Sequence[str], wanted: Sequence[str], path: Path) -> None:
    """Raise an AnnotationError unless all columns are there."""
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise AnnotationError(f"the table lacks the column {missing[0]}", path=path)
