"""Declaring one setting and checking a value against its declaration."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from mammoviewer.base.errors import SettingsError

_LONGEST_TEXT = 4096


def option(
    default: Any,
    description: str,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    choices: tuple[str, ...] = (),
    internal: bool = False,
) -> Any:
    """Declare a setting as a dataclass field.

    Parameters
    ----------
    default
        Its default; its type is the type of the setting.
    description
        What it does, as shown to the user.
    minimum, maximum
        Bounds of a number, inclusive.
    choices
        The texts that are allowed; empty for any.
    internal
        Kept by the program, not offered for editing.
    """
    metadata = {
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "internal": internal,
    }
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def checked(declaration: dataclasses.Field[Any], value: object, prefix: str = "") -> Any:
    """Return ``value`` as the type of its declaration (a JSON list as a tuple, a whole number as a float).

    Raises
    ------
    SettingsError
        If it does not fit; the text names the setting.
    """
    name = f"{prefix}{declaration.name}"
    default = declaration.default if declaration.default is not dataclasses.MISSING else {}
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise SettingsError(f"{name} must be true or false")
    if isinstance(default, int | float):
        return _number(declaration, default, value, name)
    if isinstance(default, str):
        return _text(declaration, value, name)
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(map(_is_text, value)):
            return tuple(value)
        raise SettingsError(f"{name} must be a list of texts")
    if isinstance(value, Mapping) and all(_is_text(text) for pair in value.items() for text in pair):
        return dict(value)
    raise SettingsError(f"{name} must map texts to texts")


def _number(declaration: dataclasses.Field[Any], default: float, value: object, name: str) -> float:
    low, high = declaration.metadata["minimum"], declaration.metadata["maximum"]
    kinds = (int,) if isinstance(default, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise SettingsError(f"{name} must be {kind} from {low:g} to {high:g}")
    return type(default)(value)


def _text(declaration: dataclasses.Field[Any], value: object, name: str) -> str:
    choices = declaration.metadata["choices"]
    if not _is_text(value) or (choices and value not in choices):
        wanted = f"one of {', '.join(choices)}" if choices else "a text"
        raise SettingsError(f"{name} must be {wanted}")
    return str(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT
