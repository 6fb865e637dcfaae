"""Compare the draft of the minute loop with full training on the INFN patches of the same 20 patients.

Run ``python benchmarks/twenty_patients.py [--data DIR] [--trunks NAME,NAME] [--draws N] [--keep DIR]``; on two cores it
takes some minutes a draw. Of 25 development cases the recipe microcalc-dense keeps five aside, as it
does of every data set; from the other 20 it trains with its defaults (but for two folds instead of five, which judge
and do not change the network). The draft is fitted on those 20 as the window fits it, on trunks that have seen no INFN
patch. Both are judged on the patches of the project's test cases. ``--keep`` leaves data sets and models in a folder,
and takes those that are there already.
"""

from __future__ import annotations

import csv
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from measuring import arguments, report
from minute_loop import PATIENTS, embedded

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.datasets.infn import load_infn
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import Split, merged_groups, near_duplicates, project_split, read_split
from mammoviewer.inference.manifest import load_manifest
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.training.linear_fit import Embedding, choose_strength, fit_linear, on_one_core
from mammoviewer.training.metrics import area_under_curve

DRAWN = 25
RECIPE = "microcalc-dense"
TARGET = 0.03


def grouped(data: Path) -> tuple[PatchSet, Split]:
    """Return the patches with the cases that the recipe sees, and the project's split of them."""
    patches = load_infn(data)
    groups = merged_groups(patches.groups, near_duplicates(patches.images))
    classes = [patches.classes[label] for label in patches.labels]
    return PatchSet(patches.images, patches.labels, groups, patches.names, patches.classes), project_split(
        "infn", groups, classes
    )


def write_part(patches: PatchSet, data: Path, cases: list[str], folder: Path) -> None:
    """Write the patches of some cases as a data set of their own."""
    rows = [row for row in zip(patches.names, patches.labels, patches.groups, strict=True) if row[2] in cases]
    for name, _, _ in rows:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data / name, folder / name)
    with (folder / "patches.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("file", "label", "case"))
        writer.writerows(rows)


def trained(data: Path, model: Path) -> tuple[str, ...]:
    """Train where there is no model yet, and return the cases it was trained on."""
    if not model.is_dir():
        command = [sys.executable, "-m", "mammoviewer", "train", "--recipe", RECIPE, "--data", str(data)]
        settings = ["--set", "folds=2", "--set", "threads=1", "--set", "explained=0"]
        subprocess.run([*command, "--out", str(model), *settings], check=True, stdout=subprocess.DEVNULL)
    return read_split(model / "split.json").train


def positive(model: Path, patches: PatchSet, chosen: np.ndarray) -> DoubleArray:
    """Return the probability of a cluster in patches, by a published model."""
    network = OnnxModel(load_manifest(model))
    pictures = patches.images[chosen].astype(np.float32)[:, np.newaxis] / 255
    logits = [network.run(as_batch(pictures[i : i + 8], 1))[0] for i in range(0, len(pictures), 8)]
    found: DoubleArray = np.concatenate(logits).astype(np.float64)[:, -1]
    return found


def compare(data: Path, folder: Path, trunks: list[str], draws: int) -> dict[str, float]:
    """Return the areas on the test cases, by draw and in the middle, and how far the drafts are behind."""
    patches, split = grouped(data)
    groups, labels = np.asarray(patches.groups), np.asarray(patches.labels, dtype=np.int64)
    test, development = (np.flatnonzero(np.isin(groups, names)) for names in (split.test, split.train))
    models = {one.name: one for one in ModelRegistry([bundled_models_dir()]).models}
    wholes, unseen = {}, {}
    for name in trunks:
        model = OnnxModel(models[name])
        features = embedded(model, patches.images[development], turned=True)
        wholes[name] = Embedding(features, labels[development], tuple(groups[development].tolist()), 2)
        unseen[name] = embedded(model, patches.images[test], turned=False)
    areas: dict[str, list[float]] = {name: [] for name in ("full training", *trunks)}
    for draw in range(draws):
        place = folder / f"draw-{draw}"
        if not (place / "data").is_dir():
            cases = np.random.default_rng(draw).permutation(sorted(split.train))[:DRAWN].tolist()
            write_part(patches, data, cases, place / "data")
        learnt = trained(place / "data", place / "model")
        assert len(learnt) == PATIENTS
        areas["full training"].append(area_under_curve(labels[test], positive(place / "model", patches, test)))
        for name in trunks:
            part = wholes[name].subset(np.flatnonzero(np.isin(groups[development], learnt)).tolist())
            with on_one_core():
                fit = fit_linear(part, choose_strength(part, draw))
            areas[name].append(area_under_curve(labels[test], fit.probabilities(unseen[name])[:, 1]))
    figures = {f"AUC, draw {draw}, {name}": values[draw] for name, values in areas.items() for draw in range(draws)}
    for name, values in areas.items():
        figures[f"AUC, median, {name}"] = statistics.median(values)
    for name in trunks:
        behind = [full - draft for full, draft in zip(areas["full training"], areas[name], strict=True)]
        figures[f"draft on {name} behind full training, median"] = statistics.median(behind)
        figures[f"draft on {name} behind full training, most (at most {TARGET})"] = max(behind)
    return figures


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/infn_microcalcifications"), metavar="DIR")
    parser.add_argument("--trunks", default="cnni-bcc-3x3", metavar="NAME,NAME")
    parser.add_argument("--draws", type=int, default=5, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        report(compare(options.data, place, options.trunks.split(","), options.draws), options.json)


if __name__ == "__main__":
    main()
