from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.recipe_files import RecipeParameter, load_recipe, read_recipe, recipe_names

DOCUMENT: dict[str, Any] = {
    "schema_version": 1,
    "name": "soup",
    "title": "Soup",
    "description": "Hot.",
    "source": "S9",
    "data": ["kitchen"],
    "parameters": [
        {"name": "rate", "type": "float", "default": 0.5, "minimum": 0, "maximum": 1, "help": "r", "group": "g"},
        {"name": "salt", "type": "bool", "default": False},
        {"name": "pot", "type": "choice", "default": "big", "choices": ["big", "small"]},
        {"name": "cook", "type": "text", "default": ""},
        {"name": "hours", "type": "int", "default": 3, "minimum": 1},
    ],
}


def write(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "soup.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_of_the_program_reads_and_explains_its_settings(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.description
    assert recipe.data
    assert all(parameter.help and parameter.group for parameter in recipe.parameters)


def test_defaults_are_filled_in_and_texts_are_read(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, DOCUMENT))
    assert recipe.settings({}) == {"rate": 0.5, "salt": False, "pot": "big", "cook": "", "hours": 3}
    given = {"rate": "1", "salt": "yes", "pot": "small", "cook": "12", "hours": "4"}
    assert recipe.settings(given) == {"rate": 1.0, "salt": True, "pot": "small", "cook": "12", "hours": 4}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 1.5),
        ("rate", "nan"),
        ("rate", True),
        ("salt", "maybe"),
        ("salt", 2),
        ("pot", "medium"),
        ("hours", 0),
        ("hours", 1.5),
        ("hours", "many"),
        ("pepper", 1),
    ],
)
def test_what_a_recipe_does_not_take_is_refused(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(TrainingError, match=name):
        read_recipe(write(tmp_path, DOCUMENT)).settings({name: value})


def test_the_error_names_the_settings_there_are(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        read_recipe(write(tmp_path, DOCUMENT)).settings({"pepper": 1})
    assert caught.value.hint == "its settings: rate, salt, pot, cook, hours, seed, threads"


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"name": "stew"},
        {"colour": "red"},
        {"parameters": [{"name": "rate", "type": "float", "default": 2, "maximum": 1}]},
        {"parameters": [{"name": "pot", "type": "choice", "default": "big"}]},
        {"parameters": [{"name": "rate", "type": "speed", "default": 2}]},
        {"parameters": [{"name": "rate", "type": "int", "default": 2, "unit": "s"}]},
        {"parameters": [{"name": "a", "type": "int", "default": 2}] * 2},
        {"parameters": None},
    ],
)
def test_files_that_are_no_recipes_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(TrainingError):
        read_recipe(write(tmp_path, {**DOCUMENT, **changes}))


def test_unknown_recipes_are_told_with_those_there_are() -> None:
    with pytest.raises(TrainingError, match="no recipe 'soup'") as caught:
        load_recipe("soup")
    assert "microcalc-hypermodel" in caught.value.hint


def test_ranges_are_told_in_words() -> None:
    assert RecipeParameter("x", "int", 1, minimum=1).expected == "a whole number from 1"
    assert RecipeParameter("x", "float", 1.0, 0, 1).expected == "a number from 0 to 1"
    assert RecipeParameter("x", "bool", True).expected == "true or false"


def test_reading_recipes_leaves_torch_alone() -> None:
    program = "import sys; from mammoviewer.training.recipe_files import load_recipe; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
