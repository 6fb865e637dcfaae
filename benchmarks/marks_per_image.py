"""Count the marks of a classifier on whole images, by threshold, with and without the air filled.

Run ``python benchmarks/marks_per_image.py [--data DIR] [--model FOLDER] [--exams DIR] [--json FILE] [--own] [--few]
[--write]``. Every image goes through :mod:`mammoviewer.inference.predict`, in one pass where the model has that form;
``--own`` leaves out the variant that is not the model's, ``--few`` half of the exams. Phantom exams are made anew (or
kept in ``--exams``); real images are read from ``--data``. A true place is a phantom cluster or a calcification of
mini-MIAS; a mark within its radius + 5 mm finds it, and any other mark is false. Images without a truth (one GE
mammogram, one exam of four films) are counted apart, the first as "unknown". Half of the exams (by seed) and of the
films (by patient) choose the marking threshold; the other half reports. ``--write`` puts it into the model's folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from measuring import arguments

from mammoviewer.base.errors import Cancelled
from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.datasets.mini_mias import PIXEL_SIZE_MM, Film, load_mini_mias
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.phantom.exam import PIXEL_MM, VIEWS, PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.truth import exam_truth
from mammoviewer.inference.detections import find_peaks
from mammoviewer.inference.manifest import ModelManifest, load_manifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import Mode, predict_image
from mammoviewer.training.marking import MarkFigures, lowest_threshold, write_marking

EXAMS = ((11, "A"), (11, "C"), (12, "B"), (12, "D"), (13, "A"), (13, "C"), (14, "B"), (14, "D"))
FEW_EXAMS = ((11, "A"), (12, "D"), (13, "C"), (14, "B"))
CHOOSING_SEEDS = (11, 12)
FILL_AIR = {"op": "fill_air", "margin": 24, "image_edge": True}
THRESHOLDS = (*(round(0.3 + 0.01 * step, 2) for step in range(70)), 0.995, 0.999)
SHOWN = (0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
SLACK_MM = 5.0
NORMAL_FILMS = 10
COMMAND = "python benchmarks/marks_per_image.py --write"


@dataclass(frozen=True)
class Place:
    """A true place: stored (row, column), and the distance in stored pixels within which a mark finds it."""

    row: float
    column: float
    reach_px: float


@dataclass(frozen=True)
class Case:
    """An image file and what is known of it; ``group`` is phantom, normal, calcification or unknown."""

    group: str
    path: Path
    choosing: bool
    places: tuple[Place, ...] = ()
    pixel_size_mm: float | None = None


@dataclass
class Marks:
    """What one image got: the scores of its false marks, and of the best mark at each true place (0 without one)."""

    case: Case
    false: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)


def phantom_cases(folder: Path, exams: Sequence[tuple[int, str]] = EXAMS) -> Iterator[Case]:
    """Yield the mammograms of the exams, written to ``folder`` where they are not there yet."""
    for seed, density in exams:
        directory = folder / f"{seed}{density}"
        names = {view: f"{view}.dcm" for view in VIEWS}
        if not (directory / "LMLO.dcm").exists():
            with contextlib.suppress(Cancelled):
                write_exam(directory, seed=seed, density=density, progress=_stop_before_tomosynthesis)
        truth: Any = exam_truth(PhantomExam(PhantomRequest(seed, density)), names, "", "")
        for view, name in names.items():
            clusters = [one for one in truth["lesions"] if one["type"] == "cluster" and view in one["views"]]
            yield Case(
                "phantom",
                directory / name,
                seed in CHOOSING_SEEDS,
                tuple(_place(one["views"][view], PIXEL_MM) for one in clusters),
            )


def _stop_before_tomosynthesis(_fraction: float, message: str) -> None:
    if not message.startswith("mammogram"):
        raise Cancelled


def _place(view: dict[str, float], pixel_mm: float) -> Place:
    return Place(view["row"], view["column"], view["radius_px"] + SLACK_MM / pixel_mm)


def film_cases(data: Path) -> Iterator[Case]:
    """Yield ten normal films of mini-MIAS and all with a listed calcification; halves are of whole patients."""
    films = load_mini_mias(data / "mini_mias")
    normal = [film for film in films if film.abnormality == "NORM"]
    for film in normal[:: len(normal) // NORMAL_FILMS][:NORMAL_FILMS]:
        yield Case("normal", film.path, _chooses(film), (), PIXEL_SIZE_MM)
    listed = [film for film in films if film.abnormality == "CALC"]
    for path in sorted({film.path for film in listed}):
        lines = [film for film in listed if film.path == path]
        places = [
            Place(*film.centre, film.radius_px + SLACK_MM / PIXEL_SIZE_MM)
            for film in lines
            if film.centre is not None and film.radius_px is not None
        ]
        if places and len(places) == len(lines):
            yield Case("calcification", path, _chooses(lines[0]), tuple(places), PIXEL_SIZE_MM)


def _chooses(film: Film) -> bool:
    return int(film.patient.split()[-1]) % 2 == 0


def unknown_cases(data: Path) -> Iterator[Case]:
    """Yield the real digital mammogram and the four films of one exam, of which nobody says what they show."""
    yield Case("unknown", data / "dicom" / "ge_essential_rmlo.dcm", False)
    for path in sorted((data / "nyu_four_view").glob("*.png")):
        yield Case("unknown", path, False, (), 0.1)


def marks_of(case: Case, model: OnnxModel) -> Marks:
    """Run the model over the image of a case and sort its marks into found places and false ones."""
    (image,) = open_paths([case.path], pixel_spacing_mm=case.pixel_size_mm).images
    mode: Mode = "patches" if model.manifest.windows.lacks_dense else "dense"
    # Films have coarser pixels than the model was made for: what it marks there is wanted all the same.
    heatmap = predict_image(image, 0, model, pixel_size_mm=case.pixel_size_mm, mode=mode, override=True).heatmap
    marks = Marks(case, found=[0.0] * len(case.places))
    # Peaks from a higher threshold are the first of these: the highest are taken first.
    for peak in find_peaks(heatmap, threshold=THRESHOLDS[0], limit=10_000):
        hits = [
            number
            for number, place in enumerate(case.places)
            if np.hypot(peak.row - place.row, peak.column - place.column) <= place.reach_px
        ]
        for number in hits:
            marks.found[number] = max(marks.found[number], peak.score)
        if not hits:
            marks.false.append(peak.score)
    return marks


def false_per_image(marks: Sequence[Marks], threshold: float) -> float:
    return float(np.mean([sum(score >= threshold for score in one.false) for one in marks]))


def share_found(marks: Sequence[Marks], threshold: float) -> float:
    return float(np.mean([score >= threshold for one in marks for score in one.found]))


def table(marks: Sequence[Marks]) -> dict[str, dict[str, list[float]]]:
    """Return, by half and group, the curves over :data:`THRESHOLDS`."""
    result: dict[str, dict[str, list[float]]] = {}
    for half in ("choosing", "reporting"):
        curves = result.setdefault(half, {})
        for group in ("phantom", "normal", "calcification", "unknown"):
            part = _part(marks, group, choosing=half == "choosing")
            if part:
                curves[f"{group}_false_per_image"] = [false_per_image(part, t) for t in THRESHOLDS]
            if any(one.found for one in part):
                curves[f"{group}_found"] = [share_found(part, t) for t in THRESHOLDS]
    return result


def _part(marks: Sequence[Marks], group: str, *, choosing: bool) -> list[Marks]:
    return [one for one in marks if one.case.group == group and one.case.choosing is choosing]


def chosen_threshold(marks: Sequence[Marks]) -> float:
    """Return the marking threshold by the rule of :mod:`mammoviewer.training.marking`, from the choosing half alone."""
    part = _part(marks, "phantom", choosing=True)
    return lowest_threshold(THRESHOLDS, {t: false_per_image(part, t) for t in THRESHOLDS})


def reported(marks: Sequence[Marks], threshold: float) -> MarkFigures:
    """Return the figures of the reporting half from a threshold on."""
    phantom, normal, calcified, unknown = (
        _part(marks, group, choosing=False) for group in ("phantom", "normal", "calcification", "unknown")
    )
    return MarkFigures(
        threshold=threshold,
        phantom_views=len(phantom),
        phantom_false_marks=false_per_image(phantom, threshold),
        phantom_clusters=sum(len(one.found) for one in phantom),
        phantom_clusters_found=share_found(phantom, threshold),
        normal_films=len(normal),
        normal_film_marks=false_per_image(normal, threshold),
        calcifications=sum(len(one.found) for one in calcified),
        calcifications_found=share_found(calcified, threshold),
        unknown_images=len(unknown),
        unknown_image_marks=false_per_image(unknown, threshold),
    )


def command_of(options: argparse.Namespace, name: str) -> str:
    """Return the command that counts the same again; whether other variants are shown beside does not matter."""
    return f"{COMMAND} --model models/{name}{' --few' if options.few else ''}"


def variants(manifest: ModelManifest) -> dict[str, ModelManifest]:
    """Return the model without and with the air filled; neither changes the other steps."""
    plain = [step for step in manifest.preprocessing if step["op"] != "fill_air"]
    fill = next((step for step in manifest.preprocessing if step["op"] == "fill_air"), FILL_AIR)
    scale = next((n for n, step in enumerate(plain) if step["op"] == "scale"), len(plain))
    filled = [*plain[:scale], fill, *plain[scale:]]
    return {
        name: replace(manifest, preprocessing=tuple(steps)) for name, steps in (("plain", plain), ("filled", filled))
    }


def show(name: str, curves: dict[str, dict[str, list[float]]]) -> None:
    for half, columns in curves.items():
        print(f"\n{name}, {half} half\nthreshold  " + "  ".join(columns))
        for index, threshold in enumerate(THRESHOLDS):
            if threshold in SHOWN:
                cells = (f"{values[index]:{len(title)}.2f}" for title, values in columns.items())
                print(f"{threshold:9g}  " + "  ".join(cells))


def main() -> None:
    options = parsed()
    manifest = load_manifest(options.model)
    with TemporaryDirectory(prefix="marks-") as temporary:
        cases = [
            *phantom_cases(options.exams or Path(temporary), FEW_EXAMS if options.few else EXAMS),
            *film_cases(options.data),
            *unknown_cases(options.data),
        ]
        figures: dict[str, Any] = {"model": manifest.identity, "thresholds": THRESHOLDS, "variants": {}}
        for name, variant in variants(manifest).items():
            if options.own and variant.preprocessing != manifest.preprocessing:
                continue
            start = time.perf_counter()
            model = OnnxModel(variant, threads=1)
            marks = [marks_of(case, model) for case in cases]
            threshold = chosen_threshold(marks)
            report = reported(marks, threshold)
            curves = table(marks)
            show(name, curves)
            print(f"\n{name}: marking threshold {threshold:g}, {time.perf_counter() - start:.0f} s")
            print("\n".join(f"  {key} {value:g}" for key, value in asdict(report).items()))
            figures["variants"][name] = {"curves": curves, "reported": asdict(report)}
            if options.write and variant.preprocessing == manifest.preprocessing:
                write_marking(options.model, report, command=command_of(options, manifest.name))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def parsed() -> argparse.Namespace:
    root = Path(__file__).resolve().parents[1]
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data", help="folder of the real images")
    parser.add_argument(
        "--model", type=Path, default=bundled_models_dir() / "microcalc-hypermodel", help="model folder"
    )
    parser.add_argument("--exams", type=Path, metavar="DIR", help="keep the phantom exams here, and take those there")
    parser.add_argument("--own", action="store_true", help="count with the preprocessing of the model alone")
    parser.add_argument("--few", action="store_true", help="half of the phantom exams: quicker, less certain")
    parser.add_argument("--write", action="store_true", help="put threshold and figures into the model folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
