"""Every command of docs/methods.md is one that the program takes: recipes, settings with values in range, options."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path

import pytest

from mammoviewer.training.recipe_files import load_recipe, recipe_names

DOCUMENT = Path(__file__).parents[3] / "docs" / "methods.md"
COMMANDS = sorted(set(re.findall(r"`mammoviewer (\w+ [^`]*--[^`]+)`", DOCUMENT.read_text(encoding="utf-8"))))


def test_there_are_commands_for_every_recipe() -> None:
    text = "\n".join(COMMANDS)
    others = ("microcalc-hypermodel",)
    assert [name for name in recipe_names() if name not in others and f"--recipe {name} " not in text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_is_one_that_the_program_takes(command: str) -> None:
    words = command.split()
    parser = argparse.ArgumentParser()
    importlib.import_module(f"mammoviewer.cli.{words[0]}").add_parser(parser.add_subparsers())
    arguments = parser.parse_args([recipe_names()[0] if word == "NAME" else word for word in words])
    assert arguments.model if words[0] != "train" else arguments.recipe in recipe_names()
    if words[0] == "train":
        given = dict(pair.split("=", 1) for pair in arguments.set)
        assert set(given) <= set(load_recipe(arguments.recipe).settings(given))
