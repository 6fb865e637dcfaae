from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.validation import nested_folds, random_splits, repeated_folds

LABELS = [number % 2 for number in range(80)]
GROUPS = [f"patient {number // 2}" for number in range(80)]


def groups_of(indices: np.ndarray) -> set[str]:
    return {GROUPS[index] for index in indices.tolist()}


def test_nothing_chosen_inside_saw_the_outside() -> None:
    nested = nested_folds(LABELS, GROUPS, outer=4, inner=3, seed=2)
    assert len(nested) == 4
    for fold in nested:
        assert len(fold.inner) == 3
        for part in fold.inner:
            assert not groups_of(part.train) & groups_of(part.test)
            assert not groups_of(fold.outer.test) & groups_of(np.concatenate([part.train, part.test]))
            assert set(part.train.tolist()) | set(part.test.tolist()) == set(fold.outer.train.tolist())
    assert sorted(np.concatenate([fold.outer.test for fold in nested]).tolist()) == list(range(80))


def test_repeats_hold_others_out_together() -> None:
    first, second = repeated_folds(LABELS, GROUPS, 4, repeats=2, seed=1)
    assert groups_of(first[0].test) != groups_of(second[0].test)
    assert len(first) == len(second) == 4


def test_a_share_is_held_out_again_and_again() -> None:
    splits = random_splits(LABELS, GROUPS, share=0.2, repeats=5, seed=3)
    assert len(splits) == 5
    assert all(12 <= len(split.test) <= 20 and not groups_of(split.train) & groups_of(split.test) for split in splits)
    with pytest.raises(TrainingError):
        random_splits(LABELS, GROUPS, share=0.7, repeats=1, seed=3)
