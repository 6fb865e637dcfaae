"""``mammoviewer import``: findings of other programs into your library, or into a JSON file.

Read are DICOM SEG, SR, CAD SR and presentation states, JSON, COCO, labelme, YOLO, masks, and the tables of DBTex,
VinDr-Mammo and this program. The same file imported again adds nothing, where it names its findings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.importing import import_file, may_hold_findings
from mammoviewer.annotations.interchange.json_document import read_everything, write_json
from mammoviewer.annotations.interchange.transfer import Imported, joined, loss_lines
from mammoviewer.base.errors import AnnotationError, InputError, MammoViewerError
from mammoviewer.base.paths import library_path
from mammoviewer.cli.opening import add_reading_options, failure, open_all, open_library
from mammoviewer.dicom.image import Image

NAME = "import"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="read findings of other programs", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files of findings, or folders of them")
    parser.add_argument(
        "--image", type=Path, required=True, metavar="PATH", help="the image that they are of, or a folder of images"
    )
    parser.add_argument(
        "--annotations", type=Path, metavar="FILE.json", help="put them into this file instead of the library"
    )
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Import the files and sum up; return 0 when each could be read and had findings of the images, else 1."""
    opened = open_all([arguments.image], arguments)
    if not opened.images:
        raise InputError(failure(opened), path=arguments.image)
    imported, complete = _read(_files(arguments.files), opened.images)
    added, known, breasts = _keep(imported, arguments.annotations)
    where = arguments.annotations or library_path()
    densities = f" and {breasts} breast densities" if breasts else ""
    print(f"{added} findings{densities} added to {where}" + (f", {known} were there already" if known else ""))
    lines = loss_lines(imported.losses)
    if lines:
        print("mammoviewer: left out or changed:", file=sys.stderr)
        for line in lines:
            print(f"  {line}", file=sys.stderr)
    return 0 if complete and (imported.findings or imported.densities) else 1


def _files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files, and those of the folders that look like findings."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file() and may_hold_findings(p)) if path.is_dir() else [path]
        found += inside
    return tuple(dict.fromkeys(found))


def _read(files: Iterable[Path], images: Sequence[Image]) -> tuple[Imported, bool]:
    parts, complete = [], True
    for path in files:
        try:
            parts.append(import_file(path, images))
        except MammoViewerError as error:
            print(f"mammoviewer: {error}", file=sys.stderr)
            complete = False
    return joined(parts), complete


def _keep(imported: Imported, file: Path | None) -> tuple[int, int, int]:
    """Keep what is new; return how many findings are, how many were there already, how many breast densities are."""
    if file is not None:
        before = read_everything(file) if file.exists() else Imported(())
        new, said = _new(imported.findings, before.findings), _new_densities(imported, before.densities)
        write_json(file, (*before.findings, *new), densities=(*before.densities, *said))
    else:
        with open_library() as store:
            new, said = _new(imported.findings, store.load()), _new_densities(imported, store.densities())
            if new or said:
                store.record((*new, *said), ())
    return len(new), len(imported.findings) - len(new), len(said)


def _new_densities(imported: Imported, before: Sequence[BreastDensity]) -> tuple[BreastDensity, ...]:
    """Return the densities of breasts of which their reader has said none; what was said stays."""
    known = {density.id for density in before}
    return tuple({density.id: density for density in imported.densities if density.id not in known}.values())


def _new(findings: Sequence[Finding], before: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings whose ids are not there; a finding that was changed since is not put back.

    Raises
    ------
    AnnotationError
        If one of them has the id of a finding of another image.
    """
    known = {finding.id: finding.image_uid for finding in before}
    kept: dict[str, Finding] = {}
    for finding in findings:
        if known.get(finding.id, finding.image_uid) != finding.image_uid:
            raise AnnotationError("a finding has the id of one of another image")
        if finding.id not in known:
            kept.setdefault(finding.id, finding)
    return tuple(kept.values())
