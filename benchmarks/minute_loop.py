"""Time the draft from the last label to its heatmap, and compare its head with full training on the INFN patches.

Run ``python benchmarks/minute_loop.py [--data DIR] [--models NAME,NAME] [--json FILE]``; it takes about four minutes.
Times: 20 + 20 regions on the two mammograms of one breast of a phantom exam, on specks and beside them. "cold" is
everything at once, from decoded frames. "followed" is what a reader waits for who draws in the window with Live on,
from the label to the painted heatmap (the windows of the image were looked at while drawing). AUC: the head learns
from the patches of 20 patients among the development cases and is judged on the patches of the project's test cases,
which no bundled model has seen; median of five draws. The trunk of microcalc-dense has seen the development cases,
and its own head is the full training; those of the film models have seen none of these.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from gaps import Gaps
from measuring import arguments, report

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import FloatArray, StoredArray
from mammoviewer.base.errors import Cancelled
from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.datasets.infn import load_infn
from mammoviewer.datasets.regions import dihedral
from mammoviewer.datasets.splits import merged_groups, near_duplicates, project_split
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths
from mammoviewer.gui.app import make_application
from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.canvas.model_output import shown_output
from mammoviewer.gui.drafts import switch_live
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.training_thread import TrainingThread
from mammoviewer.imaging.phantom.exam import VIEWS, PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.truth import exam_truth
from mammoviewer.inference.embedding import embed_patches
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.onnx_session import OnnxModel, load_runtime
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.heatmap_runs import HeatmapRuns
from mammoviewer.session.quick_learning import QuickLearning, QuickTask
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.training_runs import TrainingRequest
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace
from mammoviewer.training.linear_fit import Embedding, choose_strength, fit_linear, load_solver, on_one_core
from mammoviewer.training.metrics import area_under_curve

SEED, DENSITY = 11, "C"
TIMED = "microcalc-dense"
REGIONS = 20
PATIENTS = 20
DRAWS = 5
HALF_PX = 30.0
SHOWN = 8
"""So many of the labels on the image in sight are timed one by one."""
WATCHED_S = 20.0
BREAST = ("RCC", "RMLO")


def phantom(folder: Path) -> tuple[tuple[Image, ...], tuple[Finding, ...]]:
    """Return the mammograms of one breast, and 20 + 20 regions on them, specks and others in turn."""
    with contextlib.suppress(Cancelled):
        write_exam(folder, seed=SEED, density=DENSITY, progress=_stop_after_one_breast)
    names = {view: f"{view}.dcm" for view in BREAST}
    images = {view: open_paths([folder / name]).images[0] for view, name in names.items()}
    truth: Any = exam_truth(PhantomExam(PhantomRequest(SEED, DENSITY)), {view: f"{view}.dcm" for view in VIEWS}, "", "")
    places = [
        (images[view], one["views"][view]["row"], one["views"][view]["column"])
        for one in truth["lesions"]
        if one["type"] == "cluster"
        for view in BREAST
        if view in one["views"]
    ]
    generator = np.random.default_rng(SEED)
    findings = []
    for number in range(REGIONS):
        image, row, column = places[number % len(places)]
        shift = generator.uniform(-20, 20, 2)
        findings.append(_region(image, row + shift[0], column + shift[1], "Calcifications"))
        findings.append(_region(image, row + generator.uniform(150, 400), column + shift[1], "Normal"))
    return tuple(images.values()), tuple(findings)


def _stop_after_one_breast(_fraction: float, message: str) -> None:
    if message.removeprefix("mammogram ") not in BREAST:
        raise Cancelled


def _region(image: Image, row: float, column: float, label: str) -> Finding:
    roi = Roi(RoiKind.RECTANGLE, ((row - HALF_PX, column - HALF_PX), (row + HALF_PX, column + HALF_PX)))
    return new_finding(image.attributes.identity, 0, roi, label)


def times(registry: ModelRegistry) -> dict[str, float]:
    """Return seconds from the last label to the heatmap, cold and followed, and what a window with Live on shows."""
    model = next(one.identity for one in registry.models if one.name == TIMED)
    with TemporaryDirectory() as folder:
        exam = Path(folder) / "exam"
        images, findings = phantom(exam)
        for image in images:
            image.frame(0)
        load_solver()
        figures = {f"20 + 20 regions, cold, {name}": value for name, value in _cold(registry, images, findings, model)}
        for image in images:
            image.close()
        os.environ["MAMMOVIEWER_HOME"] = str(Path(folder) / "home")
        return figures | in_the_window(exam, findings, model)


def _cold(
    registry: ModelRegistry, images: tuple[Image, ...], findings: tuple[Finding, ...], model: str
) -> list[tuple[str, float]]:
    whole: list[float] = []
    with ThreadRunner(1, "draft") as runner:
        quick = QuickLearning(runner, registry, HeatmapRuns(runner, runner, registry))

        def shown(identity: str, frame: int) -> None:
            heatmap = quick.heatmap(identity, frame)
            if heatmap is not None and heatmap.complete:
                whole.append(time.perf_counter())

        quick.changed.connect(shown)
        start = time.perf_counter()
        job = quick.learn(QuickTask(findings, images, model, images[0], 0))
        job.wait()
        if job.error is not None:
            raise job.error
    return [("all at once to heatmap (s)", whole[0] - start)]


def in_the_window(exam: Path, findings: tuple[Finding, ...], model: str) -> dict[str, float]:
    """Return what a reader with Live on waits for after each label, and how long the window does not answer."""
    application = make_application()
    bridge = Bridge(application)
    settings = SettingsFile()
    workspace = Workspace(settings.settings)
    load_runtime()
    window = MainWindow(workspace, settings)
    window.resize(1920, 1080)
    window.show()
    gaps = Gaps()
    window.open_paths([exam])
    gaps.during(lambda: _painted(window))
    workspace.desk.model = model
    state = workspace.active
    assert state is not None
    identity = state.image.attributes.identity
    switch_live(workspace)
    ready = [one for one in findings if one.image_uid == identity][-SHOWN:]
    first = [one for one in findings if one not in ready]
    for one in first:
        workspace.edit(AddFinding(one))
    gaps.during(lambda: _idle(workspace) and workspace.quick.heatmap(identity, 0) is not None)
    seconds, waits = [], []
    for one in ready:
        before = shown_output(workspace, state, 0).scores
        start = time.perf_counter()
        workspace.edit(AddFinding(one))
        longest, _ = gaps.during(lambda before=before: _shows_another(workspace, state, before))
        window.repaint()
        seconds.append(time.perf_counter() - start)
        rest, _ = gaps.during(lambda: _idle(workspace))
        waits.append(max(longest, rest))
    request = TrainingRequest(tuple(findings), workspace.images, model, "benchmark", WATCHED_S)
    thread = TrainingThread(workspace.training.start(request), window)
    thread.start()
    begun = time.monotonic()
    training, _ = gaps.during(lambda: thread.isFinished() or time.monotonic() - begun > WATCHED_S)
    thread.cancel()
    gaps.during(thread.isFinished)
    window.close()
    bridge.stop()
    workspace.close()
    return {
        "20 + 20 regions, followed, last label to painted heatmap (s)": seconds[-1],
        f"new label to painted heatmap, median of {len(seconds)} (s)": statistics.median(seconds),
        "new label to painted heatmap, longest (s)": max(seconds),
        "longest gap of the event loop while labels are followed (ms)": max(waits),
        f"longest gap of the event loop during {WATCHED_S:.0f} s of training (ms)": training,
    }


def _painted(window: MainWindow) -> bool:
    viewports = window.grid.viewports
    return bool(viewports) and all(not one.identity or not one.follower.waiting for one in viewports)


def _idle(workspace: Workspace) -> bool:
    return not workspace.quick.busy


def _shows_another(workspace: Workspace, state: ViewerState, before: Heatmap | None) -> bool:
    scores = shown_output(workspace, state, 0).scores
    return scores is not None and scores is not before and scores.complete


def areas(registry: ModelRegistry, data: Path, names: list[str]) -> dict[str, float]:
    """Return per trunk the AUC on the test cases of a head learnt from 20 patients, and that of the full training."""
    patches = load_infn(data)
    groups = np.asarray(merged_groups(patches.groups, near_duplicates(patches.images)))
    split = project_split("infn", groups.tolist(), [patches.classes[label] for label in patches.labels])
    test = np.flatnonzero(np.isin(groups, split.test))
    development = np.flatnonzero(np.isin(groups, split.train))
    labels = np.asarray(patches.labels, dtype=np.int64)
    truth = labels[test]
    figures: dict[str, float] = {}
    for name in names:
        model = OnnxModel(next(one for one in registry.models if one.name == name))
        seen = embedded(model, patches.images[test], turned=False)
        features = embedded(model, patches.images[development], turned=True)
        whole = Embedding(features, labels[development], tuple(groups[development].tolist()), 2)
        found = []
        for draw in range(DRAWS):
            chosen = np.random.default_rng(draw).permutation(sorted(split.train))[:PATIENTS]
            learnt = np.flatnonzero(np.isin(groups[development], chosen))
            part = whole.subset(learnt.tolist())
            with on_one_core():
                fit = fit_linear(part, choose_strength(part, draw))
            found.append(area_under_curve(truth, fit.probabilities(seen)[:, 1]))
        figures[f"AUC, {PATIENTS} patients, head on {name}, median"] = statistics.median(found)
        figures[f"AUC, {PATIENTS} patients, head on {name}, lowest"] = min(found)
    metrics = json.loads((bundled_models_dir() / TIMED / "manifest.json").read_text(encoding="utf-8"))["metrics"]
    figures["AUC, full training on 60 patients (model card)"] = metrics["test"]["auc"]
    return figures


def embedded(model: OnnxModel, images: StoredArray, *, turned: bool) -> FloatArray:
    """Return the embeddings (versions, n, K) of patches at the size of the model's patch, turned or as they are."""
    rows, columns = model.manifest.windows.patch
    pictures = np.stack([cv2.resize(np.asarray(one, dtype=np.float32) / 255, (columns, rows)) for one in images])
    versions = dihedral(pictures.astype(np.float32)) if turned else [pictures]
    return np.stack([embed_patches(model, np.ascontiguousarray(version)) for version in versions])


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/infn_microcalcifications"), metavar="DIR")
    parser.add_argument("--models", default="microcalc-dense,cnni-bcc-3x3", metavar="NAME,NAME")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    registry = ModelRegistry([bundled_models_dir()])
    figures = times(registry)
    report(figures, options.json)
    if options.data.is_dir():
        found = areas(registry, options.data, options.models.split(","))
        report(found, None)
        if options.json is not None:
            options.json.write_text(json.dumps(figures | found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
