"""Recipes as data: what can be trained, on what, and with which parameters. No torch here.

A recipe is a file ``resources/recipes/NAME.json``; how it is carried out is in ``training/recipe_NAME.py``. The command
line and the training panel show the parameters of the file with their ranges, and both check values by it.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mammoviewer.base.errors import TrainingError
from mammoviewer.base.paths import resources_dir

SCHEMA_VERSION = 1
TYPES = ("int", "float", "text", "bool", "choice")
Value: TypeAlias = str | int | float | bool

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class RecipeParameter:
    """One setting of a recipe.

    Attributes
    ----------
    name, kind
        The name that ``--set`` takes; one of :data:`TYPES`.
    default
        Its value where none is given.
    minimum, maximum
        Of numbers, both allowed; ``None`` means without limit.
    choices
        The values of a "choice".
    help, group
        One sentence, and the heading it stands under in the panel.
    """

    name: str
    kind: str
    default: Value
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    group: str = ""

    @property
    def expected(self) -> str:
        """Return what a value has to be, in words."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "bool":
            return "true or false"
        if self.kind == "text":
            return "a text"
        noun = "a whole number" if self.kind == "int" else "a number"
        limits = (("from", self.minimum), ("to", self.maximum))
        return " ".join([noun, *(f"{word} {limit:g}" for word, limit in limits if limit is not None)])

    def checked(self, value: object) -> Value:
        """Return ``value`` as the parameter's type; texts of a command line are read as numbers and truth values.

        Raises
        ------
        TrainingError
            The value is of another type or out of range.
        """
        read = self._read(value)
        if read is None:
            raise TrainingError(f"the setting {self.name} is {self.expected}, not {str(value)[:40]!r}")
        return read

    def _read(self, value: object) -> Value | None:
        if self.kind == "bool":
            if isinstance(value, str):
                return _WORDS.get(value.casefold())
            return bool(value) if isinstance(value, bool) or value in (0, 1) else None
        if self.kind in ("text", "choice"):
            text = str(value)
            return text if self.kind == "text" or text in self.choices else None
        number = _as_number(value)
        if number is None or not self._in_range(number) or (self.kind == "int" and not number.is_integer()):
            return None
        return int(number) if self.kind == "int" else number

    def _in_range(self, number: float) -> bool:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return low <= number <= high


@dataclass(frozen=True)
class Recipe:
    """A recipe as its file describes it; ``data`` are the layouts of data sets that it takes."""

    name: str
    title: str
    description: str
    source: str
    data: tuple[str, ...]
    parameters: tuple[RecipeParameter, ...]

    def parameter(self, name: str) -> RecipeParameter:
        """Return the parameter of that name.

        Raises
        ------
        TrainingError
            There is none; the hint names those there are.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join((*(parameter.name for parameter in self.parameters), "seed", "threads"))
        raise TrainingError(f"the recipe has no setting {name!r}", hint=f"its settings: {known}")

    def settings(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Return every parameter's value: those given, checked, and the defaults of all others.

        Raises
        ------
        TrainingError
            A name is not known, or a value is of another type or out of range.
        """
        given = {name: self.parameter(name).checked(value) for name, value in values.items()}
        return {parameter.name: given.get(parameter.name, parameter.default) for parameter in self.parameters}


@functools.cache
def recipe_names() -> tuple[str, ...]:
    """Return the names of all recipes in alphabetical order."""
    return tuple(sorted(path.stem for path in _folder().glob("*.json")))


@functools.cache
def load_recipe(name: str) -> Recipe:
    """Return a recipe by name.

    Raises
    ------
    TrainingError
        There is no such recipe, or its file is not a valid one.
    """
    if name not in recipe_names():
        raise TrainingError(f"there is no recipe {name!r}", hint="recipes: " + ", ".join(recipe_names()))
    return read_recipe(_folder() / f"{name}.json")


def read_recipe(path: Path) -> Recipe:
    """Read and check one file.

    Raises
    ------
    TrainingError
        Naming what is wrong.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            raise TrainingError(f"the recipe is not of schema version {SCHEMA_VERSION}", path=path)
        keys = ("name", "title", "description", "source")
        texts = {key: str(document[key]) for key in keys}
        parameters = tuple(_parameter(entry, path) for entry in document["parameters"])
        unknown = set(document) - {*keys, "schema_version", "data", "parameters"}
        recipe = Recipe(**texts, data=tuple(document["data"]), parameters=parameters)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError("the recipe is not a valid file", hint=str(error)[:200], path=path) from error
    names = [parameter.name for parameter in parameters]
    if unknown or recipe.name != path.stem or len(set(names)) != len(names):
        raise TrainingError("the recipe has unknown fields, another name than its file, or a name twice", path=path)
    return recipe


def _parameter(entry: Mapping[str, Any], path: Path) -> RecipeParameter:
    fields = dict(entry)
    kind = fields.pop("type")
    choices = tuple(fields.pop("choices", ()))
    if kind not in TYPES or (kind == "choice") != bool(choices):
        raise TrainingError(f"the parameter {fields.get('name')} has no valid type", path=path)
    parameter = RecipeParameter(kind=kind, choices=choices, **fields)
    # a default out of its own range would be refused only when somebody gives it
    parameter.checked(parameter.default)
    return parameter


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _folder() -> Path:
    return resources_dir() / "recipes"
