"""What the samplers of the film recipes do with data that lacks what they draw: they say so, and never draw forever."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.cases import Case, CaseFinding
from mammoviewer.training.films import Film
from mammoviewer.training.recipe_files import load_recipe
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import TrainingSpec

torch = pytest.importorskip("torch")

from mammoviewer.training import recipe_cnni_bcc, recipe_findings_patches, recipe_lesion_ssd  # noqa: E402
from mammoviewer.training.recipe_cnni_bcc import PatchSampler  # noqa: E402

pytestmark = pytest.mark.torch
SIDE = 1024


def run_of(recipe: str, **settings: Any) -> RecipeRun:
    spec = TrainingSpec(kind="recipe", data=Path(), output=Path("out"), name="m", recipe=recipe)
    return RecipeRun(spec, load_recipe(recipe).settings(settings), lambda _event: None, Path("kept"))


def film(severity: str, radius: float = 30.0, mask: bool = True) -> Film:
    circles = () if severity == "normal" else ((500.0, 500.0, radius),)
    box = (500.0 - radius, 500.0 - radius, 500.0 + radius, 500.0 + radius)
    findings = tuple(CaseFinding(severity, "CIRC", box) for _ in circles)
    case = Case(Path(f"{severity}.png"), severity, labels=(severity,), findings=findings)
    values = np.full((1, SIDE, SIDE), 0.5, np.float32)
    return Film(case, values, np.full((SIDE, SIDE), mask, np.bool_), circles, tuple(box for _ in circles))


@pytest.mark.parametrize("severities", [("normal",), ("normal", "benign"), ("normal", "malignant")])
def test_patches_need_lesions_of_both_severities(severities: tuple[str, ...]) -> None:
    films = [film(severity) for severity in severities]
    with pytest.raises(TrainingError, match="no benign or no malignant lesion"):
        PatchSampler(films, run_of("cnni-bcc"))
    pictures, _ = PatchSampler(films, run_of("cnni-bcc", label="film", batch=2)).batch(1, np.random.default_rng(0))
    assert pictures.shape == (2, 1, 128, 128)


def test_a_lesion_that_no_patch_shows_so_much_of_is_shown_from_its_middle() -> None:
    films = [film(severity, radius=80.0) for severity in ("normal", "benign", "malignant")]
    run = run_of("cnni-bcc", overlap=1.0, synthetic=0.0, normal_share=0.1)
    sampler = PatchSampler(films, run)
    generator = np.random.default_rng(1)
    assert any(sampler.example(1, generator)[1] for _ in range(5))


def test_windows_need_findings_and_a_breast() -> None:
    with pytest.raises(TrainingError, match="show no finding"):
        recipe_findings_patches.ProposalSampler([film("normal")], ("any finding",), run_of("findings-patches"))
    with pytest.raises(TrainingError, match="no window"):
        recipe_findings_patches.window_set([film("normal", mask=False)], ("any finding",))


def versions(*lesions: bool) -> Mapping[int, Any]:
    parts = torch.zeros(1, 2, 4, 4), torch.zeros(6, dtype=torch.int64), torch.zeros(6, 4)
    return {number: [recipe_lesion_ssd._Measured(*parts, lesion)] for number, lesion in enumerate(lesions)}


def test_a_detector_needs_lesions_and_can_do_without_films_that_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe_lesion_ssd, "id", lambda number: number, raising=False)
    run = run_of("lesion-ssd", batch=8, lesion_share=0.1)
    with pytest.raises(TrainingError, match="no lesion"):
        recipe_lesion_ssd.VersionSampler(versions(False), [0], run)  # type: ignore[list-item]
    sampler = recipe_lesion_ssd.VersionSampler(versions(True), [0], run)  # type: ignore[list-item]
    assert len(sampler.batch(np.random.default_rng(0))[0]) == 8


def test_an_area_that_a_part_does_not_have_is_none_in_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    from mammoviewer.training.cnni_card import card

    labels = np.zeros(4, dtype=np.int64)
    grids = {
        part: recipe_cnni_bcc.GridSet(np.zeros((4, 128, 128), np.float32), labels, ("a", "a", "b", "b"))
        for part in ("train", "validation", "test")
    }
    films = type("Sets", (), {"problems": (), **dict.fromkeys(grids, ())})()
    monkeypatch.setattr(recipe_cnni_bcc, "data_facts", lambda _films: {})
    network = recipe_cnni_bcc.CnniBcc("3x3")
    scores = np.full((4, 3), 1 / 3)
    found = {"validation": scores, "test": scores}
    more = {"cross_validation": None}
    facts = recipe_cnni_bcc._facts(run_of("cnni-bcc"), films, grids, network, found=found, more=more)
    assert facts.metrics["validation_auc"] is None
    assert "mean AUC is\n-." in card(run_of("cnni-bcc"), network, facts.metrics)
