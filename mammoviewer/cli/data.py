"""``mammoviewer data``: what a data set folder holds, a split of its patients, and what leaks across a split."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError, InputError, MammoViewerError
from mammoviewer.datasets.cases import Case, CaseList
from mammoviewer.datasets.layouts import LAYOUTS, load_cases
from mammoviewer.datasets.leaks import SAME_IMAGE, leak_report, sides_of, thumbnails
from mammoviewer.datasets.splits import PARTS, PROJECT_SEED, Split, fixed_split, read_split, write_split
from mammoviewer.dicom.reader import open_paths

NAME = "data"
_MOST_PROBLEMS = 10


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="look at a data set, split its patients", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--layout", choices=LAYOUTS, help="the kind of data set; by default told by its tables")
    parser.add_argument("--write-split", type=Path, metavar="FILE", help="split the patients and write the split")
    parser.add_argument("--split", type=Path, metavar="FILE", help="a split that is there, to look for leaks")
    parser.add_argument(
        "--fractions", default="0.7,0.1,0.2", metavar="T,V,T", help="train, validation, test; default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=PROJECT_SEED, help="of the split; default %(default)s")
    parser.add_argument("--leaks", action="store_true", help="compare all images: patients and pictures on two sides")
    parser.add_argument("--json", action="store_true", help="write the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; return 0, or 1 when something leaks."""
    cases = load_cases(args.folder, args.layout)
    told: dict[str, Any] = {
        "layout": cases.layout,
        "images": len(cases),
        "patients": len(set(cases.patients)),
        "classes": dict(Counter(cases.classes)),
        "findings": sum(len(case.findings) for case in cases.cases),
        "problems": [str(item) for item in cases.missing],
    }
    split = _split(args, cases)
    clean = True
    if split is not None:
        told["split"] = {name: len(split.part(name)) for name in PARTS}
    if args.leaks:
        if split is None:
            raise ArgumentError("leaks are looked for across a split", hint="give --split or --write-split")
        told["leaks"], clean = _leaks(cases, split)
    print(json.dumps(told, indent=2, ensure_ascii=False) if args.json else _text(told))
    return 0 if clean else 1


def _split(args: argparse.Namespace, cases: CaseList) -> Split | None:
    if args.split is not None:
        return read_split(args.split)
    if args.write_split is None:
        return None
    try:
        fractions = [float(part) for part in args.fractions.split(",")]
    except ValueError as error:
        raise ArgumentError(f"{args.fractions!r} are no fractions", hint="such as 0.7,0.1,0.2") from error
    split = fixed_split(cases.patients, fractions, args.seed, strata=cases.classes, layout=cases.layout)
    write_split(args.write_split, split)
    return split


def _leaks(cases: CaseList, split: Split) -> tuple[dict[str, object], bool]:
    """Return the report of the images of all parts, and whether it is clean; images that cannot be read are told."""
    sides = sides_of({name: split.part(name) for name in PARTS}, cases.patients)
    kept: list[tuple[str, Case, FloatArray]] = []
    for side, case in zip(sides, cases.cases, strict=True):
        if side:
            try:
                kept.append((side, case, _thumbnail(case)))
            except MammoViewerError as error:
                print(f"mammoviewer: {error}", file=sys.stderr)
    report = leak_report(
        [side for side, _, _ in kept],
        [case.patient for _, case, _ in kept],
        [str(case.path.relative_to(cases.root)) for _, case, _ in kept],
        pictures=np.concatenate([thumbnails([]), *(picture for _, _, picture in kept)]),
        correlation=SAME_IMAGE,
    )
    return report.to_json(), report.clean


def _thumbnail(case: Case) -> FloatArray:
    opened = open_paths([case.path])
    if not opened.images:
        raise InputError(opened.rejected[0].reason, hint=opened.rejected[0].hint, path=case.path)
    image = opened.images[0]
    try:
        # Of a volume the middle slice stands for all.
        return thumbnails([image.frame(image.attributes.frames // 2)])
    finally:
        image.close()


def _text(told: dict[str, Any]) -> str:
    lines = [f"{told['layout']}: {told['images']} images of {told['patients']} patients, {told['findings']} findings"]
    lines += [f"  {name or 'not told'}: {count}" for name, count in told["classes"].items()]
    if "split" in told:
        lines.append("  patients: " + ", ".join(f"{name} {count}" for name, count in told["split"].items()))
    if "leaks" in told:
        leaks = told["leaks"]
        lines.append("  nothing leaks" if leaks["clean"] else "  it leaks:")
        lines += [f"    patient {name} on two sides" for name in leaks["patients"]]
        lines += [f"    {first} = {second}" for first, second in leaks["duplicates"]]
    problems = told["problems"]
    lines += [f"  {problem}" for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"  and {len(problems) - _MOST_PROBLEMS} more problems")
    return "\n".join(lines)
