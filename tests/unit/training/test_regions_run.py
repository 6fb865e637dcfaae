from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.datasets.patch_set import PatchSet  # noqa: E402
from mammoviewer.datasets.splits import Fold, grouped_folds  # noqa: E402
from mammoviewer.inference.manifest import load_manifest, verify_files  # noqa: E402
from mammoviewer.training.fine_tuning import Curves  # noqa: E402
from mammoviewer.training.incumbent import incumbent_scores  # noqa: E402
from mammoviewer.training.linear_fit import fit_linear, out_of_fold  # noqa: E402
from mammoviewer.training.loop import logits_of, probabilities_of  # noqa: E402
from mammoviewer.training.probe import embed, set_head  # noqa: E402
from mammoviewer.training.regions_bundle import build_region_model  # noqa: E402
from mammoviewer.training.regions_run import train_regions  # noqa: E402
from mammoviewer.training.spec import TrainingSpec  # noqa: E402
from mammoviewer.training.weights import load_trunk  # noqa: E402

Patches = Callable[..., PatchSet]


def make_spec(base: Path, output: Path, patches: PatchSet, **changes: Any) -> TrainingSpec:
    values: dict[str, Any] = {
        "kind": "patches",
        "data": Path("unused.npz"),
        "output": output,
        "name": "mine",
        "base_model": base,
        "classes": patches.classes,
        "positive_class": patches.classes[-1],
        "pixel_size_mm": 0.1,
        "preprocessing": ({"op": "voi"}, {"op": "resample_pixel_size"}, {"op": "scale", "divide_by": 255.0}),
        "epochs": 2,
        "folds": 2,
    }
    return TrainingSpec(**{**values, **changes})


def test_regions_of_three_classes_become_a_model(base_model: Path, tmp_path: Path, make_patches: Patches) -> None:
    patches = make_patches(4, ("plain", "specks", "mass"))
    events: list[Mapping[str, Any]] = []
    spec = make_spec(base_model, tmp_path / "models" / "mine.1", patches)
    metrics = build_region_model(spec, patches, events.append)
    manifest = load_manifest(spec.output)
    verify_files(manifest)
    assert manifest.identity == "mine.1"
    assert manifest.parent == "base.1"
    assert manifest.outputs.classes == ("plain", "specks", "mass")
    assert manifest.outputs.activation == "softmax"
    assert manifest.outputs.positive_class == "mass"
    assert manifest.outputs.marking_threshold is None
    assert manifest.input.pixel_size_mm == 0.1
    assert metrics["assessable"] is False
    assert "not assessable" in metrics["note"]
    assert metrics["held_out_auc"] > 0.9
    card = (spec.output / "CARD.md").read_text(encoding="utf-8")
    assert "not assessable" in card
    assert "held out by region: 12 groups" in card
    assert "patients not known" in card
    assert metrics["verdict"] in card
    epochs = [event for event in events if event["event"] == "epoch"]
    assert [(event["fold"], event["epoch"]) for event in epochs] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert all(event["validation_loss"] > 0 and event["seconds_left"] >= 0 for event in epochs)
    fractions = [event["fraction"] for event in events if "fraction" in event]
    assert fractions == sorted(fractions)


def test_the_retrained_network_tells_new_patches_apart(base_model: Path, tmp_path: Path, make_patches: Patches) -> None:
    patches = make_patches(10)
    spec = make_spec(base_model, tmp_path / "m", patches, group_unit="patient", patients=20)
    result = train_regions(spec, patches, lambda _: None)
    assert result.metrics["assessable"] is True
    assert result.metrics["better_than_before"] is True
    assert result.metrics["smallest_class_groups"] == 10
    assert 0.1 <= result.threshold <= 0.9
    others = make_patches(10, seed=9)
    scores = probabilities_of(logits_of(result.network, torch.from_numpy(others.images)[:, None]))
    assert np.mean(scores.argmax(axis=1) == np.asarray(others.labels)) > 0.9


def test_same_seed_same_network(base_model: Path, tmp_path: Path, make_patches: Patches) -> None:
    patches = make_patches(3)
    spec = make_spec(base_model, tmp_path / "m", patches)
    first, again = (train_regions(spec, patches, lambda _: None).network.state_dict() for _ in range(2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())


def test_one_region_of_a_class_is_enough_but_nothing_is_claimed(
    base_model: Path, tmp_path: Path, make_patches: Patches
) -> None:
    patches = make_patches(1)
    result = train_regions(make_spec(base_model, tmp_path / "m", patches), patches, lambda _: None)
    assert result.metrics["assessable"] is False
    assert "held_out_auc" not in result.metrics


def repeated_lesions(lesions: int, labels: list[int]) -> PatchSet:
    """Each lesion is drawn twice, as two regions; the classes are drawn by lot, so that nothing can be learnt."""
    generator = np.random.default_rng(11)
    images, names = [], []
    for lesion in range(lesions):
        texture = generator.normal(0.5, 0.06, (60, 60))
        for drawing in range(2):
            images.append(np.clip(texture + generator.normal(0, 0.01, (60, 60)), 0, 1).astype(np.float32))
            names.append(f"lesion {lesion} drawing {drawing}")
    drawn = tuple(label for label in labels for _ in range(2))
    return PatchSet(np.stack(images), drawn, tuple(names), tuple(names), ("plain", "specks"))


def test_lesions_drawn_twice_do_not_make_chance_look_like_skill(base_model: Path, tmp_path: Path) -> None:
    labels = np.random.default_rng(5).permutation([0, 1] * 10).tolist()
    patches = repeated_lesions(20, labels)
    spec = make_spec(base_model, tmp_path / "m", patches, group_unit="patient", patients=40, epochs=0)
    metrics = train_regions(spec, patches, lambda _: None).metrics
    assert (metrics["groups"], metrics["patients"], metrics["regions"]) == (20, 20, 40)
    assert metrics["better_than_before"] is False
    assert metrics["held_out_auc"] < 0.75
    unknown = train_regions(make_spec(base_model, tmp_path / "m", patches, epochs=0), patches, lambda _: None).metrics
    assert unknown["assessable"] is False
    assert unknown["better_than_before"] is None


def test_a_model_retrained_from_a_retrained_one_claims_nothing(
    base_model: Path, tmp_path: Path, make_patches: Patches
) -> None:
    patches = make_patches(10)
    own = tmp_path / "mine.1"
    shutil.copytree(base_model, own)
    manifest = json.loads((own / "manifest.json").read_text(encoding="utf-8"))
    (own / "manifest.json").write_text(json.dumps({**manifest, "parent": "base.1"}), encoding="utf-8")
    again = make_spec(own, tmp_path / "mine.2", patches, epochs=0, group_unit="patient", patients=20)
    metrics = train_regions(again, patches, lambda _: None).metrics
    assert metrics["assessable"] is False
    assert metrics["from_own_model"] is True
    assert "learnt from these regions" in metrics["note"]


def test_the_model_before_is_compared_where_it_knows_the_class(base_model: Path, make_patches: Patches) -> None:
    base = load_manifest(base_model)
    patches = make_patches(3)
    size = base.input.pixel_size_mm
    assert size is not None
    scores = incumbent_scores(base, patches, "Calcifications", size)
    assert scores is not None
    assert scores.shape == (len(patches),)
    other = incumbent_scores(base, patches, "Normal", size)
    assert other is not None
    assert np.allclose(scores + other, 1.0, atol=1e-5)
    assert incumbent_scores(base, patches, "Mass", size) is None
    assert incumbent_scores(base, patches, "Calcifications", 2 * size) is None


def test_time_limit_ends_the_fine_tuning(base_model: Path, tmp_path: Path, make_patches: Patches) -> None:
    patches = make_patches(3)
    spec = make_spec(base_model, tmp_path / "m", patches, epochs=500, time_limit_s=0.001)
    epochs: list[Mapping[str, Any]] = []
    train_regions(spec, patches, lambda event: epochs.append(event) if event["event"] == "epoch" else None)
    assert [event["epoch"] for event in epochs] == [1, 1]


def test_a_fold_has_no_say_in_its_number_of_epochs() -> None:
    truth = np.array([0, 1, 0, 1])
    splits = tuple(Fold(np.setdiff1d(np.arange(4), test), np.array(test)) for test in ([0, 1], [2, 3]))
    curves = Curves(2, truth, 2)
    good, bad = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.4, 0.6], [0.6, 0.4]])
    # the first epoch is good for the first fold alone, the second for the second alone
    for epoch, (first, second) in enumerate(((bad, bad), (good, bad), (bad, good))):
        curves.probabilities[epoch][:] = np.concatenate([first, second])
    assert np.array_equal(curves.nested(splits, curves.probabilities[0]), np.concatenate([bad, bad]))
    probe = np.full((4, 2), 0.5)
    curves.probabilities[1][:] = curves.probabilities[2][:] = np.nan
    assert curves.best() == 0
    assert np.array_equal(curves.nested(splits, probe), probe)


def test_a_class_without_patches_is_refused(base_model: Path, tmp_path: Path, make_patches: Patches) -> None:
    patches = make_patches(2)
    lacking = PatchSet(patches.images, patches.labels, patches.groups, patches.names, ("plain", "specks", "mass"))
    with pytest.raises(TrainingError, match="every class"):
        train_regions(make_spec(base_model, tmp_path / "m", lacking), lacking, lambda _: None)


def test_held_out_probabilities_come_from_fits_without_the_group(base_model: Path, make_patches: Patches) -> None:
    patches = make_patches(6)
    trunk, _ = load_trunk(base_model)
    # labels drawn by lot: what is honest cannot tell them apart, what has leaked can
    labels = np.repeat(np.random.default_rng(4).permutation([0, 1] * 6), 2)
    groups = patches.groups
    data = embed(trunk, patches.images, labels.tolist(), groups, 2)
    splits = grouped_folds(labels.tolist(), groups, 3, 0)
    seen: list[set[str]] = []

    def strength(part: Any) -> float:
        seen.append(set(part.groups))
        return 0.03

    held_out = out_of_fold(data, splits, strength)
    assert not np.isnan(held_out).any()
    for split, used in zip(splits, seen, strict=True):
        assert not used & {groups[i] for i in split.test}


def test_linear_fit_is_what_the_network_computes(base_model: Path, make_patches: Patches) -> None:
    from mammoviewer.training.architectures import RegionClassifier

    patches = make_patches(3)
    trunk, channels = load_trunk(base_model)
    network = RegionClassifier(trunk, channels, 2).eval()
    data = embed(network.trunk, patches.images, patches.labels, patches.groups, 2)
    fitted = fit_linear(data, 0.03)
    set_head(network.pooled_head, fitted)
    scores = probabilities_of(logits_of(network, torch.from_numpy(patches.images)[:, None]))
    assert np.allclose(scores, fitted.probabilities(data.features[:1]), atol=1e-4)
    assert math.isclose(scores.sum(), len(patches))
