"""Proposals keep within the ranges of S2."""

from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.training.proposals import ProposalRule, at_least, covered, cut, proposal, toned


def test_area_aspect_and_shift_stay_within_the_rule() -> None:
    generator, rule = np.random.default_rng(1), ProposalRule()
    boxes = [proposal((400.0, 300.0, 600.0, 500.0), generator, rule) for _ in range(400)]
    sides = np.array([(box[2] - box[0], box[3] - box[1]) for box in boxes])
    middles = np.array([((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in boxes])
    areas = sides.prod(axis=1) / 200**2
    aspects = (sides[:, 0] / sides[:, 1])[sides.min(axis=1) > 49]
    assert areas.max() <= 5.0
    assert areas.max() > 4.0
    assert aspects.min() >= 0.33 - 1e-6
    assert aspects.max() <= 1.66 + 1e-6
    assert np.abs(middles - (500.0, 400.0)).max() <= 50.0


def test_a_native_proposal_is_the_window_itself() -> None:
    box = proposal((0.0, 0.0, 10.0, 40.0), np.random.default_rng(0), ProposalRule(), native_px=256.0)
    assert (box[2] - box[0], box[3] - box[1]) == (256.0, 256.0)


def test_covered_counts_the_smaller_of_the_two() -> None:
    assert covered((0.0, 0.0, 100.0, 100.0), (40.0, 40.0, 60.0, 60.0)) == pytest.approx(1.0)
    assert covered((0.0, 0.0, 100.0, 100.0), (40.0, 90.0, 60.0, 110.0)) == pytest.approx(0.5)
    assert covered((0.0, 0.0, 10.0, 10.0), (-45.0, -45.0, 55.0, 55.0)) == pytest.approx(1.0)
    assert covered((0.0, 0.0, 10.0, 10.0), (85.0, 85.0, 95.0, 95.0)) == 0.0


def test_small_boxes_grow_about_their_middle() -> None:
    assert at_least((10.0, 10.0, 14.0, 60.0), 24.0) == (0.0, 10.0, 24.0, 60.0)


def test_a_cut_is_square_and_in_range() -> None:
    film = np.random.default_rng(1).random((3, 100, 120)).astype(np.float32)
    picture = cut(film, (10.0, 20.0, 90.0, 60.0), 32, np.random.default_rng(2))
    assert picture.shape == (3, 32, 32)
    changed = toned(picture, np.random.default_rng(3))
    assert changed.min() >= 0.0
    assert changed.max() <= 1.0
    assert not np.allclose(changed, picture)
