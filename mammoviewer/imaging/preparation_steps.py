"""The pixel preparation steps a model may ask for, as a table that needs no image library to be read.

A chain is data: a sequence of mappings such as ``{"op": "scale", "divide_by": 255}``. The functions are in
:mod:`mammoviewer.imaging.preparation`; training, data sets and inference run the same ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mammoviewer.base.errors import ArgumentError

StepValue: TypeAlias = str | int | float | bool
PreparationStep: TypeAlias = Mapping[str, StepValue]

MAX_SIDE = 16384
# One to four numbers from 1 to 64.
_TILES = r"([1-9]|[1-5]\d|6[0-4])(,([1-9]|[1-5]\d|6[0-4])){0,3}"


@dataclass(frozen=True)
class StepParameter:
    """One value of a step: its default, and its limits (numbers), choices or pattern (texts)."""

    default: StepValue
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class StepDescription:
    """What a step does, in one line, and the parameters it takes."""

    title: str
    parameters: Mapping[str, StepParameter] = field(default_factory=dict)


STEPS: Mapping[str, StepDescription] = {
    "voi": StepDescription(
        "displayed grey 0..255 with black air, polarity applied",
        {
            "window": StepParameter("default", choices=("default", "auto")),
            # full_width: from centre - width to centre + width, twice what DICOM means by a width.
            "rule": StepParameter("dicom", choices=("dicom", "full_width")),
        },
    ),
    "resample_pixel_size": StepDescription("resampled to the pixel size of the model"),
    "crop_breast": StepDescription(
        "cut to the largest region above Otsu's threshold, and this many pixels around it",
        {"margin": StepParameter(0, 0, 1000)},
    ),
    "crop_empty": StepDescription(
        "outer rows and columns dropped in which no value is above the level",
        {"level": StepParameter(0.0, -1e9, 1e9)},
    ),
    "resize": StepDescription(
        "resampled to so many rows and columns; with keep_aspect the picture is fitted in, centred, with 0 around it",
        {
            "rows": StepParameter(256, 1, MAX_SIDE),
            "columns": StepParameter(256, 1, MAX_SIDE),
            "keep_aspect": StepParameter(False),
        },
    ),
    "scale": StepDescription(
        "value * multiply_by / divide_by + add",
        {
            "multiply_by": StepParameter(1.0, -1e9, 1e9),
            "divide_by": StepParameter(1.0, 1e-9, 1e9),
            "add": StepParameter(0.0, -1e9, 1e9),
        },
    ),
    "fill_air": StepDescription(
        "pixels outside the breast, and this near its edge, take the value of the nearest pixel inside",
        # image_edge: the edge of the image counts as an edge of the breast, for films that are framed by one.
        {"margin": StepParameter(12, 0, 200), "image_edge": StepParameter(False)},
    ),
    "minmax_breast": StepDescription("breast minimum to 0, breast maximum to 1, air 0"),
    "zscore_breast": StepDescription("breast mean to 0, breast standard deviation to 1, air 0"),
    "zscore_nonzero": StepDescription("mean of the values above 0 to 0, their standard deviation to 1, the others 0"),
    "percentile_range": StepDescription(
        "two percentiles of the breast to 0 and 1, clipped, air 0",
        {"low": StepParameter(1.0, 0.0, 100.0), "high": StepParameter(99.0, 0.0, 100.0)},
    ),
    "wavelet": StepDescription(
        "wavelet detail by hard threshold",
        {
            "wavelet": StepParameter("sym3"),
            "levels": StepParameter(3, 1, 8),
            "q": StepParameter(1.5, 0.0, 10.0),
            "keep_approximation": StepParameter(False),
        },
    ),
    "clahe": StepDescription(
        "contrast-limited adaptive histogram equalisation of values 0..255",
        {"tiles": StepParameter(8, 1, 64), "clip": StepParameter(0.02, 0.0, 1.0)},
    ),
    "clahe_channels": StepDescription(
        "channels: the image, then one equalised as by clahe for each number of tiles",
        {"tiles": StepParameter("8,16", pattern=_TILES), "clip": StepParameter(0.02, 0.0, 1.0)},
    ),
    "repeat_channels": StepDescription("the image so many times, as channels", {"count": StepParameter(3, 1, 16)}),
    "plugin": StepDescription(
        "Python code of an installed package (entry point mammoviewer.preprocessors), where the user allows plugins",
        {"name": StepParameter("", pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")},
    ),
}


def tile_counts(text: str) -> tuple[int, ...]:
    """Return the numbers of tiles of the step clahe_channels, "8,16" as (8, 16)."""
    return tuple(int(number) for number in text.split(","))


def channels_after(steps: Sequence[PreparationStep]) -> int:
    """Return how many channels a checked chain gives."""
    channels = 1
    for step in steps:
        if step["op"] == "clahe_channels":
            channels = 1 + len(tile_counts(str(step["tiles"])))
        elif step["op"] == "repeat_channels":
            channels = int(step["count"])
    return channels


def size_after(steps: Sequence[PreparationStep]) -> tuple[int, int] | None:
    """Return (rows, columns) that a checked chain always gives; None where they follow from the image."""
    size = None
    for step in steps:
        if step["op"] == "resize":
            size = (int(step["rows"]), int(step["columns"]))
        elif step["op"] in ("crop_breast", "crop_empty", "resample_pixel_size"):
            size = None
    return size


def check_steps(steps: Sequence[PreparationStep]) -> tuple[dict[str, StepValue], ...]:
    """Return the chain with every default filled in.

    Raises
    ------
    ArgumentError
        A step or parameter is not known, or a value has the wrong type or is out of its limits.
    """
    return tuple(_checked(step) for step in steps)


def step_defaults(op: str) -> dict[str, StepValue]:
    """Return the parameters of step ``op`` with their defaults."""
    return {name: parameter.default for name, parameter in STEPS[op].parameters.items()}


def _checked(step: PreparationStep) -> dict[str, StepValue]:
    op = step.get("op")
    if not isinstance(op, str) or op not in STEPS:
        raise ArgumentError(f"there is no preparation step {op!r}", hint="known steps: " + ", ".join(STEPS))
    complete: dict[str, StepValue] = {"op": op, **step_defaults(op)}
    for name, value in step.items():
        if name == "op":
            continue
        if name not in STEPS[op].parameters:
            known = ", ".join(STEPS[op].parameters) or "none"
            raise ArgumentError(f"step {op} has no parameter {name!r}", hint=f"its parameters: {known}")
        complete[name] = _value(op, name, value, STEPS[op].parameters[name])
    if op == "plugin" and not complete["name"]:
        raise ArgumentError("step plugin needs the name of a preprocessor")
    if op == "percentile_range" and not float(complete["low"]) < float(complete["high"]):
        raise ArgumentError("step percentile_range needs low < high")
    return complete


def _value(op: str, name: str, value: object, parameter: StepParameter) -> StepValue:
    where = f"step {op}, parameter {name}"
    default = parameter.default
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ArgumentError(f"{where} must be true or false")
        return value
    if isinstance(default, str):
        unknown = bool(parameter.choices) and value not in parameter.choices
        misshapen = bool(parameter.pattern) and re.fullmatch(parameter.pattern, str(value)) is None
        if not isinstance(value, str) or unknown or misshapen:
            hint = "one of " + ", ".join(parameter.choices) if parameter.choices else ""
            raise ArgumentError(f"{where} is not a valid text", hint=hint)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ArgumentError(f"{where} must be a number")
    if isinstance(default, int) and not isinstance(value, int):
        raise ArgumentError(f"{where} must be a whole number")
    if not parameter.minimum <= value <= parameter.maximum:
        raise ArgumentError(f"{where} must lie between {parameter.minimum:g} and {parameter.maximum:g}")
    return value
