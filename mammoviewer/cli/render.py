"""``mammoviewer render``: one frame as a picture, with the greys, filters and overlays of the window."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mammoviewer.annotations.finding import Finding
from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import InputError
from mammoviewer.base.progress import no_progress
from mammoviewer.cli.opening import add_reading_options, findings_of, load_model, open_one
from mammoviewer.cli.values import choose_voi, describe_voi, filter_step, fraction, picture_size
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.colormaps import COLORMAPS
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.inference.registry import DEFAULT_MODEL
from mammoviewer.session.rendering import Rendering, render, write_picture
from mammoviewer.session.viewer_state import OverlayStyle

_CAM_FROM = 0.2
"""A map that explains has no score to begin at; below this share of its largest value it would veil the picture."""

NAME = "render"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="write one frame as a picture", description=__doc__)
    parser.add_argument("path", type=Path, help="a DICOM or picture file")
    parser.add_argument("--out", type=Path, required=True, help="PNG, TIFF, PGM or JPEG file to write")
    parser.add_argument("--frame", type=int, default=0, metavar="N", help="0-based frame (default 0)")
    voi = parser.add_mutually_exclusive_group()
    voi.add_argument("--window", metavar="NAME|C,W|auto", help="a window of the file by its explanation, or own values")
    voi.add_argument("--lut", metavar="NAME", help="a VOI LUT of the file by its explanation")
    parser.add_argument("--invert", action="store_true", help="invert the greys; padding stays black")
    parser.add_argument(
        "--filter", action="append", default=[], type=filter_step, metavar="SPEC", help="e.g. clahe:tiles=8,clip=0.02"
    )
    parser.add_argument("--overlay", choices=("heatmap", "cam", "findings"))
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model of the overlay (default %(default)s)")
    parser.add_argument(
        "--threshold", type=fraction, help="scores below are transparent (default where the model marks, of a CAM 0)"
    )
    parser.add_argument("--opacity", type=fraction, default=0.5, help="0 to 1 (default %(default)s)")
    parser.add_argument("--colormap", choices=COLORMAPS, default="inferno")
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="findings from a JSON file, not the library")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8)
    parser.add_argument("--size", type=picture_size, default=None, metavar="native|WxH")
    parser.add_argument("--hang", action="store_true", help="turn the picture as it is hung; else as it is stored")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Render and write the picture; return the exit code."""
    image = open_one(arguments.path, arguments)
    attributes = image.attributes
    if not 0 <= arguments.frame < attributes.frames:
        hint = f"frames are 0 to {attributes.frames - 1}"
        raise InputError(f"there is no frame {arguments.frame}", hint=hint, path=arguments.path)
    style = OverlayStyle(opacity=arguments.opacity, colormap=arguments.colormap)
    voi = choose_voi(image, arguments.frame, window=arguments.window, lut=arguments.lut)
    heat, findings = _overlay(arguments, image, style)
    orientation = attributes.orientation if arguments.hang else Orientation()
    pixels = render(
        Rendering(
            image=image,
            frame=arguments.frame,
            voi=voi,
            inverted=arguments.invert,
            filters=tuple(arguments.filter),
            orientation=orientation,
            size=arguments.size,
            bits=arguments.bits,
            heat=heat,
            style=style,
            findings=findings,
        )
    )
    write_picture(arguments.out, pixels)
    rows, columns = pixels.shape[:2]
    print(f"{arguments.out}: {columns}x{rows}, {arguments.bits} bit, {describe_voi(voi)}, decoder {image.decoder}")
    for notice in attributes.warnings:
        print(f"mammoviewer: note: {arguments.path}: {notice.text}", file=sys.stderr)
    return 0


def _overlay(
    arguments: argparse.Namespace, image: Image, style: OverlayStyle
) -> tuple[FloatArray | None, tuple[Finding, ...]]:
    if arguments.overlay is None:
        return None, ()
    if arguments.overlay == "findings":
        return None, _findings(arguments, image)
    from mammoviewer.inference.cam import cam_for_image
    from mammoviewer.inference.predict import predict_image, prepare_frame

    model = load_model(arguments.model)
    if arguments.overlay == "cam":
        style.threshold = arguments.threshold if arguments.threshold is not None else _CAM_FROM
        prepared = prepare_frame(image, arguments.frame, model.manifest)
        return cam_for_image(prepared, model, progress=no_progress).resampled(image.attributes.shape), ()
    style.threshold = model.manifest.outputs.marks_from if arguments.threshold is None else arguments.threshold
    return predict_image(image, arguments.frame, model).map.resampled(image.attributes.shape), ()


def _findings(arguments: argparse.Namespace, image: Image) -> tuple[Finding, ...]:
    identity = image.attributes.identity
    findings = findings_of([identity], arguments.annotations)
    chosen = tuple(f for f in findings if f.image_uid == identity and f.frame == arguments.frame)
    if not chosen:
        print(f"mammoviewer: note: {image.attributes.path}: there are no findings on this frame", file=sys.stderr)
    return chosen
