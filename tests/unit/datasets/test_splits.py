from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.splits import (
    grouped_folds,
    merged_groups,
    near_duplicates,
    smallest_class_groups,
    workable_folds,
)

LABELS = [0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1] * 3
GROUPS = [f"case{index // 3}" for index in range(36)]


def test_folds_that_work_are_found_or_there_are_none() -> None:
    labels, groups = [0, 1, 0, 1, 0, 1], ["a", "a", "b", "b", "c", "d"]
    splits = workable_folds(labels, groups, 5, 0)
    assert 2 <= len(splits) <= 3
    assert sorted(i for split in splits for i in split.test.tolist()) == list(range(6))
    assert workable_folds([0, 1, 1], ["a", "b", "c"], 3, 0) == ()
    assert workable_folds([0, 0, 1, 1], ["a", "b", "a", "b"], 3, 0) != ()


def test_no_group_stands_on_both_sides_and_all_are_held_out_once() -> None:
    folds = grouped_folds(LABELS, GROUPS, 4, seed=3)
    held_out = np.concatenate([fold.test for fold in folds])
    assert sorted(held_out.tolist()) == list(range(36))
    for fold in folds:
        assert not {GROUPS[i] for i in fold.train} & {GROUPS[i] for i in fold.test}
        assert len(fold.train) + len(fold.test) == 36


def test_the_seed_decides_the_split() -> None:
    first, again, other = (grouped_folds(LABELS, GROUPS, 4, seed=seed)[0].test.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_too_few_groups_of_a_class_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at least 3 groups"):
        grouped_folds([0, 0, 0, 1, 1], ["a", "b", "c", "d", "e"], 3, seed=0)


@pytest.mark.parametrize("few", [2, 3, 5])
def test_every_split_learns_from_every_class(few: int) -> None:
    labels = [0] * few * 4 + [1] * 80
    groups = [f"region {index // 4}" for index in range(len(labels))]
    for fold in grouped_folds(labels, groups, 2, seed=few):
        assert {labels[i] for i in fold.train} == {0, 1}


def test_smallest_class_counts_groups_not_patches() -> None:
    assert smallest_class_groups([0, 0, 0, 1, 1], ["a", "b", "c", "d", "d"]) == 1
    assert smallest_class_groups([], []) == 0


def test_near_duplicates_are_found_turned_mirrored_and_brighter() -> None:
    images = np.random.default_rng(0).integers(0, 200, size=(6, 20, 20)).astype(np.float32)
    images[3] = np.rot90(images[1])
    images[4] = images[0][:, ::-1] * 0.5 + 30
    assert near_duplicates(images) == ((0, 4), (1, 3))


def test_flat_patches_are_no_duplicates() -> None:
    assert near_duplicates(np.ones((3, 8, 8))) == ()


def test_groups_that_share_a_duplicate_become_one() -> None:
    groups = ["c", "b", "a", "d", "c"]
    assert merged_groups(groups, [(0, 1), (1, 2)]) == ("a", "a", "a", "d", "a")
    assert merged_groups(groups, []) == tuple(groups)
