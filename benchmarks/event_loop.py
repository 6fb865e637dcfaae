"""The longest time the window does not answer while a heatmap, a Grad-CAM and a training run.

A timer ticks every millisecond in the real window with the demo exam open; the gap between two ticks is how long a key
press would have waited. The baseline is the same heatmap made on the window's own thread.
Run: QT_QPA_PLATFORM=offscreen python benchmarks/event_loop.py [--json FILE] [--scale 1]
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gaps import Gaps
from measuring import arguments, report
from PySide6.QtCore import QTimer

from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.gui.app import make_application
from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.model_actions import explain_image, run_model
from mammoviewer.gui.training_thread import TrainingThread
from mammoviewer.inference.onnx_session import load_runtime
from mammoviewer.inference.predict import predict_image
from mammoviewer.session.demo import demo_truth
from mammoviewer.session.demo_run import LABELS, NORMAL, truth_findings
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.training_runs import TrainingRequest
from mammoviewer.session.workspace import Workspace


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="linear size of the phantom")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["MAMMOVIEWER_HOME"] = home
        exam = write_exam(Path(home) / "exam", seed=7, density="B", scale=options.scale)
        figures = measure(exam.directory)
    report(figures, options.json)


def measure(exam: Path) -> dict[str, float]:
    application = make_application()
    bridge = Bridge(application)
    settings = SettingsFile()
    workspace = Workspace(settings.settings)
    load_runtime()  # as the program does before it shows its window
    window = MainWindow(workspace, settings)
    window.resize(2560, 1440)
    window.show()
    gaps = Gaps()
    figures: dict[str, float] = {}

    def note(name: str, until: Callable[[], bool]) -> None:
        figures[f"{name}: longest gap, ms"], figures[f"{name}: 99.9th percentile, ms"] = gaps.during(until)

    start = time.monotonic()
    note("idle for 2 s", lambda: time.monotonic() - start > 2)
    window.open_paths([exam])
    note("opening the exam until four views are painted", lambda: painted(window))
    state = workspace.active
    assert state is not None
    job = run_model(workspace)
    assert job is not None
    note("heatmap", lambda: job.state.final)
    cam = explain_image(workspace)
    assert cam is not None
    note("Grad-CAM of the image", lambda: cam.state.final)
    findings = [f for f in truth_findings(demo_truth(exam), workspace.images) if f.label in {NORMAL, LABELS["cluster"]}]
    request = TrainingRequest(tuple(findings), workspace.images, workspace.desk.model, "benchmark", 15.0)
    begun = time.monotonic()
    thread = TrainingThread(workspace.training.start(request), window)
    thread.start()
    note("training", thread.isFinished)
    figures["training of twenty regions, s"] = time.monotonic() - begun
    model = workspace.heatmaps.model(workspace.desk.model)
    QTimer.singleShot(0, lambda: predict_image(state.image, state.frame, model))
    begun = time.monotonic()
    note("naive: heatmap on the window's thread", lambda: time.monotonic() - begun > 1)
    ours = figures["heatmap: longest gap, ms"]
    figures["ratio naive / ours, longest gap during a heatmap"] = (
        figures["naive: heatmap on the window's thread: longest gap, ms"] / ours
    )
    window.close()
    bridge.stop()
    workspace.close()
    return figures


def painted(window: MainWindow) -> bool:
    viewports = window.grid.viewports
    return bool(viewports) and all(not v.identity or not v.follower.waiting for v in viewports)


if __name__ == "__main__":
    main()
