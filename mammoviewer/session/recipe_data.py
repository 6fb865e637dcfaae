"""What a folder holds for a recipe, before anything is trained on it: images, patients, classes, the split, leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.errors import InputError
from mammoviewer.base.progress import Progress
from mammoviewer.datasets.layouts import load_cases
from mammoviewer.datasets.leaks import leak_report
from mammoviewer.datasets.splits import PARTS
from mammoviewer.training.recipe_files import Recipe


@dataclass(frozen=True)
class DataSummary:
    """A data set at a glance.

    Attributes
    ----------
    parts
        For each part of the project's own split: images, patients, and images by class.
    missing
        What the tables name but the folder lacks, in words.
    leaks
        What stands on two sides, in words; empty when nothing does.
    """

    layout: str
    images: int
    patients: int
    parts: Mapping[str, tuple[int, int, Mapping[str, int]]]
    missing: tuple[str, ...] = ()
    leaks: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes in alphabetical order."""
        return tuple(sorted({name for _, _, counts in self.parts.values() for name in counts}))


def summarise(root: Path, recipe: Recipe, progress: Progress) -> DataSummary:
    """Read the tables of a data set; no image is opened.

    Raises
    ------
    InputError
        The folder holds no data set that the recipe takes.
    """
    progress(0.0, "reading the tables")
    cases = load_cases(root)
    if cases.layout not in recipe.data:
        hint = "it takes " + ", ".join(recipe.data)
        raise InputError(f"the recipe {recipe.name} does not take a data set of the layout {cases.layout}", hint=hint)
    split = cases.project_split()
    parts = {}
    sides = [""] * len(cases)
    for part in PARTS:
        chosen = split.indices(part, cases.patients)
        classes = Counter(cases.classes[index] or "not stated" for index in chosen)
        parts[part] = (len(chosen), len({cases.patients[index] for index in chosen}), dict(classes))
        for index in chosen:
            sides[index] = part
    leaks = leak_report(sides, cases.patients, [case.name for case in cases.cases])
    missing = tuple(str(item) for item in cases.missing)
    return DataSummary(cases.layout, len(cases), len(set(cases.patients)), parts, missing, leaks.text)
