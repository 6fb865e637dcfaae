"""The main job from end to end without a window: look, filter, predict, explain, label, export, retrain.

It does what a reader does by hand, with the same functions, on the demo exam, and writes what it made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import BoolArray
from mammoviewer.base.progress import Progress, subprogress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.breast_mask import breast_mask
from mammoviewer.imaging.filter_chain import parse_filter
from mammoviewer.inference.cam import cam_for_image
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import predict_image, prepare_frame
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.session.demo import demo_truth
from mammoviewer.session.exporting import ExportContent, export, offered_formats, why_not
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering, render, write_picture
from mammoviewer.session.training_runs import TrainingRequest, TrainingRun
from mammoviewer.session.viewer_state import OverlayStyle

REGIONS_PER_CLASS = 10
LABELS = {"cluster": "Calcifications", "mass": "Mass"}
NORMAL = "Normal"
_MARGIN_MM = 12.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class DemoOptions:
    """Where the demo writes, with which model, and whether it retrains."""

    out: Path
    model: str
    train: bool = True
    seconds: float = 20.0


@dataclass(frozen=True)
class DemoRun:
    """The exam and where what is made of it goes."""

    images: tuple[Image, ...]
    findings: tuple[Finding, ...]
    options: DemoOptions
    registry: ModelRegistry
    say: Say


def run_demo(exam: Path, options: DemoOptions, registry: ModelRegistry, say: Say, progress: Progress) -> None:
    """Walk the main job over an exam folder and write pictures, heatmap, CAM and exports to ``options.out``."""
    images = open_paths([exam], progress=subprogress(progress, 0.0, 0.05)).images
    say(f"opened {len(images)} images")
    for image in images:
        _render_views(image, options.out)
    say("rendered every image as hung, and one with CLAHE and one with the wavelet filter")
    demo = DemoRun(images, truth_findings(demo_truth(exam), images), options, registry, say)
    chosen = _image_with(demo.findings, images, LABELS["cluster"])
    _predict_and_export(demo, chosen, progress)
    if options.train:
        _retrain(demo, chosen, subprogress(progress, 0.5, 1.0))


def truth_findings(truth: dict[str, Any], images: tuple[Image, ...]) -> tuple[Finding, ...]:
    """Return regions around the lesions of a phantom's truth on every image of it, and as many normal places.

    At most ``REGIONS_PER_CLASS`` of a class, flat views first, then slices of the volume.
    """
    by_name = {image.attributes.path.name: image for image in images}
    flat, slices = [], []
    for lesion in truth["lesions"]:
        label = LABELS[lesion["type"]]
        for place in lesion["views"].values():
            flat.append(_around(by_name[place["file"]], 0, place, label))
        tomo = lesion.get("tomo")
        if tomo:
            image = by_name[tomo["file"]]
            slices += [
                _around(image, frame, tomo, label) for frame in range(tomo["first_frame"], tomo["last_frame"] + 1)
            ]
    lesions: list[Finding] = []
    for label in LABELS.values():
        lesions += [finding for finding in (*flat, *slices) if finding.label == label][:REGIONS_PER_CLASS]
    return (*lesions, *_normal_places(truth, images))


def _around(image: Image, frame: int, place: dict[str, Any], label: str) -> Finding:
    row, column, radius = place["row"], place["column"], max(place["radius_px"], 8.0)
    roi = Roi(RoiKind.ELLIPSE, ((row - radius, column - radius), (row + radius, column + radius)))
    return new_finding(image.attributes.identity, frame, roi, label, reader="phantom truth")


def _normal_places(truth: dict[str, Any], images: tuple[Image, ...]) -> list[Finding]:
    """Return small regions inside the breast, away from every lesion, the same ones at every call."""
    generator = np.random.default_rng(1)
    flat = [image for image in images if image.attributes.kind is ImageKind.MAMMOGRAM]
    found: list[Finding] = []
    for image in itertools.islice(itertools.cycle(flat), REGIONS_PER_CLASS):
        free = _free_of_lesions(truth, image)
        rows, columns = np.nonzero(free)
        pick = int(generator.integers(rows.size))
        place = {"row": float(rows[pick]), "column": float(columns[pick]), "radius_px": 5.0 / _spacing_mm(image)}
        found.append(_around(image, 0, place, NORMAL))
    return found


def _free_of_lesions(truth: dict[str, Any], image: Image) -> BoolArray:
    free = breast_mask(image.frame(0), padding=image.attributes.padding)
    row, column = np.ogrid[: free.shape[0], : free.shape[1]]
    margin = _MARGIN_MM / _spacing_mm(image)
    free &= (row > margin) & (row < free.shape[0] - margin) & (column > margin) & (column < free.shape[1] - margin)
    for lesion in truth["lesions"]:
        for place in lesion["views"].values():
            if place["file"] == image.attributes.path.name:
                distance = np.hypot(row - place["row"], column - place["column"])
                free &= distance > place["radius_px"] + margin
    return free


def _spacing_mm(image: Image) -> float:
    spacing = image.attributes.pixel_spacing
    return spacing.row_mm if spacing is not None else 0.1


def _image_with(findings: tuple[Finding, ...], images: tuple[Image, ...], label: str) -> Image:
    wanted = {finding.image_uid for finding in findings if finding.label == label}
    return next(image for image in images if image.attributes.identity in wanted)


def _view(image: Image) -> Rendering:
    state = first_view(image)
    return Rendering(image=image, frame=state.frame, voi=state.voi, orientation=state.orientation)


def _render_views(image: Image, out: Path) -> None:
    name = image.attributes.path.stem
    view = _view(image)
    write_picture(out / "views" / f"{name}.png", render(view))
    for title, text in (("clahe", "clahe:tiles=8,clip=0.02"), ("wavelet", "wavelet:sym3,levels=3,q=1.5")):
        if image.attributes.kind is ImageKind.MAMMOGRAM and image.attributes.view.label == "RCC":
            filtered = replace(view, filters=(parse_filter(text),))
            write_picture(out / "views" / f"{name}-{title}.png", render(filtered))


def _predict_and_export(demo: DemoRun, image: Image, progress: Progress) -> None:
    model = OnnxModel(demo.registry.get(demo.options.model))
    # An exam of reduced size has coarser pixels than the model was made for; it is only to show what the program does.
    prediction = predict_image(image, 0, model, override=True, progress=subprogress(progress, 0.1, 0.3))
    stem = image.attributes.path.stem
    own = tuple(finding for finding in demo.findings if finding.image_uid == image.attributes.identity)
    heatmap = prediction.map
    legend = f"{heatmap.model}\n{heatmap.class_name}\nscore"
    view = replace(_view(image), heat=heatmap, legend=legend, findings=own, marks=prediction.detections)
    content = ExportContent(view=view, heatmaps={0: heatmap}, findings=own)
    keys = tuple(form.key for form in offered_formats(content) if not why_not(form, content))
    written = export(content, keys, demo.options.out / "exports", stem).paths
    demo.say(f"{model.manifest.identity} on {stem}: {len(prediction.detections)} peaks; wrote {len(written)} exports")
    prepared = prepare_frame(image, 0, model.manifest, override=True)
    cam = cam_for_image(prepared, model, progress=subprogress(progress, 0.3, 0.5))
    explained = replace(_view(image), heat=cam, style=OverlayStyle(threshold=0.2, colormap="viridis"))
    write_picture(demo.options.out / f"{stem}-cam.png", render(explained))
    demo.say("explained it over the whole image")


def _retrain(demo: DemoRun, image: Image, progress: Progress) -> None:
    chosen = tuple(finding for finding in demo.findings if finding.label in {NORMAL, LABELS["cluster"]})
    options = demo.options
    run = TrainingRun(
        TrainingRequest(chosen, demo.images, options.model, "Demo retrained", options.seconds), demo.registry
    )
    run.event.connect(lambda event: demo.say(f"  {event.message}") if event.kind == "epoch" else None)
    identity = run.run(progress)
    prediction = predict_image(image, 0, OnnxModel(demo.registry.get(identity)))
    path = options.out / f"{image.attributes.path.stem}-retrained.png"
    write_picture(path, render(replace(_view(image), heat=prediction.map)))
    demo.say(f"retrained on {len(chosen)} regions: {identity}")
