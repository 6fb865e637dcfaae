"""napari's window under the acts of ``display.py``; run by it in a process of its own, with its own libraries."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import napari
from painting import FRAMES, make_volume, timed
from qtpy.QtWidgets import QApplication


def settle() -> None:
    """Let the window lay itself out."""
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        QApplication.processEvents()


def main() -> None:
    request = json.loads(sys.argv[1])
    viewer = napari.Viewer(show=True)
    # Its own panels take some of the room: its canvas is a little smaller than the viewport that it is compared with.
    viewer.window.resize(*request["size"])
    settle()
    canvas = viewer.window._qt_viewer.canvas.native
    times = {}
    for name, (rows, columns) in request["shapes"].items():
        viewer.layers.clear()
        layer = viewer.add_image(make_volume(rows, columns), contrast_limits=(500, 2500), name=name)
        viewer.reset_view()
        QApplication.processEvents()
        steps = range(1, request["repeats"] + 1)

        def window_to(step: int, layer: object = layer) -> None:
            layer.contrast_limits = (500 + step, 2500 + step)

        drag = timed(canvas, [lambda step=step: window_to(step) for step in steps])
        scroll = timed(canvas, [lambda step=step: viewer.dims.set_current_step(0, step % FRAMES) for step in steps])
        times[name] = (drag, scroll)
    size = f"{canvas.width()}x{canvas.height()}"
    answer = {"version": f"napari {napari.__version__}, canvas {size}", "times": times}
    Path(request["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    # Its threads outlive the window and would abort the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()
