from dataclasses import replace

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import linear_bundle, onnx_bytes
from onnx import helper

from mammoviewer.base.errors import InputError, ModelError
from mammoviewer.base.paths import user_models_dir
from mammoviewer.inference.foreign import ForeignFacts
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.session.model_adding import add, look_at, try_out

FACTS = ForeignFacts(name="lab", classes=("no", "yes"), pixel_size_mm=0.1)


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    return ModelRegistry([user_models_dir()])


@pytest.fixture
def source(tmp_path):
    nodes = [
        helper.make_node("AveragePool", ["image"], ["map"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("GlobalMaxPool", ["map"], ["peak"]),
        helper.make_node("Flatten", ["peak"], ["raw"]),
    ]
    path = tmp_path / "lab.onnx"
    path.write_bytes(onnx_bytes(nodes, {"image": ["n", 1, 16, 16]}, {"raw": ["n", 1]}))
    return path


def test_a_model_is_tried_where_the_breast_is_and_leaves_nothing_behind(source):
    image = make_image("RCC", pixels=breast_like(320, 240))
    trial = try_out(look_at(source), FACTS, image, 0)
    assert trial.patch.shape == (16, 16)
    assert trial.explanation.shape == (4, 4)
    for values in (trial.patch, trial.explanation):
        assert (values.min(), values.max()) == (0.0, 1.0)
    assert trial.text.startswith("yes 0.")
    assert not user_models_dir().exists()


def test_a_whole_image_is_tried_whole_and_a_refusal_is_told_beforehand(source):
    image = make_image(pixels=breast_like(320, 240), samples=1, PresentationIntentType="FOR PROCESSING")
    trial = try_out(look_at(source), replace(FACTS, whole_image=True, pixel_size_mm=None), image, 0)
    assert trial.patch.shape == (16, 16)
    assert "refused on this image" in trial.text
    without = try_out(look_at(source), FACTS, None, 0)
    assert without.patch is None
    assert "Open an image" in without.text


def test_answers_that_do_not_fit_are_told_before_anything_is_added(source):
    with pytest.raises(ModelError, match="needs 2 classes"):
        try_out(look_at(source), replace(FACTS, classes=("a", "b", "c")), None, 0)


def test_what_is_added_can_be_chosen_at_once_and_not_twice(source, registry, tmp_path):
    manifest = add(source, look_at(source), FACTS, registry)
    assert registry.get("lab") == manifest
    with pytest.raises(ModelError, match="already"):
        add(source, look_at(source), FACTS, registry)
    linear_bundle(tmp_path / "spots")
    assert look_at(tmp_path / "spots") is None
    assert registry.get("lab").identity == "lab.1"
    assert add(tmp_path / "spots", None, None, registry).identity == "spots.1"
    assert {model.name for model in registry.models} == {"lab", "spots"}


def test_a_source_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="no such"):
        look_at(tmp_path / "gone.onnx")


def test_an_image_smaller_than_the_patch_can_be_tried(source):
    image = make_image(pixels=np.full((10, 12), 900, dtype=np.uint16))
    trial = try_out(look_at(source), FACTS, image, 0)
    assert np.isfinite(trial.explanation).all()
