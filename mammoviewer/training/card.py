"""The model card, one form for every recipe, filled from the run: nothing in it is typed by hand per model.

The headings are those that :mod:`mammoviewer.training.marking` and the tests of bundled models look for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mammoviewer.training.marking import UNMEASURED
from mammoviewer.training.spec import TrainingSpec


@dataclass(frozen=True)
class CardFigure:
    """One line of the table: a name, the model's value with its 95 % interval, and the baselines' values by name."""

    name: str
    value: float | None
    interval: tuple[float, float] | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DataUsed:
    """What was learnt from: name, terms of use, and how much of it, by unit (patients, images, patches)."""

    name: str
    terms: str
    amounts: Mapping[str, int]


@dataclass(frozen=True)
class Card:
    """What a card says.

    Attributes
    ----------
    title, intended_use
        As in the manifest.
    network
        Family, size and input, in sentences.
    data
        Every set that was learnt from.
    judged
        How: unit, split, what was chosen on what, augmentation, in sentences.
    figures, notes
        The table, and lines below it.
    whole_images
        Whether the model marks whole images: the card then says that this is not measured yet.
    limits
        What it cannot do, in sentences.
    command
        See :func:`made_by`.
    """

    title: str
    intended_use: str
    network: str
    data: Sequence[DataUsed]
    judged: str
    figures: Sequence[CardFigure]
    limits: str
    command: str
    notes: Sequence[str] = ()
    whole_images: bool = False

    def text(self) -> str:
        """Return the card as Markdown."""
        parts = [
            f"# {self.title}",
            self.intended_use,
            f"## Network\n{self.network}",
            "## Data\n" + "\n".join(_data_line(used) for used in self.data),
            f"## How it was judged\n{self.judged}",
            _table(self.figures),
        ]
        if self.notes:
            parts.append("\n".join(f"- {note}" for note in self.notes))
        if self.whole_images:
            parts.append(UNMEASURED.rstrip())
        parts += [f"## Limits\n{self.limits}", f"## Made by\n`{self.command}`"]
        return "\n\n".join(part for part in parts if part) + "\n"


def made_by(spec: TrainingSpec, *, folders: Sequence[str] = ()) -> str:
    """Return the command that makes the model again; ``folders`` are settings that name a place of this machine."""
    shown = {key: "DIR" if key in folders else value for key, value in spec.parameters.items()}
    if spec.seed != 1:
        shown["seed"] = spec.seed
    sets = "".join(f" --set {key}={value}" for key, value in shown.items())
    return f"mammoviewer train --recipe {spec.recipe} --data DIR --out DIR{sets}"


def _data_line(used: DataUsed) -> str:
    amounts = ", ".join(f"{count:,} {unit}" for unit, count in used.amounts.items())
    return f"{used.name}: {amounts}. {used.terms}."


def _table(figures: Sequence[CardFigure]) -> str:
    if not figures:
        return ""
    names = list(dict.fromkeys(name for figure in figures for name in figure.baselines))
    lines = ["| | " + " | ".join(["this model", *names]) + " |", "|---" * (2 + len(names)) + "|"]
    for figure in figures:
        others = [f"{figure.baselines[name]:.3f}" if name in figure.baselines else "" for name in names]
        lines.append("| " + " | ".join([figure.name, _value(figure), *others]) + " |")
    return "\n".join(lines)


def _value(figure: CardFigure) -> str:
    if figure.value is None:
        return "not assessable"
    if figure.interval is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.interval[0]:.3f} to {figure.interval[1]:.3f})"
