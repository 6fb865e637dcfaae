"""Other programs' widgets under the same acts: pyqtgraph here, napari in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyqtgraph
from painting import FRAMES, timed
from PySide6.QtWidgets import QApplication

PATIENCE_S = 900


def time_image_view(volume: np.ndarray, size: tuple[int, int], repeats: int) -> tuple[float, float]:
    """Return milliseconds of a window drag and of a slice change in pyqtgraph's ImageView, fitted as it comes."""
    pyqtgraph.setConfigOptions(imageAxisOrder="row-major")
    view = pyqtgraph.ImageView()
    view.resize(*size)
    view.setImage(volume, levels=(500, 2500), autoHistogramRange=False)
    view.show()
    QApplication.processEvents()
    painted = view.ui.graphicsView.viewport()
    drag = timed(painted, [lambda step=step: view.setLevels(500 + step, 2500 + step) for step in range(1, repeats + 1)])
    scroll = timed(painted, [lambda step=step: view.setCurrentIndex(step % FRAMES) for step in range(1, repeats + 1)])
    view.close()
    return drag, scroll


def time_image_item(
    image: np.ndarray, size: tuple[int, int], zooms: list[float], moves: list[float], *, averaged: bool
) -> tuple[float, float]:
    """Return milliseconds of a zoom and of a pan of pyqtgraph's ImageItem in a view box that fills the widget.

    Parameters
    ----------
    zooms
        Screen pixels per image pixel, one for each act, about the middle of the image.
    moves
        How far the middle of the view lies from that of the image, in image pixels, at one to one.
    averaged
        Whether the item averages what it shrinks, as it does with ``autoDownsample``.
    """
    pyqtgraph.setConfigOptions(imageAxisOrder="row-major")
    view = pyqtgraph.GraphicsView()
    box = pyqtgraph.ViewBox(lockAspect=True, enableMouse=False, invertY=True)
    view.setCentralItem(box)
    box.addItem(pyqtgraph.ImageItem(image, levels=(500, 2500), autoDownsample=averaged))
    view.resize(*size)
    view.show()
    QApplication.processEvents()

    def look(zoom: float, beside: float) -> None:
        width, height = size[0] / zoom, size[1] / zoom
        left = image.shape[1] / 2 - width / 2 + beside
        box.setRange(
            xRange=(left, left + width),
            yRange=(image.shape[0] / 2 - height / 2, image.shape[0] / 2 + height / 2),
            padding=0,
        )

    zoom = timed(view.viewport(), [lambda step=step: look(step, 0.0) for step in zooms])
    pan = timed(view.viewport(), [lambda step=step: look(1.0, step) for step in moves])
    view.close()
    return zoom, pan


def time_napari(
    shapes: dict[str, tuple[int, int]], size: tuple[int, int], repeats: int, folder: Path | None
) -> tuple[dict[str, tuple[float, float]], str]:
    """Return milliseconds of a window drag and a slice change in napari by image, or why there are none.

    Parameters
    ----------
    folder
        Where napari was installed with ``pip install --target``; None where it is part of this environment.
    """
    environment = dict(os.environ)
    if folder is not None:
        environment["PYTHONPATH"] = str(folder)
    with tempfile.TemporaryDirectory() as home:
        environment |= {"XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "QT_API": "pyside6"}
        request = {"shapes": shapes, "size": size, "repeats": repeats, "answer": f"{home}/answer.json"}
        script = Path(__file__).with_name("napari_peer.py")
        try:
            ended = subprocess.run(
                [sys.executable, str(script), json.dumps(request)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
        except subprocess.TimeoutExpired:
            return {}, f"napari did not end within {PATIENCE_S} s"
        answer = Path(home, "answer.json")
        if not answer.exists():
            told = (ended.stderr.strip() or "it said nothing").splitlines()[-1]
            return {}, f"napari cannot be measured here: {told}"
        found = json.loads(answer.read_text(encoding="utf-8"))
    return {name: (drag, scroll) for name, (drag, scroll) in found["times"].items()}, found["version"]
