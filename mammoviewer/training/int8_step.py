"""The int8 form of a model that a recipe has just made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import MammoViewerError
from mammoviewer.training.microcalc_data import MicrocalcData
from mammoviewer.training.quantise import quantised
from mammoviewer.training.quantise_data import write_int8_section
from mammoviewer.training.recipe_run import RecipeRun

MOST_EXAMPLES = 400
AN_INNER_PART = "the part set aside for thresholds"


def evenly(count: int) -> list[int]:
    """Return the places, evenly spread, of the examples of so many that are calibrated and measured with."""
    places: list[int] = np.unique(np.linspace(0, count - 1, min(count, MOST_EXAMPLES)).round().astype(int)).tolist()
    return places


def add_int8(
    run: RecipeRun, folder: Path, pictures: FloatArray, labels: Sequence[int], groups: Sequence[str], *, data: str
) -> None:
    """Add the int8 form to a bundle where it agrees with the float one and the settings want it; card and log tell.

    Parameters
    ----------
    pictures
        float32 (n, channels, rows, columns) as the network sees them, of patients that are not for the test.
    labels, groups
        Class index and patient of each.
    data
        What they are, in words.
    """
    if not run.flag("int8"):
        return
    try:
        facts = quantised(folder, pictures, labels, groups)
    except MammoViewerError as error:
        # the model is whole without it
        run.tell(f"int8: none is made: {error.reason}", 0.99)
        return
    write_int8_section(folder, facts, data, made_by=f"mammoviewer train --recipe {run.spec.recipe}")
    run.tell("int8: " + (facts["reason"] or f"mean difference {facts['mean_abs_dp']:.4f}, kept"), 0.99)


def add_int8_of(run: RecipeRun, folder: Path, data: MicrocalcData) -> None:
    """Add the int8 form to a bundle that looks at microcalcification patches; those of the test are left alone."""
    some = data.development[evenly(len(data.development))]
    pictures, labels = data.part(some).pictures.numpy(), data.truth[some].tolist()
    add_int8(run, folder, pictures, labels, data.groups_of(some), data="patches that are not for the test")
