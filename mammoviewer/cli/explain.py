"""``mammoviewer explain``: class activation maps over the images of a data set, as files and a page to look at.

Of all images or a random sample, of those the model got right or wrong (tp, tn, fp, fn). The folder holds a data set in
one of the layouts of `mammoviewer evaluate`, or just images. ``index.html`` shows the overlays, ``explanations.csv``
lists them. PNG: the image with the map; npy: the map at the size of the image; csv: its cells as text; seg: a
fractional DICOM segmentation.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interchange.tables import write_table
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ArgumentError, ExportError, MammoViewerError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.cli.evaluate import find_model
from mammoviewer.cli.opening import results_cache
from mammoviewer.cli.values import choose_voi
from mammoviewer.datasets.cases import CaseFinding
from mammoviewer.datasets.layouts import LAYOUTS
from mammoviewer.inference.cam_methods import METHODS, TITLES
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.session.map_files import ARRAYS, write_map_seg
from mammoviewer.session.rendering import Rendering, render, write_picture
from mammoviewer.session.viewer_state import OverlayStyle
from mammoviewer.training.explaining import OUTCOMES, Explained, ExplainOptions, cases_of, explain_cases
from mammoviewer.training.report_style import STYLE

NAME = "explain"
FORMATS = ("png", "npy", "csv", "seg")
COLUMNS = ("name", "patient", "path", "frame", "truth", "score", "outcome", "method", "files", "problem")
_LONGEST, _SHORTEST = 1400, 480
_SHOWN_FROM = 0.15
_RENEWED_EVERY_S = 2.0
_WIDTH = 79
_TRUTHS = {1: "yes", 0: "no", None: ""}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="explain a model's scores over a data set", description=__doc__)
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="a model of `mammoviewer models list`, or a folder"
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of the data set, or of images")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the files")
    parser.add_argument("--layout", choices=LAYOUTS, help="the kind of data set; by default told by its tables")
    parser.add_argument("--outcome", choices=OUTCOMES, default="any", help="default %(default)s")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="a random sample of N images; default all")
    parser.add_argument("--seed", type=int, default=20, metavar="N", help="of the sample; default %(default)s")
    parser.add_argument("--method", choices=METHODS, help="default: the model's")
    parser.add_argument("--above-noise", action="store_true", help="leave out what is below the mean + 1 sd of the map")
    parser.add_argument("--format", default="png", metavar="LIST", help="of png, npy, csv, seg; default %(default)s")
    parser.add_argument("--force", action="store_true", help="run although the model was not made for the images")
    parser.add_argument("--no-cache", action="store_true", help="neither take results from the cache nor keep them")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; return 0, or 1 when a file could not be written."""
    formats = tuple(dict.fromkeys(part.strip() for part in args.format.split(",")))
    unknown = [part for part in formats if part not in FORMATS]
    if unknown or args.sample < 0:
        raise ArgumentError(f"there is no form {unknown[0]!r}" if unknown else "the sample must not be negative")
    model = OnnxModel(find_model(args.model))
    options = ExplainOptions(args.outcome, args.sample, args.seed, args.method, args.above_noise, args.force)
    title = f"{TITLES[args.method or model.manifest.cam.method]} of {model.manifest.identity}, outcome {args.outcome}"
    gallery = Gallery(args.out, formats, title)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"the folder cannot be made: {error.strerror}", path=args.out) from error
    cache = None if args.no_cache else results_cache()
    cases = cases_of(args.data, args.layout)
    problems = explain_cases(model, cases, options, gallery.add, cache=cache, progress=_progress())
    sys.stderr.write("\r" + " " * _WIDTH + "\r" if sys.stderr.isatty() else "")
    for problem in (*problems, *gallery.problems):
        print(f"mammoviewer: {problem}", file=sys.stderr)
    print(gallery.write())
    return 1 if gallery.problems else 0


@dataclass
class Gallery:
    """The files of the explanations, one after the other, and the page that shows them, renewed every few seconds."""

    folder: Path
    formats: tuple[str, ...]
    title: str
    problems: list[str] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    written_at: float = -math.inf

    def add(self, found: Explained) -> None:
        """Write the files of one explanation; what cannot be written is kept as a problem."""
        stem = f"{len(self.rows) + 1:03d}-{found.case.name}"
        written: list[str] = []
        problems: list[str] = []
        for form in self.formats:
            path = self.folder / f"{stem}.{'dcm' if form == 'seg' else form}"
            try:
                _WRITERS[form](found, path)
                written.append(path.name)
            except MammoViewerError as error:
                problems.append(f"{form}: {error.reason}")
        self.problems += [f"{found.case.path}: {problem}" for problem in problems]
        self.rows.append(
            {
                "name": found.case.name,
                "patient": found.case.patient,
                "path": str(found.case.path),
                "frame": found.frame,
                "truth": _TRUTHS[found.truth],
                "score": f"{found.score:.6f}",
                "outcome": found.outcome,
                "method": found.overlay.mode.removeprefix("cam:"),
                "files": " ".join(written),
                "problem": "; ".join(problems),
            }
        )
        if time.monotonic() - self.written_at >= _RENEWED_EVERY_S:
            self.write()

    def write(self) -> Path:
        """Write the list and the page of what there is so far; return the page."""
        self.written_at, title = time.monotonic(), self.title
        write_table(self.folder / "explanations.csv", COLUMNS, self.rows)
        figures = "".join(self._figure(row) for row in self.rows)
        page = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
            f"<style>{STYLE}.picture{{width:330px}}</style></head><body><main><h1>{escape(title)}</h1>"
            f"<p>{len(self.rows)} images. Research use only. Outlined: what the data set marks. 1 is the strongest "
            f'evidence within each image.</p><div class="gallery">{figures}</div></main></body></html>'
        )
        path = self.folder / "index.html"
        try:
            write_text_atomically(path, page)
        except OSError as error:
            raise ExportError(f"cannot be written: {error.strerror}", path=path) from error
        return path

    def _figure(self, row: dict[str, object]) -> str:
        names = str(row["files"]).split()
        picture = next((name for name in names if name.endswith(".png")), "")
        shown = (
            f'<a href="{escape(picture)}"><img src="{escape(picture)}" loading="lazy" alt=""></a>' if picture else ""
        )
        others = " ".join(f'<a href="{escape(name)}">{escape(name.rpartition(".")[2])}</a>' for name in names)
        told = f"{row['outcome']}".upper() if row["outcome"] != "?" else "truth not known"
        caption = f"{escape(str(row['name']))}: {float(str(row['score'])):.3f}, {told}"
        return f'<figure class="picture">{shown}<figcaption>{caption}<br>{others}</figcaption></figure>'


def _write_png(found: Explained, path: Path) -> None:
    attributes = found.image.attributes
    rows, columns = attributes.orientation.display_shape(attributes.shape)
    factor = min(_LONGEST / max(rows, columns), max(1.0, _SHORTEST / min(rows, columns)))
    uid = attributes.identity
    picture = Rendering(
        image=found.image,
        frame=found.frame,
        voi=choose_voi(found.image, found.frame, window=None, lut=None),
        orientation=attributes.orientation,
        size=(round(rows * factor), round(columns * factor)),
        heat=found.overlay,
        style=OverlayStyle(threshold=_SHOWN_FROM),
        findings=[_outline(uid, found.frame, finding) for finding in found.case.findings],
    )
    write_picture(path, render(picture))


def _outline(uid: str, frame: int, finding: CaseFinding) -> Finding:
    top, left, bottom, right = finding.box
    kind = RoiKind.RECTANGLE if finding.circle is None else RoiKind.ELLIPSE
    return new_finding(uid, frame, Roi(kind, ((top, left), (bottom, right))), finding.kind)


_WRITERS: dict[str, Callable[[Explained, Path], None]] = {
    "png": _write_png,
    "npy": lambda found, path: ARRAYS["npy"](path, found.overlay),
    "csv": lambda found, path: ARRAYS["csv"](path, found.overlay),
    "seg": lambda found, path: write_map_seg(path, found.overlay, found.image),
}


def _progress() -> Progress:
    if not sys.stderr.isatty():
        return no_progress
    return lambda fraction, message: print(
        f"\r{f'{fraction:4.0%}  {message}'[:_WIDTH]:<{_WIDTH}}", end="", file=sys.stderr, flush=True
    )
