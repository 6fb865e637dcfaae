from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.committee import LOWEST_WEIGHT, fit_committee  # noqa: E402


def votes_of(generator: np.random.Generator, truth: np.ndarray, *noises: float) -> np.ndarray:
    logits = [3.0 * (2 * truth - 1) + generator.normal(0, noise, len(truth)) for noise in noises]
    return 1 / (1 + np.exp(-np.column_stack(logits)))


def test_weights_are_shares_and_the_reliable_expert_has_the_highest() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 300)
    fit = fit_committee(votes_of(generator, truth, 6.0, 0.5, 8.0), truth)
    assert fit.weights.sum() == pytest.approx(1.0)
    assert fit.weights.min() >= LOWEST_WEIGHT
    assert fit.most_reliable == 1
    assert fit.weights[1] > 0.6
    assert fit.losses[-1] < fit.losses[0]


def test_equal_experts_keep_about_equal_weights() -> None:
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 2, 200)
    fit = fit_committee(votes_of(generator, truth, 2.0, 2.0, 2.0, 2.0, 2.0), truth)
    assert np.abs(fit.weights - 0.2).max() < 0.1


def test_patches_kept_aside_only_draw_curves() -> None:
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 2, 80)
    votes = votes_of(generator, truth, 1.0, 3.0)
    plain = fit_committee(votes, truth, steps=30)
    aside = fit_committee(votes, truth, steps=30, others=(1 - votes[:10], truth[:10]))
    assert np.array_equal(plain.weights, aside.weights)
    assert plain.other_losses == ()
    assert len(aside.other_losses) == len(aside.losses) == 30
    assert aside.other_accuracies[-1] < 0.5 < aside.accuracies[-1]
