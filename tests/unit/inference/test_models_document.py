"""The document of models names what the tables of the program hold."""

from pathlib import Path

import pytest

from mammoviewer.imaging.preparation_plugins import GROUP
from mammoviewer.imaging.preparation_steps import STEPS
from mammoviewer.inference.foreign import TEMPLATES
from mammoviewer.inference.manifest import CAM_METHODS, TASKS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("step", STEPS)
def test_every_step_and_parameter_is_described(step):
    (line,) = [line for line in DOCUMENT.splitlines() if line.startswith("| `") and f"`{step}`" in line.split("|")[1]]
    for name in STEPS[step].parameters:
        assert f"`{name}`" in line


@pytest.mark.parametrize("name", [*TEMPLATES, *TASKS])
def test_templates_and_tasks_are_named(name):
    assert f"`{name}`" in DOCUMENT


def test_methods_and_the_entry_point_are_named():
    assert all(method in DOCUMENT for method in CAM_METHODS)
    assert GROUP in DOCUMENT
