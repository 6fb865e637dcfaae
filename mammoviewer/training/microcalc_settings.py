"""Settings that both microcalcification recipes have."""

from __future__ import annotations

from mammoviewer.training.augment import Augmentation
from mammoviewer.training.recipe_run import RecipeRun

FOLDERS = ("films", "external", "images")
"""Settings that name folders: a card does not tell them."""


def augmentation_of(run: RecipeRun) -> Augmentation | None:
    """Return the augmentation that the settings ask for; training patches alone pass through it."""
    if not run.flag("augmentation"):
        return None
    return Augmentation(rotation_degrees=run.number("rotation"), shift_px=run.number("shift"), zoom=run.number("zoom"))


def augmentation_text(augmentation: Augmentation | None) -> str:
    """Return what is done to training patches, in words."""
    if augmentation is None:
        return "none"
    a = augmentation
    return (
        f"quarter turns, mirroring, rotation up to {a.rotation_degrees:g} degrees, shift {a.shift_px:g} px, zoom "
        f"{a.zoom:.0%}, blur,\ngamma e^+-{a.gamma:g}, contrast {a.contrast[0]:g} to {a.contrast[1]:g}, brightness "
        f"+-{a.brightness:g}, noise up to {a.noise:g}"
    )


def command_of(run: RecipeRun) -> str:
    """Return the command that repeats the run."""
    shown = {name: "DIR" if name in FOLDERS else str(value) for name, value in run.spec.parameters.items()}
    words = [f"--set {name}={value}" for name, value in shown.items()]
    seed = [f"--set seed={run.spec.seed}"] if run.spec.seed != 1 else []
    return " ".join([f"mammoviewer train --recipe {run.spec.recipe} --data DIR --out DIR", *words, *seed])
