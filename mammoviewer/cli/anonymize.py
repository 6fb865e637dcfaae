"""``mammoviewer anonymize``: de-identified copies of DICOM files, as PS3.15 Annex E asks.

Images, segmentations, reports and presentation states of a batch keep pointing at each other. Pixels are not changed:
what may have text burned in is refused until you say that you have looked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pydicom.uid import UID

from mammoviewer.base.errors import ArgumentError
from mammoviewer.dicom.deidentify import Plan, PreviewLine, Result, plan_batch, preview_batch, write_batch
from mammoviewer.dicom.deidentify_options import Dates, Options, Pseudonyms, read_pseudonyms
from mammoviewer.dicom.reader import Rejected

NAME = "anonymize"
SCHEMA_VERSION = 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(NAME, help="write de-identified copies", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with all below it")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the copies (not needed with --preview)")
    parser.add_argument("--profile", choices=("basic",), default="basic", help="what is removed (default: basic)")
    dates = parser.add_mutually_exclusive_group()
    dates.add_argument("--keep-dates", action="store_true", help="keep dates and times, but not those of birth")
    dates.add_argument("--shift-dates", type=int, metavar="DAYS", help="move every date by so many days")
    parser.add_argument("--id", default="", metavar="NAME", help="new name and ID of the one patient (default: random)")
    parser.add_argument("--accept-burned-in", action="store_true", help="I looked: no text in the pixels matters")
    parser.add_argument(
        "--map", type=Path, metavar="FILE.json",
        help="write old and new UIDs and names here, and go on from it when it exists; keep it secret",
    )  # fmt: skip
    parser.add_argument("--preview", action="store_true", help="tell what would change, patient data included")
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Write the copies, or tell what would change; 1 with a line on stderr for each file that was refused."""
    if arguments.out is None and not arguments.preview:
        raise ArgumentError("there is no folder for the copies", hint="name one with --out")
    plan = plan_batch(
        arguments.paths, _options(arguments), out=arguments.out, pseudonyms=_earlier(arguments.map, arguments.out)
    )
    if arguments.preview:
        lines = preview_batch(plan)
        print(json.dumps(_preview_document(plan, lines), indent=2) if arguments.json else _preview_text(plan, lines))
        return _tell(plan.refused, bool(plan.files))
    result = write_batch(plan, arguments.out)
    if arguments.map is not None:
        plan.pseudonyms.write(arguments.map)
    print(json.dumps(_document(plan, result), indent=2) if arguments.json else _text(plan, result, arguments.out))
    return _tell(result.refused, bool(result.copies))


def _options(arguments: argparse.Namespace) -> Options:
    dates = Dates.REMOVED
    if arguments.keep_dates:
        dates = Dates.KEPT
    elif arguments.shift_dates is not None:
        dates = Dates.SHIFTED
    return Options(dates, arguments.shift_dates or 0, arguments.id, arguments.accept_burned_in)


def _earlier(path: Path | None, out: Path | None) -> Pseudonyms:
    if path is None:
        return Pseudonyms()
    if out is not None and out.resolve() in path.resolve().parents:
        raise ArgumentError("the map undoes the de-identification", hint="keep it out of --out", path=path)
    return read_pseudonyms(path) if path.exists() else Pseudonyms()


def _tell(refused: tuple[Rejected, ...], done: bool) -> int:
    for item in refused:
        hint = f" ({item.hint})" if item.hint else ""
        print(f"mammoviewer: {item.path}: {item.reason}{hint}", file=sys.stderr)
    return 0 if done and not refused else 1


def _document(plan: Plan, result: Result) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "patients": plan.patients,
        "dates": str(plan.options.dates),
        "written": [
            {"path": str(copy.path), "SOPInstanceUID": copy.SOPInstanceUID, "SOPClassUID": copy.SOPClassUID}
            for copy in result.copies
        ],
        "refused": _refused(result.refused),
    }


def _preview_document(plan: Plan, lines: tuple[PreviewLine, ...]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "patients": plan.patients,
        "dates": str(plan.options.dates),
        "files": [str(path) for path in plan.files],
        "changes": [
            {
                "tag": line.change.tag,
                "keyword": line.change.keyword,
                "before": line.change.before,
                "after": line.change.after,
                "files": line.files,
            }
            for line in lines
        ],
        "refused": _refused(plan.refused),
    }


def _refused(refused: tuple[Rejected, ...]) -> list[dict[str, str]]:
    return [{"path": str(item.path), "reason": item.reason, "hint": item.hint} for item in refused]


def _text(plan: Plan, result: Result, out: Path) -> str:
    count = len(result.copies)
    patients = "1 patient" if plan.patients == 1 else f"{plan.patients} patients"
    lines = [f"{count} de-identified {'file' if count == 1 else 'files'} of {patients} in {out}"]
    kinds = Counter(UID(copy.SOPClassUID).name for copy in result.copies)
    lines += [f"  {number} x {kind}" for kind, number in sorted(kinds.items())]
    dates = {Dates.REMOVED: "removed", Dates.KEPT: "kept", Dates.SHIFTED: "shifted"}[plan.options.dates]
    lines.append(f"  dates {dates}; pixels unchanged; searched for {len(plan.known)} known values: none left")
    if result.refused:
        lines.append(f"  {len(result.refused)} not written, see the messages")
    return "\n".join(lines)


def _preview_text(plan: Plan, lines: tuple[PreviewLine, ...]) -> str:
    width = max((len(line.change.keyword) for line in lines), default=0)
    rows = [
        f"{line.change.tag}  {line.change.keyword:<{width}}  {line.change.before!r} -> {line.change.after!r}"
        + (f"  [{line.files} files]" if line.files > 1 else "")
        for line in lines
    ]
    return "\n".join([*rows, f"{len(lines)} changes in {len(plan.files)} files; nothing was written"])
