"""Plugins are code of others: off by default, and never trusted with the shape of what they return."""

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging import preparation_plugins
from mammoviewer.imaging.preparation import prepare_pixels
from mammoviewer.imaging.preparation_plugins import allow_plugins, plugin_names, plugins_allowed
from mammoviewer.imaging.preparation_steps import check_steps

PACKAGE = """
import numpy as np

def invert(values, mask):
    values[:, ~mask] = 0
    return 255 - values

def cut(values, mask):
    return values[:, :-1]

def broken(values, mask):
    raise KeyError("no key")

def empty(values, mask):
    return values * np.nan
"""
POINTS = "[mammoviewer.preprocessors]\n" + "".join(
    f"{name} = lab_steps:{name}\n" for name in ("invert", "cut", "broken", "empty", "gone")
)


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    (tmp_path / "lab_steps.py").write_text(PACKAGE)
    facts = tmp_path / "lab_steps-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-steps\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    allow_plugins(False)


def prepared(name, stored=None):
    stored = np.arange(64, dtype=np.uint16).reshape(8, 8) if stored is None else stored
    return prepare_pixels(stored, steps=[{"op": "plugin", "name": name}], region="all").values


def test_plugins_are_off_until_they_are_switched_on():
    assert not plugins_allowed()
    with pytest.raises(ArgumentError, match="switched off") as caught:
        prepared("invert")
    assert "plugins" in caught.value.hint
    allow_plugins(True)
    np.testing.assert_array_equal(prepared("invert")[0], 255 - np.arange(64).reshape(8, 8))


def test_names_are_listed_without_loading_anything():
    assert {"invert", "gone"} <= set(plugin_names())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cut", "shape"),
        ("empty", "finite"),
        ("broken", "KeyError"),
        ("gone", "AttributeError"),
        ("other", "no installed package"),
    ],
)
def test_a_plugin_that_fails_is_told_readably(name, said):
    allow_plugins(True)
    with pytest.raises(ArgumentError, match=said):
        prepared(name)


def test_a_plugin_cannot_change_what_it_was_given():
    allow_plugins(True)
    stored = np.full((8, 8), 9, dtype=np.uint16)
    work = prepared("invert", stored)
    assert (stored == 9).all()
    assert (work == 246).all()


@pytest.mark.parametrize("name", ["", "../x", "a b", 3])
def test_the_name_of_a_plugin_is_checked(name):
    with pytest.raises(ArgumentError):
        check_steps([{"op": "plugin", "name": name}])
    assert check_steps([{"op": "plugin", "name": "lab.steps-1"}])[0]["name"] == "lab.steps-1"


def test_the_group_is_the_documented_one():
    assert preparation_plugins.GROUP == "mammoviewer.preprocessors"
