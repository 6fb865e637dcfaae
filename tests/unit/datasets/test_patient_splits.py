from pathlib import Path

import pytest

from mammoviewer.base.errors import ArgumentError, InputError
from mammoviewer.datasets.splits import Split, fixed_split, project_split, read_split, write_split

# Ten patients with two items each: six normal, three benign, one malignant.
PATIENTS = [f"p{index // 2}" for index in range(20)]
STRATA = ["normal"] * 12 + ["benign"] * 6 + ["malignant"] * 2


def test_every_patient_stands_in_one_part_and_parts_have_their_share() -> None:
    split = fixed_split(PATIENTS, (0.5, 0.2, 0.3), seed=4, strata=STRATA)
    assert sorted(split.train + split.validation + split.test) == [f"p{i}" for i in range(10)]
    assert (len(split.train), len(split.validation), len(split.test)) == (5, 2, 3)
    # .5 of six normal patients, .3 of six is 1.8
    assert len({"p0", "p1", "p2", "p3", "p4", "p5"} & set(split.train)) == 3
    assert len({"p0", "p1", "p2", "p3", "p4", "p5"} & set(split.test)) == 2


def test_the_same_names_and_seed_give_the_same_split_in_any_order() -> None:
    there = fixed_split(PATIENTS, (0.6, 0.2, 0.2), seed=1, strata=STRATA)
    back = fixed_split(PATIENTS[::-1], (0.6, 0.2, 0.2), seed=1, strata=STRATA[::-1])
    assert there == back
    seeds = [fixed_split(PATIENTS, (0.6, 0.2, 0.2), seed=seed, strata=STRATA).test for seed in range(8)]
    assert len(set(seeds)) > 1


def test_the_projects_own_split_tests_on_a_fifth() -> None:
    patients = [f"case{i}" for i in range(50)]
    split = project_split("infn", patients, ["normal"] * 30 + ["microcalcification"] * 20)
    assert (len(split.train), len(split.validation), len(split.test)) == (40, 0, 10)
    assert (split.seed, split.layout) == (20, "infn")
    assert len({f"case{i}" for i in range(30)} & set(split.test)) == 6


def test_items_of_a_part() -> None:
    split = Split(("a",), (), ("b", "c"))
    assert split.indices("test", ["c", "a", "b", "c", "d"]) == (0, 2, 3)
    with pytest.raises(ArgumentError, match="no part 'tests'"):
        split.part("tests")


@pytest.mark.parametrize(
    ("patients", "fractions", "strata"),
    [([], (1, 0, 0), ()), (["a"], (0.5, 0.2, 0.2), ()), (["a", "b"], (0.5, 0.5, 0), ("x",)), (["a"], (2, -1, 0), ())],
)
def test_what_is_no_split_is_refused(
    patients: list[str], fractions: tuple[float, ...], strata: tuple[str, ...]
) -> None:
    with pytest.raises(ArgumentError):
        fixed_split(patients, fractions, 0, strata=strata)


def test_a_split_comes_back_from_its_file(tmp_path: Path) -> None:
    split = fixed_split(PATIENTS, (0.6, 0.2, 0.2), seed=3, strata=STRATA, layout="mini-mias")
    assert read_split(write_split(tmp_path / "split.json", split)) == split


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no json", "needs lists"),
        ("[]", "this version"),
        ('{"schema_version": 1, "train": ["a"], "validation": []}', "needs lists"),
        ('{"schema_version": 1, "train": ["a"], "validation": [], "test": [3]}', "needs lists"),
        ('{"schema_version": 1, "train": ["a"], "validation": [], "test": ["a"]}', "two parts"),
    ],
)
def test_a_damaged_split_is_told(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_split(tmp_path / "split.json")


def test_a_split_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_split(tmp_path / "none.json")
