"""How long it takes from the start of a process until its first window is painted, and what it has imported by then."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HEAVY = (
    "torch",
    "onnxruntime",
    "scipy",
    "skimage",
    "sklearn",
    "highdicom",
    "onnx",
    "pywt",
    "pyqtgraph",
    "cv2",
    "pydicom",
)

_TELL = """
import json, sys, time
from PySide6.QtCore import QEvent, QObject, QTimer

class Tell(QObject):
    def __init__(self, application):
        super().__init__(application)
        self.told = False
        application.installEventFilter(self)

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and not self.told and watched.isWidgetType():
            self.told = True
            QTimer.singleShot(0, self.tell)
        return False

    def tell(self):
        print(json.dumps({"at": time.time(), "modules": sorted(sys.modules)}))
        sys.stdout.flush()
        QTimer.singleShot(0, self.parent().quit)
"""
_OURS = """
from mammoviewer.gui import app
from mammoviewer.session.window_request import WindowRequest
make = app.make_application
def made():
    application = make()
    tell = Tell(application)
    return application
app.make_application = made
app.show_window(WindowRequest())
"""
_BARE = """
from PySide6.QtWidgets import QApplication, QMainWindow
import pyqtgraph
application = QApplication([])
tell = Tell(application)
window = QMainWindow()
window.setCentralWidget(pyqtgraph.PlotWidget())
window.showMaximized()
application.exec()
"""


def first_windows(runs: int) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Return seconds until the first window of this program and of a bare one, and the heavy modules of each."""
    seconds: dict[str, list[float]] = {"here": [], "bare": []}
    heavy: dict[str, list[str]] = {}
    for _ in range(runs + 1):
        for name, code in (("here", _OURS), ("bare", _BARE)):
            taken, modules = _start(_TELL + code)
            seconds[name].append(taken)
            heavy[name] = [module for module in HEAVY if module in modules]
    # The first of each fills the disk cache.
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}, heavy


def _start(code: str) -> tuple[float, list[str]]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "MAMMOVIEWER_HOME": home, "XDG_CONFIG_HOME": home}
        begun = time.time()
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
    told = json.loads(ended.stdout.strip().splitlines()[-1])
    return told["at"] - begun, told["modules"]
