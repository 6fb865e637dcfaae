"""``mammoviewer export``: findings, heatmaps and pictures in forms that other programs read.

Findings come from your library, or from a JSON file; a heatmap is made by the model you name. ``seg`` is the heatmap
where a model is named, else the findings. What a form cannot hold is counted and told, and the exit code is 1 where an
image or a form could not be written.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mammoviewer.annotations.density import BreastDensity, examination_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.annotations.interchange.transfer import Losses, Written, loss_lines
from mammoviewer.annotations.sidecar import write_sidecar
from mammoviewer.base.errors import ArgumentError, DecodeError, ExportError, InputError, MammoViewerError
from mammoviewer.cli.opening import (
    add_reading_options,
    densities_of,
    findings_of,
    load_model,
    named_ones_opened,
    open_all,
    open_library,
    rejected_text,
)
from mammoviewer.cli.values import choose_voi
from mammoviewer.dicom.image import Image
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.session.exporting import TOMOSYNTHESIS, ExportContent, export
from mammoviewer.session.finding_formats import (
    BINARY_SEG,
    FINDING_FORMATS,
    Batch,
    FindingFormat,
    Scope,
    parts_of,
)
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering

NAME = "export"
_OF_ALL_IMAGES = ("json", "coco")
_OF_HEATMAPS = ("seg", "tiff")
_OF_VIEWS = ("png8", "png16")
_SHOWN = ("gsps", "sc", "yolo", "labelme")
_OF_FINDINGS = {form.key: form for form in FINDING_FORMATS}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="write findings, heatmaps or pictures", description=__doc__)
    parser.add_argument("path", type=Path, metavar="PATH", help="an image, or a folder of them")
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        choices=(*_OF_HEATMAPS, *_OF_FINDINGS, *_OF_ALL_IMAGES, *_OF_VIEWS, TOMOSYNTHESIS),
        dest="formats",
        metavar="FORMAT",
        help="may be given more than once. Findings: seg (without --model), sr, cadsr, gsps, sc, json, coco, coco-rle, "
        "dbtex, vindr, yolo, labelme, masks, hdf5, csv. Heatmaps: seg, tiff (with --model). Pictures: png8, png16. "
        "bto: a Hologic SCO as a tomosynthesis object",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the files")
    parser.add_argument(
        "--sidecar", action="store_true", help="findings beside each image, as NAME.mammoviewer.json; needs no --out"
    )
    parser.add_argument("--annotations", type=Path, metavar="FILE.json", help="findings of this file, not the library")
    parser.add_argument("--model", metavar="NAME", help="model of the heatmap; pictures then show it too")
    parser.add_argument("--frame", type=int, metavar="N", help="0-based frame (default: the middle; seg: all)")
    parser.add_argument("--by-class", action="store_true", help="seg of findings: one segment for each class")
    parser.add_argument("--patch-size", type=int, default=256, metavar="N", help="hdf5: pixels (default %(default)s)")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the files, name them and sum up; return 0 when all could be written, else 1."""
    formats = _formats(arguments)
    images, complete = _open(arguments)
    findings = _findings(arguments, images)
    stems = unique_stems([image.attributes.path for image in images])
    densities = densities_of(tuple({examination_of(i.attributes) for i in images}), arguments.annotations)
    if not (findings or densities) and (
        arguments.annotations or arguments.sidecar or set(formats) & {*_OF_ALL_IMAGES, *_OF_FINDINGS}
    ):
        hint = "" if arguments.annotations else "draw some in the window, or name a file with --annotations"
        raise ExportError("there are no findings of these images", hint=hint, path=arguments.annotations)
    summary = _Summary()
    if arguments.sidecar:
        complete = _write_beside(images, findings, densities, summary) and complete
    for key in formats:
        if key in _OF_ALL_IMAGES:
            summary.add(_write_findings(key, arguments.out, Batch((), (), findings, densities=densities), images))
    single = tuple(key for key in formats if key in (*_OF_HEATMAPS, *_OF_VIEWS, TOMOSYNTHESIS))
    if single:
        job = _Job(single, arguments.out, arguments.frame, load_model(arguments.model) if arguments.model else None)
        for image, stem in zip(images, stems, strict=True):
            complete = _try(job, image, stem, findings, summary) and complete
    own = [_OF_FINDINGS[key] for key in formats if key in _OF_FINDINGS]
    if own:
        views = _views(images, seen=any(form.key in _SHOWN for form in own))
        complete = (
            _write_forms(own, arguments, Batch(views, stems, findings, densities=densities), summary) and complete
        )
    summary.tell(len(images))
    for image in images:
        image.close()
    return 0 if complete else 1


def _formats(arguments: argparse.Namespace) -> tuple[str, ...]:
    if not arguments.formats and not arguments.sidecar:
        raise ArgumentError("what is to be written?", hint="name a form with --format, or give --sidecar")
    if arguments.formats and arguments.out is None:
        raise ArgumentError("where are the files to go?", hint="name a folder with --out")
    formats = [BINARY_SEG if key == "seg" and not arguments.model else key for key in arguments.formats]
    if set(formats) & set(_OF_HEATMAPS) and not arguments.model:
        raise ArgumentError("a heatmap needs a model", hint="name one with --model; `mammoviewer models list` has them")
    if not 1 <= arguments.patch_size <= 8192:
        raise ArgumentError("the patch size must be 1 to 8192 pixels")
    return tuple(dict.fromkeys(formats))


class _Summary:
    """What has been written, and what of it could not be said."""

    def __init__(self) -> None:
        self._files = 0
        self._losses: Losses = Losses()

    def add(self, written: Written) -> None:
        for path in written.paths:
            print(path)
        self._files += len(written.paths)
        self._losses.update(written.losses)

    def lose(self, losses: Losses) -> None:
        self._losses.update(losses)

    def tell(self, images: int) -> None:
        """Say on the error stream how many files of how many images there are, and what was lost."""
        lines = loss_lines(self._losses)
        if self._files or lines:
            more = "; left out or changed:" if lines else ""
            files, of = ("file" if self._files == 1 else "files"), ("image" if images == 1 else "images")
            print(f"mammoviewer: wrote {self._files} {files} of {images} {of}{more}", file=sys.stderr)
        for line in lines:
            print(f"  {line}", file=sys.stderr)


def _write_beside(
    images: Sequence[Image], findings: Sequence[Finding], densities: Sequence[BreastDensity], summary: _Summary
) -> bool:
    """Write what is said of each image beside it; return whether that could be done everywhere."""
    complete = True
    with open_library() as store:
        for image in images:
            try:
                path = write_sidecar(image.attributes, findings, densities, store.history)
                summary.add(Written((path,) if path is not None else ()))
            except MammoViewerError as error:
                print(f"mammoviewer: {error}", file=sys.stderr)
                complete = False
    return complete


def _write_forms(
    forms: Sequence[FindingFormat], arguments: argparse.Namespace, batch: Batch, summary: _Summary
) -> bool:
    """Write the forms of findings one after the other; return whether each could be written."""
    batch = replace(batch, by_class=arguments.by_class, patch_px=arguments.patch_size)
    complete = True
    for form in forms:
        parts, losses = parts_of(form, batch)
        summary.lose(losses)
        if not parts:
            reasons = sorted({reason for facts in batch.facts if (reason := form.unfit(facts))})
            why = reasons[0] if reasons else "there is nothing in the findings that it holds"
            print(f"mammoviewer: {form.key}: {why}", file=sys.stderr)
            complete = False
        for stem, part in parts:
            name = form.key if form.scope is Scope.EVERYTHING and not form.suffix else f"{stem}-{form.key}"
            name = stem if form.scope is Scope.EVERYTHING and form.suffix else name
            try:
                summary.add(form.write(part, arguments.out / f"{name}{form.suffix}"))
            except MammoViewerError as error:
                print(f"mammoviewer: {form.key}: {error}", file=sys.stderr)
                complete = False
    return complete


def _views(images: Sequence[Image], *, seen: bool) -> tuple[Rendering, ...]:
    """Return how each image is shown at first.

    Where a form shows it (``seen``), an image without a window of its own gets that of its values.
    """
    views = []
    for image in images:
        state = first_view(image)
        voi = state.voi
        if seen:
            # A frame that cannot be decoded is told when it is written.
            with contextlib.suppress(DecodeError):
                voi = choose_voi(image, state.frame, window=None, lut=None)
        views.append(Rendering(image, state.frame, voi, orientation=state.orientation))
    return tuple(views)


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
    return tuple(f for f in findings_of(identities, arguments.annotations) if f.image_uid in identities)


def _write_findings(key: str, folder: Path, said: Batch, images: Sequence[Image]) -> Written:
    attributes = [image.attributes for image in images]
    if key == "json":
        write_json(folder / "findings.json", said.findings, attributes, said.densities)
        return Written((folder / "findings.json",))
    path = folder / "findings.coco.json"
    losses = write_coco(path, said.findings, attributes)
    losses.update({"breast densities, which COCO does not hold": len(said.densities)})
    return Written((path,), losses)


def _try(job: _Job, image: Image, stem: str, findings: tuple[Finding, ...], summary: _Summary) -> bool:
    """Write one image's files; say what went wrong and return False if something did."""
    try:
        content = _content(job, image, findings)
        summary.add(export(content, job.formats, job.folder, stem))
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
    return {index: predict_image(image, index, job.model).map for index in frames}
