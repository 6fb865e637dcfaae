"""Make the pictures of the training window: set up and at work, on patches cut from phantom mammograms.

Run ``python docs/training_pictures.py`` with a display, or with ``QT_QPA_PLATFORM=offscreen``; it takes about three
minutes and writes into ``docs/images``. The training is a real one, by the recipe ``microcalc-dense``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PySide6.QtTest import QTest

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import Cancelled
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths
from mammoviewer.gui.app import make_application
from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.imaging.phantom.exam import VIEWS, PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.truth import exam_truth
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.workspace import Workspace

IMAGES = Path(__file__).resolve().parent / "images"
PATIENCE_S = 400.0
EXAMS, SCALE, BREAST, SIDE = 8, 0.5, ("RCC", "RMLO"), 60
RECIPE = "microcalc-dense"
SETTINGS = {"folds": 3, "epochs": 12, "explained": 0}


def main() -> None:
    """Make the data and the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MAMMOVIEWER_HOME"] = str(Path(folder) / "home")
        data = Path(folder) / "phantom-patches"
        write_data(data, Path(folder) / "exams")
        # a short path is shown
        with contextlib.chdir(folder):
            take(Path(data.name))


def write_data(data: Path, exams: Path) -> None:
    """Write patches with and without a cluster of specks, in the layout of the INFN set."""
    data.mkdir()
    lines = ["file,label,case"]
    for seed in range(1, EXAMS + 1):
        folder = exams / str(seed)
        with contextlib.suppress(Cancelled):
            write_exam(folder, seed=seed, density="B", scale=SCALE, progress=_stop_after_one_breast)
        names = {view: f"{view}.dcm" for view in VIEWS}
        truth: Any = exam_truth(PhantomExam(PhantomRequest(seed, "B", scale=SCALE)), names, "", "")
        clusters = [one["views"] for one in truth["lesions"] if one["type"] == "cluster"]
        for view in BREAST:
            frame = open_paths([folder / names[view]]).images[0].frame(0)
            places = [one[view] for one in clusters if view in one]
            for number, place in enumerate(places):
                row, column = place["row"], place["column"]
                for label, shift in ((1, 0), (0, 90)):
                    name = f"{seed}-{view}-{number}-{label}.png"
                    cv2.imwrite(str(data / name), _patch(frame, row + shift, column))
                    lines.append(f"{name},{label},{seed}")
    (data / "patches.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _stop_after_one_breast(_fraction: float, message: str) -> None:
    if message.removeprefix("mammogram ") not in BREAST:
        raise Cancelled


def _patch(frame: StoredArray, row: float, column: float) -> np.ndarray:
    """Return the 60x60 pixels around a place in 256 greys."""
    top = int(np.clip(row - SIDE / 2, 0, frame.shape[0] - SIDE))
    left = int(np.clip(column - SIDE / 2, 0, frame.shape[1] - SIDE))
    cut = frame[top : top + SIDE, left : left + SIDE].astype(np.float32)
    low, high = np.percentile(frame[frame > frame.min()], (1, 99.8))
    return np.clip((cut - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def take(data: Path) -> None:
    """Set a training up in the real window, start it, and save both."""
    application = make_application()
    settings = SettingsFile()
    workspace = Workspace(settings.settings)
    bridge = Bridge(application)
    window = MainWindow(workspace, settings)
    window.show()
    window.recipes.show()
    dialog = window.recipes.dialog
    assert dialog is not None
    setup = dialog.setup
    setup.choose_recipe(RECIPE)
    setup.form.show_values(SETTINGS)
    setup.data.setText(str(data))
    setup.read_data()
    _wait(lambda: setup.start.isEnabled() and bool(workspace.samples.pairs))
    QTest.qWait(300)
    dialog.grab().save(str(IMAGES / "training-setup.png"))
    setup.start.click()
    _wait(lambda: dialog.view.confusion.count >= SETTINGS["epochs"] + SETTINGS["epochs"] // 2)
    dialog.grab().save(str(IMAGES / "training-run.png"))
    task = workspace.recipes.tasks[0]
    workspace.recipes.stop(task)
    _wait(lambda: workspace.recipes.active is None)
    window.close()
    bridge.stop()
    workspace.close()


def _wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > end:
            sys.exit("the window does not show what it should")
        QTest.qWait(30)


if __name__ == "__main__":
    main()
