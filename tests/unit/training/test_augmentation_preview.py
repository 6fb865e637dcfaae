"""Every recipe shows the pictures it learns from before and after its augmentation, by the code of the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from helpers import layout_makers  # noqa: E402

from mammoviewer.base.errors import Cancelled  # noqa: E402
from mammoviewer.training.augmentation_preview import SAMPLES, WAYS, AugmentationPreview  # noqa: E402
from mammoviewer.training.preview import answer  # noqa: E402
from mammoviewer.training.recipe_files import load_recipe, recipe_names  # noqa: E402
from mammoviewer.training.recipe_run import RecipeRun  # noqa: E402
from mammoviewer.training.spec import TrainingSpec  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layout_makers.mini_mias(tmp_path_factory.mktemp("films"), patients=8)


@pytest.fixture(scope="module")
def infn(tmp_path_factory: pytest.TempPathFactory, make_infn: Callable[[Path], Path]) -> Path:
    return make_infn(tmp_path_factory.mktemp("data") / "infn")


def made(recipe: str, data: Path, **parameters: Any) -> RecipeRun:
    spec = TrainingSpec(
        kind="recipe", data=data, output=data / "out", name="preview", recipe=recipe, parameters=parameters
    )
    return RecipeRun(spec, load_recipe(recipe).settings(parameters), lambda _event: None, data)


def nothing() -> None:
    """Hold nothing up."""


def test_every_recipe_has_a_preview() -> None:
    assert set(WAYS) == set(recipe_names())


@pytest.mark.parametrize("recipe", [name for name in WAYS if "mini-mias" in load_recipe(name).data])
def test_films_are_changed_and_the_same_seed_shows_the_same(recipe: str, films: Path) -> None:
    small: Mapping[str, Any] = {"rows": 96, "columns": 64} if recipe == "rsna-breast" else {}
    pairs = AugmentationPreview().pairs(made(recipe, films, validation=0.3, **small), nothing)
    again = AugmentationPreview().pairs(made(recipe, films, validation=0.3, **small), nothing)
    assert len(pairs) == SAMPLES
    assert all(before.shape == after.shape and before.dtype == np.uint8 for before, after in pairs)
    assert any((before != after).any() for before, after in pairs)
    assert all((one[side] == two[side]).all() for one, two in zip(pairs, again, strict=True) for side in (0, 1))


def test_a_setting_changes_what_comes_after_and_not_what_was_before(infn: Path) -> None:
    preview = AugmentationPreview()
    mild = preview.pairs(made("microcalc-ensemble", infn, rotation=0, shift=0, zoom=0.0), nothing)
    wild = preview.pairs(made("microcalc-ensemble", infn, rotation=50, shift=8, zoom=0.3), nothing)
    off = preview.pairs(made("microcalc-ensemble", infn, augmentation=False), nothing)
    assert all((one[0] == two[0]).all() for one, two in zip(mild, wild, strict=True))
    assert any((one[1] != two[1]).any() for one, two in zip(mild, wild, strict=True))
    assert all((before == after).all() for before, after in off)


def test_another_augmentation_reads_nothing_again_and_another_filter_does(infn: Path) -> None:
    preview, reads = AugmentationPreview(), []
    preview.pairs(made("microcalc-ensemble", infn), lambda: reads.append(1))
    first = len(reads)
    reads.clear()
    preview.pairs(made("microcalc-ensemble", infn, rotation=10), lambda: reads.append(1))
    assert len(reads) == first - 1, "the hold before the reading is missing"
    reads.clear()
    preview.pairs(made("microcalc-ensemble", infn, wavelet="haar"), lambda: reads.append(1))
    assert len(reads) == first


def test_a_newer_request_ends_the_work(films: Path) -> None:
    calls: list[int] = []

    def hold() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled

    preview = AugmentationPreview()
    with pytest.raises(Cancelled):
        preview.pairs(made("lesion-ssd", films, validation=0.3), hold)
    assert len(calls) == 2


def test_what_cannot_be_read_is_answered_in_words(tmp_path: Path) -> None:
    run = made("cnni-bcc", tmp_path / "nowhere")
    told = answer({"number": 4, "spec": run.spec.to_json()}, AugmentationPreview(), nothing)
    assert told["number"] == 4
    assert told["reason"]


def test_pictures_are_answered_with_their_shapes(infn: Path) -> None:
    run = made("microcalc-hypermodel", infn)
    told = answer({"number": 1, "spec": run.spec.to_json()}, AugmentationPreview(), nothing)
    assert len(told["pairs"]) == SAMPLES
    assert (told["pairs"][0][0]["rows"], told["pairs"][0][0]["columns"]) == (60, 60)
