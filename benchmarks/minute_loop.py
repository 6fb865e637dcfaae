"""Time the draft from the last label to its heatmap, and compare its head with full training on the INFN patches.

Run ``python benchmarks/minute_loop.py [--data DIR] [--models NAME,NAME] [--json FILE]``. Times: 20 + 20 regions on the
four mammograms of a phantom exam, on specks and beside them. "followed" is what a reader with Live on waits for after
the last label (the windows of the image were looked at while drawing), "cold" is everything at once, from decoded
frames. AUC: the head learns from the patches of 20 patients among the development cases and is judged on the patches of
the project's test cases, which no bundled model has seen; median of five draws. The trunk of microcalc-dense
has seen the development cases, and its own head is the full training; those of the film models have seen none of these.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from measuring import arguments, report

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import Cancelled
from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.datasets.infn import load_infn
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.regions import dihedral
from mammoviewer.datasets.splits import merged_groups, near_duplicates, project_split
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.phantom.exam import VIEWS, PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.truth import exam_truth
from mammoviewer.inference.embedding import embed_patches
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.heatmap_runs import HeatmapRuns
from mammoviewer.session.quick_learning import QuickLearning, QuickTask
from mammoviewer.training.linear_fit import Embedding, choose_strength, fit_linear, load_solver
from mammoviewer.training.metrics import area_under_curve

SEED, DENSITY = 11, "C"
TIMED = "microcalc-dense"
REGIONS = 20
PATIENTS = 20
DRAWS = 5
HALF_PX = 30.0


def phantom(folder: Path) -> tuple[tuple[Image, ...], tuple[Finding, ...]]:
    """Return the mammograms of the exam, and 20 + 20 regions on them, specks and others in turn."""
    with contextlib.suppress(Cancelled):
        write_exam(folder, seed=SEED, density=DENSITY, progress=_stop_before_tomosynthesis)
    names = {view: f"{view}.dcm" for view in VIEWS}
    images = {view: open_paths([folder / name]).images[0] for view, name in names.items()}
    truth: Any = exam_truth(PhantomExam(PhantomRequest(SEED, DENSITY)), names, "", "")
    places = [
        (images[view], one["views"][view]["row"], one["views"][view]["column"])
        for one in truth["lesions"]
        if one["type"] == "cluster"
        for view in one["views"]
    ]
    generator = np.random.default_rng(SEED)
    findings = []
    for number in range(REGIONS):
        image, row, column = places[number % len(places)]
        shift = generator.uniform(-20, 20, 2)
        findings.append(_region(image, row + shift[0], column + shift[1], "Calcifications"))
        findings.append(_region(image, row + generator.uniform(150, 400), column + shift[1], "Normal"))
    return tuple(images.values()), tuple(findings)


def _stop_before_tomosynthesis(_fraction: float, message: str) -> None:
    if not message.startswith("mammogram"):
        raise Cancelled


def _region(image: Image, row: float, column: float, label: str) -> Finding:
    roi = Roi(RoiKind.RECTANGLE, ((row - HALF_PX, column - HALF_PX), (row + HALF_PX, column + HALF_PX)))
    return new_finding(image.attributes.identity, 0, roi, label)


def times(registry: ModelRegistry) -> dict[str, float]:
    """Return seconds from the last label to the whole heatmap and to the judgement, followed and cold."""
    model = next(one.identity for one in registry.models if one.name == TIMED)
    with TemporaryDirectory() as folder:
        images, findings = phantom(Path(folder))
        for image in images:
            image.frame(0)
        load_solver()
        cold = _seconds(registry, images, [findings], model)
        followed = _seconds(registry, images, [findings[:-1], findings], model)
        for image in images:
            image.close()
    return {f"{way}, {name}": value for way, found in (("cold", cold), ("followed", followed)) for name, value in found}


def _seconds(
    registry: ModelRegistry, images: tuple[Image, ...], steps: list[tuple[Finding, ...]], model: str
) -> list[tuple[str, float]]:
    whole: list[float] = []
    with ThreadRunner(1, "draft") as runner:
        quick = QuickLearning(runner, registry, HeatmapRuns(runner, runner, registry))

        def shown(identity: str, frame: int) -> None:
            heatmap = quick.heatmap(identity, frame)
            if heatmap is not None and heatmap.complete:
                whole.append(time.perf_counter())

        quick.changed.connect(shown)
        for findings in steps:
            whole.clear()
            start = time.perf_counter()
            job = quick.learn(QuickTask(findings, images, model, images[0], 0))
            job.wait()
            if job.error is not None:
                raise job.error
            ended = time.perf_counter()
    return [("last label to heatmap (s)", whole[0] - start), ("last label to judgement (s)", ended - start)]


def areas(registry: ModelRegistry, data: Path, names: list[str]) -> dict[str, float]:
    """Return per trunk the AUC on the test cases of a head learnt from 20 patients, and that of the full training."""
    patches = load_infn(data)
    groups = np.asarray(merged_groups(patches.groups, near_duplicates(patches.images)))
    split = project_split("infn", groups.tolist(), [patches.classes[label] for label in patches.labels])
    test = np.flatnonzero(np.isin(groups, split.test))
    truth = np.asarray(patches.labels)[test]
    figures: dict[str, float] = {}
    for name in names:
        model = OnnxModel(next(one for one in registry.models if one.name == name))
        features = _embedded(model, patches)
        found = []
        for draw in range(DRAWS):
            chosen = np.random.default_rng(draw).permutation(sorted(split.train))[:PATIENTS]
            learnt = np.flatnonzero(np.isin(groups, chosen))
            labels = np.asarray(patches.labels, dtype=np.int64)[learnt]
            part = Embedding(features[:, learnt], labels, tuple(groups[learnt].tolist()), 2)
            fit = fit_linear(part, choose_strength(part, draw))
            found.append(area_under_curve(truth, fit.probabilities(features[:, test])[:, 1]))
        figures[f"AUC, {PATIENTS} patients, head on {name}, median"] = statistics.median(found)
        figures[f"AUC, {PATIENTS} patients, head on {name}, lowest"] = min(found)
    metrics = json.loads((bundled_models_dir() / TIMED / "manifest.json").read_text(encoding="utf-8"))["metrics"]
    figures["AUC, full training on 60 patients (model card)"] = metrics["test"]["auc"]
    return figures


def _embedded(model: OnnxModel, patches: PatchSet) -> FloatArray:
    """Return the embeddings (8, n, 2 C) of all patches at the size of the model's patch."""
    rows, columns = model.manifest.windows.patch
    pictures = np.stack(
        [cv2.resize(np.asarray(one, dtype=np.float32) / 255, (columns, rows)) for one in patches.images]
    ).astype(np.float32)
    return np.stack([embed_patches(model, np.ascontiguousarray(turned)) for turned in dihedral(pictures)])


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/infn_microcalcifications"), metavar="DIR")
    parser.add_argument("--models", default="microcalc-dense,cnni-bcc", metavar="NAME,NAME")
    options = parser.parse_args()
    registry = ModelRegistry([bundled_models_dir()])
    figures = times(registry)
    if options.data.is_dir():
        figures |= areas(registry, options.data, options.models.split(","))
    report(figures, options.json)


if __name__ == "__main__":
    main()
