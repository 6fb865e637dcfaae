"""Reading of untrusted JSON objects field by field, with errors that name the field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

from mammoviewer.base.errors import ModelError

MAX_JSON_BYTES = 1_000_000
_MAX_TEXT = 20_000


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not allowed")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def read_json_object(path: Path) -> dict[str, object]:
    """Return the JSON object of a file of at most ``MAX_JSON_BYTES``.

    Raises
    ------
    ModelError
        The file cannot be read, is too large, is not strict JSON, or is not an object.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelError("the file is too large to be a manifest", path=path)
        text = path.read_text(encoding="utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or 'unknown error'}", path=path) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"is not valid JSON: {error}", path=path) from error
    if not isinstance(value, dict):
        raise ModelError("is not a JSON object", path=path)
    return value


class Fields:
    """One JSON object. Every getter raises :class:`ModelError` with the full name of the field it dislikes.

    :meth:`finish` refuses keys that nobody asked for, so that a typing error is not silently ignored.
    """

    def __init__(self, values: Mapping[str, object], where: str = "") -> None:
        self._values = values
        self._where = where
        self._asked: set[str] = set()

    def name_of(self, key: str) -> str:
        """Return the dotted name of a field."""
        return f"{self._where}.{key}" if self._where else key

    def _get(self, key: str) -> object:
        self._asked.add(key)
        return self._values.get(key)

    def wrong(self, key: str, expected: str) -> ModelError:
        """Return the error that says what ``key`` must be."""
        state = "is missing" if key not in self._values else "is not valid"
        return ModelError(f"{self.name_of(key)} {state}: it must be {expected}")

    def has(self, key: str) -> bool:
        """Return whether ``key`` is there and not null."""
        return self._get(key) is not None

    def text(
        self, key: str, *, pattern: str | None = None, expected: str = "a text", default: str | None = None
    ) -> str:
        """Return a text that matches ``pattern`` from end to end."""
        value = self._get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise self.wrong(key, expected)
        if pattern is not None and re.fullmatch(pattern, value) is None:
            raise self.wrong(key, expected)
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Return one of ``choices``."""
        expected = "one of " + ", ".join(choices)
        value = self.text(key, expected=expected, default=default)
        if value not in choices:
            raise self.wrong(key, expected)
        return value

    def integer(self, key: str, minimum: int, maximum: int) -> int:
        """Return a whole number in ``minimum`` .. ``maximum``."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise self.wrong(key, f"a whole number from {minimum} to {maximum}")
        return value

    def number(self, key: str, minimum: float, maximum: float, default: float | None = None) -> float:
        """Return a finite number in ``minimum`` .. ``maximum``."""
        value = self._get(key)
        if value is None and default is not None:
            return default
        if not is_number(value) or not minimum <= value <= maximum:
            raise self.wrong(key, f"a number from {minimum:g} to {maximum:g}")
        return float(value)

    def texts(self, key: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, list) or not all(isinstance(item, str) and len(item) <= _MAX_TEXT for item in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)

    def array(self, key: str, *, default: tuple[object, ...] | None = None) -> tuple[object, ...]:
        """Return a list of anything."""
        value = self._get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return tuple(value)

    def mapping(self, key: str, *, optional: bool = False) -> dict[str, object]:
        """Return an object as it stands; an empty one when it is ``optional`` and absent."""
        value = self._get(key)
        if value is None and optional:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return value

    def inner(self, key: str) -> Fields:
        """Return the fields of an object inside this one."""
        return Fields(self.mapping(key), self.name_of(key))

    def finish(self) -> None:
        """Refuse keys that are not part of the schema."""
        unknown = sorted(set(self._values) - self._asked)
        if unknown:
            raise ModelError(f"{self.name_of(unknown[0])} is not a field of this schema")


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a JSON value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
