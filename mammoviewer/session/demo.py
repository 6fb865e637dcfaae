"""The built-in demo exam: a phantom, made once and kept in the cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mammoviewer.base.paths import cache_dir
from mammoviewer.base.progress import Progress, no_progress

SEED = 7
DENSITY = "B"
_RECIPE = "2"
"""Raised when the phantom's recipe changes, so that an old exam is not taken for the new one."""


def demo_exam(progress: Progress = no_progress, *, scale: float = 1.0) -> Path:
    """Return the folder of the demo exam; it is made if it is not there yet.

    Parameters
    ----------
    scale
        Linear size of the images relative to the full exam; small ones are made fast, for tests.
    """
    from mammoviewer.dicom.phantom_exam import write_exam

    folder = cache_dir() / f"demo-exam-{_RECIPE}-{SEED}{DENSITY}-{scale:g}"
    if (folder / "truth.json").is_file():
        return folder
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    write_exam(making, seed=SEED, density=DENSITY, scale=scale, progress=progress)
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)
    return folder


def demo_truth(folder: Path) -> dict[str, Any]:
    """Return the truth of an exam folder, as ``truth.json`` holds it."""
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return truth
