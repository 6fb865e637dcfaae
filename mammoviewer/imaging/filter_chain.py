"""Filters by name, with what a slider needs to know about each, and chains of them.

A chain works on stored values mapped linearly to [0, 1] and its result is mapped back, so that every window still
applies. Sizes in pixels are given for stored pixels and follow the scale at which the picture is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from mammoviewer.base.arrays import FloatArray, StoredArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.imaging.filters import clahe, median, unsharp
from mammoviewer.imaging.wavelet import wavelet_families, wavelet_filter

Value: TypeAlias = float | int | str | bool
ParameterKind: TypeAlias = Literal["integer", "float", "choice", "boolean"]


@dataclass(frozen=True)
class ParameterDescription:
    """One parameter of a filter, as a slider, a list or a check box shows it.

    ``minimum``, ``maximum`` and ``step`` bind numbers, ``choices`` the rest. A value above ``caution_above`` is allowed
    but deserves a word of warning.
    """

    name: str
    kind: ParameterKind
    default: Value
    title: str
    minimum: float = 0.0
    maximum: float = 0.0
    step: float = 1.0
    choices: tuple[Value, ...] = ()
    unit: str = ""
    hint: str = ""
    caution_above: float | None = None

    def parse(self, value: Value) -> Value:
        """Return ``value`` (also as text) in the type of the parameter.

        Raises
        ------
        ArgumentError
            The value is not of the type, or not allowed.
        """
        converted = self._converted(value)
        if self.choices:
            if converted not in self.choices:
                shown = ", ".join(map(str, self.choices[:12])) + (", ..." if len(self.choices) > 12 else "")
                raise ArgumentError(f"{self.name} cannot be {value}", hint=f"one of {shown}")
        elif not isinstance(converted, bool | str) and not self.minimum <= converted <= self.maximum:
            raise ArgumentError(f"{self.name} cannot be {value}", hint=f"from {self.minimum:g} to {self.maximum:g}")
        return converted

    def _converted(self, value: Value) -> Value:
        text = str(value).strip()
        if self.kind == "boolean" and text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        if self.kind == "choice" and isinstance(self.default, str):
            return text
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        whole = self.kind != "float"
        if self.kind == "boolean" or not math.isfinite(number) or (whole and number != int(number)):
            raise ArgumentError(f"{self.name} cannot be {value}", hint=_KIND_HINTS[self.kind])
        return int(number) if whole else number


_BOOLEANS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_KIND_HINTS: Final[Mapping[str, str]] = {
    "integer": "a whole number",
    "float": "a number",
    "choice": "a whole number",
    "boolean": "true or false",
}


@dataclass(frozen=True)
class FilterStep:
    """One filter with its parameters; those left out get their default. Hashable.

    Raises
    ------
    ArgumentError
        There is no such filter or parameter, or a value is not allowed.
    """

    name: str
    parameters: Mapping[str, Value]

    def __post_init__(self) -> None:
        description = describe(self.name)
        known = {parameter.name for parameter in description.parameters}
        for name in self.parameters:
            if name not in known:
                raise ArgumentError(
                    f"the filter {self.name} has no parameter {name!r}", hint=f"it has {', '.join(sorted(known))}"
                )
        complete = {
            parameter.name: parameter.parse(self.parameters.get(parameter.name, parameter.default))
            for parameter in description.parameters
        }
        object.__setattr__(self, "parameters", complete)

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.parameters.items()))))

    def cautions(self) -> tuple[str, ...]:
        """Return a sentence for each parameter beyond what is sensible."""
        return tuple(
            f"{parameter.title} above {parameter.caution_above:g} {parameter.hint}".strip()
            for parameter in describe(self.name).parameters
            if parameter.caution_above is not None and float(self.parameters[parameter.name]) > parameter.caution_above
        )


FilterChain: TypeAlias = tuple[FilterStep, ...]
FilterFunction: TypeAlias = Callable[[FloatArray, Mapping[str, Value], float, Progress], FloatArray]


@dataclass(frozen=True)
class FilterDescription:
    """A filter: its title, its parameters in the order of its text form, and what it does.

    ``function`` is called with (image, parameter values, scale, progress).
    """

    title: str
    parameters: tuple[ParameterDescription, ...]
    function: FilterFunction


def describe(name: str) -> FilterDescription:
    """Return the description of a filter.

    Raises
    ------
    ArgumentError
        There is no filter of that name.
    """
    if name not in FILTERS:
        raise ArgumentError(f"there is no filter {name!r}", hint=f"one of {', '.join(FILTERS)}")
    return FILTERS[name]


def parse_filter(text: str) -> FilterStep:
    """Return the step written as ``name:value,parameter=value``, e.g. ``wavelet:sym3,levels=3,q=1.5``.

    Values without a name fill the parameters in their order.

    Raises
    ------
    ArgumentError
        With the valid names or values as its hint.
    """
    name, _, rest = text.strip().partition(":")
    description = describe(name.strip())
    values: dict[str, Value] = {}
    for position, item in enumerate(part.strip() for part in rest.split(",") if part.strip()):
        key, equals, value = item.partition("=")
        if not equals:
            if position >= len(description.parameters):
                raise ArgumentError(f"the filter {name} has only {len(description.parameters)} parameters")
            key, value = description.parameters[position].name, item
        if key.strip() in values:
            raise ArgumentError(f"the filter {name} is given {key.strip()} twice")
        values[key.strip()] = value.strip()
    return FilterStep(name.strip(), values)


def format_filter(step: FilterStep) -> str:
    """Return the text that :func:`parse_filter` reads as ``step``."""
    values = ",".join(f"{name}={_text(value)}" for name, value in step.parameters.items())
    return f"{step.name}:{values}"


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def apply_chain(
    image: FloatArray, chain: FilterChain, *, scale: float = 1.0, progress: Progress = no_progress
) -> FloatArray:
    """Return ``image`` after every filter of ``chain``.

    Parameters
    ----------
    image
        float32 in [0, 1], shape (rows, columns); values that are not finite count as 0.
    scale
        Pixels of ``image`` per stored pixel; sizes in pixels are scaled by it.

    Returns
    -------
    float32 array in [0, 1]
        A new array. A wavelet filter without approximation comes out around 0.5, at half its contrast.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ArgumentError("the scale of a picture is a number above 0")
    values = np.nan_to_num(np.array(image, dtype=np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    values = np.clip(values, 0.0, 1.0)
    for number, step in enumerate(chain):
        description = describe(step.name)
        progress(number / len(chain), description.title)
        part = subprogress(progress, number / len(chain), (number + 1) / len(chain))
        values = np.clip(description.function(values, step.parameters, scale, part), 0.0, 1.0)
    progress(1.0, "")
    return values


def filter_stored(
    stored: StoredArray,
    chain: FilterChain,
    *,
    low: float,
    high: float,
    scale: float = 1.0,
    progress: Progress = no_progress,
) -> FloatArray:
    """Return stored values after ``chain``, in stored units, float32.

    ``low`` and ``high`` are the stored values that become 0 and 1; what lies outside is cut off. An empty chain, or an
    empty range, leaves the values as they are.
    """
    values = np.asarray(stored, dtype=np.float32)
    if not chain or not high > low:
        return values.copy() if values is stored else values
    span = np.float32(high - low)
    result = apply_chain((values - np.float32(low)) / span, chain, scale=scale, progress=progress)
    return result * span + np.float32(low)


def _clahe(image: FloatArray, values: Mapping[str, Value], scale: float, progress: Progress) -> FloatArray:
    return clahe(image, int(values["tiles"]), float(values["clip"]))


def _wavelet(image: FloatArray, values: Mapping[str, Value], scale: float, progress: Progress) -> FloatArray:
    # A level is a factor of two: a picture at half size has lost the finest of them.
    levels = max(1, round(int(values["levels"]) + math.log2(scale)))
    keep = bool(values["keep_approximation"])
    result = wavelet_filter(
        image,
        wavelet=str(values["wavelet"]),
        levels=levels,
        q=float(values["q"]),
        keep_approximation=keep,
        progress=progress,
    )
    return result if keep else np.float32(0.5) + np.float32(0.5) * result


def _unsharp(image: FloatArray, values: Mapping[str, Value], scale: float, progress: Progress) -> FloatArray:
    return unsharp(image, float(values["radius"]) * scale, float(values["amount"]))


def _median(image: FloatArray, values: Mapping[str, Value], scale: float, progress: Progress) -> FloatArray:
    # The odd size nearest to the scaled one; 1 changes nothing.
    return median(image, max(1, 2 * round((int(values["size"]) * scale - 1) / 2) + 1))


FILTERS: Final[Mapping[str, FilterDescription]] = {
    "clahe": FilterDescription(
        "Local contrast (CLAHE)",
        (
            ParameterDescription("tiles", "integer", 8, "Tiles per side", 2, 32, 1),
            ParameterDescription(
                "clip", "float", 0.02, "Clip limit", 0.002, 0.2, 0.002, hint="makes noise stand out", caution_above=0.1
            ),
        ),
        _clahe,
    ),
    "wavelet": FilterDescription(
        "Wavelet details",
        (
            ParameterDescription("wavelet", "choice", "sym3", "Wavelet", choices=wavelet_families()),
            ParameterDescription("levels", "integer", 3, "Levels", 1, 8, 1),
            ParameterDescription(
                "q",
                "float",
                1.5,
                "Threshold",
                0.0,
                5.0,
                0.1,
                unit="sigma",
                hint="may remove faint calcifications",
                caution_above=2.0,
            ),
            ParameterDescription("keep_approximation", "boolean", False, "Keep background"),
        ),
        _wavelet,
    ),
    "unsharp": FilterDescription(
        "Unsharp mask",
        (
            ParameterDescription("radius", "float", 3.0, "Radius", 0.5, 50.0, 0.5, unit="px"),
            ParameterDescription(
                "amount", "float", 1.0, "Amount", 0.0, 5.0, 0.1, hint="makes noise stand out", caution_above=3.0
            ),
        ),
        _unsharp,
    ),
    "median": FilterDescription(
        "Median (removes specks of noise)",
        (ParameterDescription("size", "choice", 3, "Size", choices=(3, 5, 7, 9, 11), unit="px"),),
        _median,
    ),
}
