from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mammoviewer.training.card import Card, CardFigure, DataUsed, made_by
from mammoviewer.training.marking import UNMEASURED
from mammoviewer.training.spec import TrainingSpec

CARD = Card(
    title="Small",
    intended_use="Tests.",
    network="One layer.",
    data=(DataUsed("Made-up set", "free", {"patients": 1200, "images": 3}),),
    judged="Once.",
    figures=(
        CardFigure("AUC", 0.91234, (0.85, 0.95), {"majority": 0.5}),
        CardFigure("accuracy", 0.8, baselines={"majority": 0.6, "regression": 0.7}),
        CardFigure("pF1", None),
    ),
    limits="Many.",
    command="mammoviewer train",
    notes=("one", "two"),
)


def test_the_table_has_intervals_and_baselines() -> None:
    lines = CARD.text().splitlines()
    start = lines.index("| | this model | majority | regression |")
    assert lines[start + 1 : start + 5] == [
        "|---|---|---|---|",
        "| AUC | 0.912 (0.850 to 0.950) | 0.500 |  |",
        "| accuracy | 0.800 | 0.600 | 0.700 |",
        "| pF1 | not assessable |  |  |",
    ]
    assert "Made-up set: 1,200 patients, 3 images. free." in lines
    assert [line for line in lines if line.startswith("#")] == [
        "# Small",
        "## Network",
        "## Data",
        "## How it was judged",
        "## Limits",
        "## Made by",
    ]


def test_what_marks_whole_images_says_that_it_is_not_measured() -> None:
    assert UNMEASURED not in CARD.text()
    text = replace(CARD, whole_images=True).text()
    # the measured section takes the place of this one, before the limits
    assert UNMEASURED + "\n## Limits\n" in text


def test_the_command_names_what_was_set_and_no_place_of_this_machine() -> None:
    spec = TrainingSpec(
        kind="recipe",
        data=Path("/home/someone/data"),
        output=Path("x"),
        name="x",
        recipe="soup",
        parameters={"epochs": 3, "films": "/home/someone/films"},
        seed=7,
    )
    assert made_by(spec, folders=("films",)) == (
        "mammoviewer train --recipe soup --data DIR --out DIR --set epochs=3 --set films=DIR --set seed=7"
    )
