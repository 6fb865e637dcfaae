"""The comparison with torch where torch is installed. This module itself does without it."""

from __future__ import annotations

import importlib
import importlib.util

from mammoviewer.inference.cam_checks import Skipped
from mammoviewer.inference.onnx_session import OnnxModel


def torch_agreement(model: OnnxModel) -> str:
    """Return how far the maps of a model are from those by torch, see :mod:`mammoviewer.training.torch_head`.

    Raises
    ------
    ModelError
        Too far.
    Skipped
        torch is not installed, or the head cannot be compared.
    """
    try:
        there = importlib.util.find_spec("torch") is not None
    except ModuleNotFoundError:
        # so answers who keeps it out on purpose
        there = False
    if not there:
        raise Skipped("torch is not installed")
    text: str = importlib.import_module("mammoviewer.training.torch_head").torch_agreement(model)
    return text
