"""Values that options take: checked while the command line is read (exit code 2), or against the file (1)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from mammoviewer.base.errors import ArgumentError
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.filter_chain import FilterStep, parse_filter
from mammoviewer.imaging.voi import Voi, VoiFunction, VoiLut, Window, auto_window
from mammoviewer.session.first_view import first_view, lacks_window

_LARGEST_SIDE = 20000


def fraction(text: str) -> float:
    """Return a number from 0 to 1; for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 to 1")
    return value


def filter_step(text: str) -> FilterStep:
    """Return a filter written like ``clahe:tiles=8,clip=0.02``; for argparse."""
    try:
        return parse_filter(text)
    except ArgumentError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def picture_size(text: str) -> tuple[int, int] | None:
    """Return (rows, columns) of ``WIDTHxHEIGHT``, None for ``native``; for argparse."""
    if text.casefold() == "native":
        return None
    width, _, height = text.casefold().partition("x")
    if not all(side.isascii() and side.isdecimal() and 1 <= int(side) <= _LARGEST_SIDE for side in (width, height)):
        raise argparse.ArgumentTypeError(f"'{text}' is not native or WIDTHxHEIGHT with sides of 1 to {_LARGEST_SIDE}")
    return int(height), int(width)


def choose_voi(image: Image, frame: int, *, window: str | None, lut: str | None) -> Voi:
    """Return the grey transform that the options name; the one a reader sees first when they name none.

    Raises
    ------
    ArgumentError
        If the file has no such window or LUT; the hint lists those it has.
    """
    offered = image.attributes.vois_for_frame(frame)
    if lut is not None:
        return _named(lut, [voi for voi in offered if isinstance(voi, VoiLut)], "VOI LUT", image)
    if (window or "").casefold() == "auto" or (window is None and lacks_window(image, frame)):
        attributes = image.attributes
        rescale = attributes.rescale_for_frame(frame)
        return auto_window(image.frame(frame), padding=attributes.padding, rescale=rescale)
    if window is None:
        return offered[0] if offered else first_view(image).voi
    if "," in window:
        return _own_window(window, offered)
    return _named(window, [voi for voi in offered if isinstance(voi, Window)], "window", image)


def _own_window(text: str, offered: Sequence[Voi]) -> Window:
    """Return ``C,W`` or ``C,W,FUNCTION``; the function is else that of the file's own windows."""
    parts = text.split(",")
    files = next((voi.function for voi in offered if isinstance(voi, Window)), VoiFunction.LINEAR)
    try:
        center, width = float(parts[0]), float(parts[1])
        function = VoiFunction(parts[2].strip().upper()) if len(parts) > 2 else files
    except ValueError as error:
        raise ArgumentError(f"'{text}' is not a window", hint="write CENTER,WIDTH or CENTER,WIDTH,SIGMOID") from error
    if len(parts) > 3 or not np.isfinite([center, width]).all() or width < 1:
        raise ArgumentError(f"'{text}' is not a window", hint="the width is at least 1")
    return Window(center, width, function)


def _named(name: str, offered: Sequence[Voi], what: str, image: Image) -> Voi:
    for voi in offered:
        if voi.explanation.strip().casefold() == name.strip().casefold():
            return voi
    if name.isascii() and name.isdecimal() and 1 <= int(name) <= len(offered):
        return offered[int(name) - 1]
    names = ", ".join(voi.explanation or f"number {i}" for i, voi in enumerate(offered, 1))
    hint = f"it has: {names}" if names else "it has none"
    raise ArgumentError(f"the file has no {what} '{name}'", hint=hint, path=image.attributes.path)


def describe_voi(voi: Voi) -> str:
    """Return the grey transform in words, such as ``window SIGMOID 2653/900 NORMAL``."""
    if isinstance(voi, VoiLut):
        return f"VOI LUT {voi.explanation}".strip()
    return f"window {voi.function} {voi.center:g}/{voi.width:g} {voi.explanation}".strip()
