"""``mammoviewer export``: findings, heatmaps and pictures in forms that other programs read.

Findings come from your library, or from a JSON file; a heatmap is made by the model you name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.base.errors import ArgumentError, ExportError, InputError, MammoViewerError
from mammoviewer.cli.opening import (
    add_reading_options,
    findings_of,
    load_model,
    named_ones_opened,
    open_all,
    rejected_text,
)
from mammoviewer.cli.values import choose_voi
from mammoviewer.dicom.image import Image
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.session.exporting import TOMOSYNTHESIS, ExportContent, export
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering

NAME = "export"
_OF_ALL_IMAGES = ("json", "coco")
_OF_HEATMAPS = ("seg", "tiff")
_OF_VIEWS = ("png8", "png16")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="write findings, heatmaps or pictures", description=__doc__)
    parser.add_argument("path", type=Path, metavar="PATH", help="an image, or a folder of them")
    parser.add_argument(
        "--format",
        action="append",
        required=True,
        choices=(*_OF_ALL_IMAGES, *_OF_HEATMAPS, *_OF_VIEWS, TOMOSYNTHESIS),
        dest="formats",
        help="may be given more than once; bto: a Hologic SCO as a tomosynthesis object",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument("--annotations", type=Path, metavar="FILE.json", help="findings of this file, not the library")
    parser.add_argument("--model", metavar="NAME", help="model of the heatmap; pictures then show it too")
    parser.add_argument("--frame", type=int, metavar="N", help="0-based frame (default: the middle; seg: all)")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the files and name them; return 0 when all could be written, else 1."""
    formats: list[str] = list(dict.fromkeys(arguments.formats))
    if set(formats) & set(_OF_HEATMAPS) and not arguments.model:
        raise ArgumentError("a heatmap needs a model", hint="name one with --model; `mammoviewer models list` has them")
    images, complete = _open(arguments)
    findings = _findings(arguments, images)
    for key in formats:
        if key in _OF_ALL_IMAGES:
            _write_findings(key, arguments.out, findings, images)
    single = tuple(key for key in formats if key not in _OF_ALL_IMAGES)
    if single:
        job = _Job(single, arguments.out, arguments.frame, load_model(arguments.model) if arguments.model else None)
        for image, stem in zip(images, unique_stems([image.attributes.path for image in images]), strict=True):
            complete = _try(job, image, stem, findings) and complete
    return 0 if complete else 1


def unique_stems(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return a name for each path: its stem, with a number where two are the same."""
    taken: set[str] = set()
    stems = []
    for path in paths:
        stem, number = path.stem, 2
        while stem.casefold() in taken:
            stem, number = f"{path.stem}-{number}", number + 1
        taken.add(stem.casefold())
        stems.append(stem)
    return tuple(stems)


@dataclass(frozen=True)
class _Job:
    """What to write of every image."""

    formats: tuple[str, ...]
    folder: Path
    frame: int | None
    model: OnnxModel | None


def _open(arguments: argparse.Namespace) -> tuple[tuple[Image, ...], bool]:
    opened = open_all([arguments.path], arguments)
    if not opened.images:
        first = opened.rejected[0] if opened.rejected else None
        reason, hint = (first.reason, first.hint) if first else ("there is no image here", "")
        raise InputError(reason, hint=hint, path=first.path if first else arguments.path)
    for rejected in opened.rejected:
        print(f"mammoviewer: {rejected_text(rejected)}", file=sys.stderr)
    return opened.images, named_ones_opened(opened, [arguments.path])


def _findings(arguments: argparse.Namespace, images: Sequence[Image]) -> tuple[Finding, ...]:
    identities = [image.attributes.identity for image in images]
    found = tuple(f for f in findings_of(identities, arguments.annotations) if f.image_uid in identities)
    if not found and (arguments.annotations or set(arguments.formats) & set(_OF_ALL_IMAGES)):
        hint = "" if arguments.annotations else "draw some in the window, or name a file with --annotations"
        raise ExportError("there are no findings of these images", hint=hint, path=arguments.annotations)
    return found


def _write_findings(key: str, folder: Path, findings: tuple[Finding, ...], images: Sequence[Image]) -> None:
    attributes = [image.attributes for image in images]
    path = folder / ("findings.json" if key == "json" else "findings.coco.json")
    (write_json if key == "json" else write_coco)(path, findings, attributes)
    print(path)


def _try(job: _Job, image: Image, stem: str, findings: tuple[Finding, ...]) -> bool:
    """Write one image's files; say what went wrong and return False if something did."""
    try:
        content = _content(job, image, findings)
        for path in export(content, job.formats, job.folder, stem):
            print(path)
    except MammoViewerError as error:
        print(f"mammoviewer: {error}", file=sys.stderr)
        return False
    finally:
        image.close()
    return True


def _content(job: _Job, image: Image, findings: tuple[Finding, ...]) -> ExportContent:
    attributes = image.attributes
    frame = first_view(image).frame if job.frame is None else job.frame
    if not 0 <= frame < attributes.frames:
        hint = f"frames are 0 to {attributes.frames - 1}"
        raise ArgumentError(f"there is no frame {frame}", hint=hint, path=attributes.path)
    own = tuple(f for f in findings if f.image_uid == attributes.identity)
    heatmaps = _heatmaps(job, image, frame)
    shown = heatmaps.get(frame) if set(job.formats) & set(_OF_VIEWS) else None
    view = Rendering(
        image=image,
        frame=frame,
        voi=choose_voi(image, frame, window=None, lut=None),
        orientation=attributes.orientation,
        heat=shown,
        legend=f"{shown.model}\n{shown.class_name}\nscore" if shown is not None else "",
        findings=tuple(f for f in own if f.frame == frame),
    )
    return ExportContent(view, heatmaps, own)


def _heatmaps(job: _Job, image: Image, frame: int) -> dict[int, Heatmap]:
    """Return the heatmaps that the formats need: of the one frame, or of all for a segmentation."""
    from mammoviewer.inference.predict import predict_image

    if job.model is None:
        return {}
    everything = "seg" in job.formats and job.frame is None
    frames = range(image.attributes.frames) if everything else (frame,)
    return {index: predict_image(image, index, job.model).heatmap for index in frames}
