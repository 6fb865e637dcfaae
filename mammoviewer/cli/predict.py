"""``mammoviewer predict``: a classifier over images, without a window; the same functions as the window uses.

``predictions.json`` tells up to 20 places of an image, the highest first; of a volume up to 20 in all, each in the
frame where its score is highest and with the first and the last frame it is seen in. Rows and columns are stored pixel
centres, frames count from 0. Scores of slices, images and breasts are put together by rules that it names. Results are
kept in the user's cache and taken from there when the same is asked again; a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError, ExportError, InputError, MammoViewerError
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.cli.opening import (
    add_reading_options,
    failure,
    load_model,
    named_ones_opened,
    open_all,
    rejected_text,
    results_cache,
)
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.inference.aggregate import DEFAULT_RULE, checked_rule, class_scores
from mammoviewer.inference.cam import cam_for_image
from mammoviewer.inference.cam_methods import METHODS
from mammoviewer.inference.detections import grouped_over_frames
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest_schema import DETECTION
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import MODES, Mode, Prediction, predict_image, prepare_frame
from mammoviewer.inference.predictions_file import (
    ImagePredictions,
    Rules,
    examination_score,
    examinations,
    heatmap_tiff,
    predictions_json,
    write_predictions,
)
from mammoviewer.inference.preprocess import assumptions
from mammoviewer.inference.result_cache import ResultCache

NAME = "predict"
_PROGRESS_WIDTH = 79


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="run a classifier over images", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--model", required=True, metavar="NAME", help="a model of `mammoviewer models list`")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument("--mode", choices=MODES, default="patches", help="default %(default)s")
    parser.add_argument("--stride", type=int, metavar="N", help="model pixels between windows (default: the model's)")
    frames = parser.add_mutually_exclusive_group()
    frames.add_argument("--frame", type=int, metavar="N", help="one 0-based frame of a volume")
    frames.add_argument("--frames", default="all", metavar="all|LIST", help="e.g. 3,10-20; default all")
    parser.add_argument("--threshold", type=float, metavar="P", help="lowest score of a peak (default: the model's)")
    parser.add_argument("--cam", action="store_true", help="also write the explanation (CAM) over the image")
    parser.add_argument("--cam-method", choices=METHODS, help="default: the model's")
    rules = "max, mean, top-K, noisy-or or s3; default %(default)s"
    parser.add_argument("--over-slices", default=DEFAULT_RULE, metavar="RULE", help=f"slices to volume: {rules}")
    parser.add_argument("--over-images", default=DEFAULT_RULE, metavar="RULE", help=f"images to breast: {rules}")
    parser.add_argument("--no-cache", action="store_true", help="neither take results from the cache nor keep them")
    add_reading_options(parser)
    parser.add_argument("--int8", action="store_true", help="run the int8 form of the model if it has one")
    parser.add_argument("--force", action="store_true", help="run although the model was not made for the image")
    parser.add_argument("--json", action="store_true", help="write predictions.json on stdout too")


@dataclass(frozen=True)
class _Run:
    """The options of one call and the model."""

    model: OnnxModel
    options: argparse.Namespace
    mode: Mode
    rules: Rules
    cache: ResultCache | None

    def frames_of(self, image: Image) -> tuple[int, ...]:
        if self.options.frame is not None:
            return (int(self.options.frame),)
        return parse_frames(self.options.frames, image.attributes.frames)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; return 0 when every image was predicted, 1 when one could not be."""
    _check_options(args)
    model = load_model(args.model, int8=args.int8)
    if args.int8 and model.role != "int8":
        print(f"mammoviewer: {model.manifest.identity} has no int8 form; its usual form runs", file=sys.stderr)
    if args.cam and model.manifest.task == DETECTION:
        reason = f"model {model.manifest.identity} gives boxes, which no map explains"
        raise ArgumentError(reason, hint="leave --cam out: its marks are its explanation")
    mode = _mode(model, args)
    rules = Rules(checked_rule(args.over_slices), checked_rule(args.over_images))
    opened = open_all(args.paths, args)
    complete = _report_rejected(opened, args.paths)
    if not opened.images:
        return 1
    _make_folder(args.out)
    job = _Run(model, args, mode, rules, None if args.no_cache else results_cache())
    done: list[ImagePredictions] = []
    for number, image in enumerate(opened.images):
        try:
            done.append(_predict(image, number, job))
        except MammoViewerError as error:
            complete = False
            print(f"mammoviewer: {error}", file=sys.stderr)
        finally:
            image.close()
    write_predictions(args.out / "predictions.json", model.manifest, done, mode=mode, rules=rules)
    if args.json:
        print(json.dumps(predictions_json(model.manifest, done, mode=mode, rules=rules), indent=2))
    else:
        _tell_breasts(done, rules)
    return 0 if complete else 1


def parse_frames(text: str, count: int) -> tuple[int, ...]:
    """Return the 0-based frames of ``all`` or a list such as ``3,10-20``.

    Raises
    ------
    ArgumentError
        The text is not such a list, or names a frame that is not there.
    """
    if text == "all":
        return tuple(range(count))
    chosen: set[int] = set()
    for part in text.split(","):
        numbers = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", part.strip())
        first = int(numbers[1]) if numbers else 0
        last = int(numbers[2] or first) if numbers else -1
        if last < first:
            raise ArgumentError(f"{text!r} is not a list of frames", hint="such as 3,10-20, or all")
        if last >= count:
            raise InputError(f"there is no frame {last}: the image has {count}, counted from 0")
        chosen.update(range(first, last + 1))
    return tuple(sorted(chosen))


def _check_options(args: argparse.Namespace) -> None:
    if args.pixel_size is not None and not 0.001 <= args.pixel_size <= 10:
        raise ArgumentError("--pixel-size must lie between 0.001 and 10 mm")
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise ArgumentError("--threshold must lie between 0 and 1")
    if args.stride is not None and args.stride < 1:
        raise ArgumentError("--stride must be at least 1")


def _mode(model: OnnxModel, args: argparse.Namespace) -> Mode:
    """Return the mode that runs, and warn where it, or the stride, is not what the reader may expect."""
    tiling, name = model.manifest.tiling, model.manifest.identity
    if tiling is None:
        if args.stride is not None or args.mode != "patches":
            _warn(f"model {name} looks at whole images: --mode and --stride are left aside")
        args.stride = None
        return "patches"
    if args.stride is not None and args.stride > min(tiling.patch):
        _warn(
            f"a stride of {args.stride} is longer than the patch of {min(tiling.patch)}: the model does not see what "
            "lies between its windows"
        )
    if args.mode == "dense" and tiling.lacks_dense:
        _warn(f"model {name} {tiling.lacks_dense}: patches are run instead")
        return "patches"
    if args.mode == "dense" and args.stride is not None:
        _warn("--stride is left aside: the dense mode has its own")
        args.stride = None
    mode: Mode = args.mode
    return mode


def _warn(text: str) -> None:
    print(f"mammoviewer: {text}", file=sys.stderr)


@contextmanager
def _shown_progress(name: str) -> Iterator[Progress]:
    """Give a progress that is written over itself on a terminal's stderr, and nowhere else; clear it at the end."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    last = ""

    def report(fraction: float, message: str) -> None:
        nonlocal last
        text = f"{name}: {fraction:4.0%}  {message}"[:_PROGRESS_WIDTH]
        if text != last:
            print(f"\r{text.ljust(len(last))}", end="", file=sys.stderr, flush=True)
            last = text

    try:
        yield report
    finally:
        print(f"\r{' ' * len(last)}\r", end="", file=sys.stderr, flush=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"the folder cannot be made: {error.strerror or 'unknown error'}", path=folder) from error


def _report_rejected(opened: OpenResult, paths: Sequence[Path]) -> bool:
    """Tell what is no image, all in one line where there is none at all; return whether each path named has some."""
    if not opened.images:
        print(f"mammoviewer: {failure(opened)}", file=sys.stderr)
        return False
    for rejected in opened.rejected:
        print(f"mammoviewer: {rejected_text(rejected)}", file=sys.stderr)
    return named_ones_opened(opened, paths)


def _predict(image: Image, number: int, job: _Run) -> ImagePredictions:
    started = time.monotonic()
    with _shown_progress(image.attributes.path.name) as progress:
        predictions = _predict_frames(image, number, job, progress)
    if not job.options.json:
        _tell(image, predictions, time.monotonic() - started)
    return predictions


def _predict_frames(image: Image, number: int, job: _Run, progress: Progress) -> ImagePredictions:
    options, model = job.options, job.model
    frames = job.frames_of(image)
    heat, cam = _Maximum(), _Maximum()
    found: list[Prediction] = []
    for done, frame in enumerate(frames):
        part = subprogress(progress, done / len(frames), (done + 1) / len(frames))
        part(0.0, f"frame {done + 1} of {len(frames)}")
        prediction, explained = _predict_frame(image, frame, job, part)
        heat.add(prediction.heatmap)
        cam.add(explained)
        found.append(prediction)
    detections = [detection for prediction in found for detection in prediction.detections]
    positive = model.manifest.outputs.positive_class
    return ImagePredictions(
        attributes=image.attributes,
        frames=frames,
        frame_scores=tuple(prediction.score(positive) for prediction in found),
        detections=tuple(grouped_over_frames(detections) if len(frames) > 1 else detections),
        heatmap_file=heat.written(options.out, f"heatmap_{number}.tif"),
        cam_file=cam.written(options.out, f"cam_{number}.tif"),
        assumptions=assumptions(image.attributes, model.manifest, pixel_size_mm=options.pixel_size),
        scores=class_scores(
            [prediction.scores for prediction in found],
            job.rules.slices,
            absence=model.manifest.outputs.absence,
        ),
    )


def _predict_frame(image: Image, frame: int, job: _Run, progress: Progress) -> tuple[Prediction, Heatmap | None]:
    """Return what the model says of a frame and, where it is asked for, why."""
    options, model = job.options, job.model
    prepared = None
    if options.cam:
        prepared = prepare_frame(image, frame, model.manifest, pixel_size_mm=options.pixel_size, override=options.force)
    prediction = predict_image(
        image,
        frame,
        model,
        stride=options.stride,
        mode=job.mode,
        threshold=options.threshold,
        pixel_size_mm=options.pixel_size,
        override=options.force,
        prepared=prepared,
        cache=job.cache,
        progress=progress,
    )
    if prepared is None:
        return prediction, None
    # The explanation needs windows that were run one by one, whatever the mode.
    heatmap = prediction.heatmap
    windows = heatmap if heatmap is not None and heatmap.mode == "patches" else None
    return prediction, cam_for_image(prepared, model, windows, method=options.cam_method)


class _Maximum:
    """The largest value at every pixel over the frames so far; NaN counts as nothing."""

    def __init__(self) -> None:
        self.values: FloatArray = np.empty((0, 0), dtype=np.float32)

    def add(self, heatmap: Heatmap | None) -> None:
        if heatmap is not None:
            picture = heatmap.resampled()
            self.values = np.fmax(self.values, picture) if self.values.size else picture

    def written(self, folder: Path, name: str) -> str:
        """Write the map and return its name, empty where there is none."""
        if not self.values.size:
            return ""
        heatmap_tiff(folder / name, self.values)
        return name


def _tell(image: Image, predictions: ImagePredictions, seconds: float) -> None:
    attributes = image.attributes
    label = f" {attributes.view.label}" if attributes.view.label else ""
    volume = f", {len(predictions.frames)} frames" if attributes.frames > 1 else ""
    known = [score for score in predictions.frame_scores if np.isfinite(score)]
    highest = f"highest score {max(known):.3f}" if known else "no breast found"
    peaks = "1 peak" if len(predictions.detections) == 1 else f"{len(predictions.detections)} peaks"
    print(f"{attributes.path}{label}{volume}: {peaks}, {highest}, {seconds:.1f} s")


def _tell_breasts(images: Sequence[ImagePredictions], rules: Rules) -> None:
    """Print a line for each examination of several images, and by which rule its scores were put together."""
    for part in examinations(images):
        if len(part) > 1:
            found = examination_score(part, rules)
            breasts = ", ".join(f"{one.laterality or 'no side'} {one.score:.3f}" for one in found.breasts)
            print(f"{len(part)} images by {rules.images}: {breasts}; patient {found.score:.3f}")
