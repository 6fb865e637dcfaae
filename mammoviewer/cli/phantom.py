"""``mammoviewer phantom``: write a phantom exam."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

NAME = "phantom"
_SEEDS = 1_000_000_000
_MOST_EXAMS = 10_000
_DENSITIES = ("A", "B", "C", "D")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        NAME,
        help="write a phantom exam (four mammograms, tomosynthesis, synthetic 2-D, truth)",
        description="Write a computed exam of nobody: RCC LCC RMLO LMLO, tomosynthesis and synthetic 2-D of LMLO, "
        "and truth.json. The same options give the same bytes.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument("--seed", type=_seed, default=1, metavar="N", help="number of the exam (default 1)")
    parser.add_argument("--density", choices=_DENSITIES, default="B", help="BI-RADS density (default B)")
    parser.add_argument(
        "--transfer-syntax",
        choices=("native", "jpeg-lossless", "jpeg-ls", "jpeg-2000", "htj2k", "rle"),
        default="jpeg-ls",
        help="encoding of the pixels, all lossless (default jpeg-ls)",
    )
    parser.add_argument("--frames", type=int, default=48, metavar="N", help="tomosynthesis frames, 40 to 80")
    parser.add_argument("--scale", type=float, default=1.0, metavar="S", help="1, 0.5, 0.25 or 0.125 of full size")
    parser.add_argument(
        "--years-before", type=int, default=0, metavar="N", help="the prior exam of N years before (default 0: today's)"
    )
    parser.add_argument("--no-lesions", action="store_true", help="the same breasts without masses and clusters")
    parser.add_argument(
        "--exams",
        type=_exams,
        metavar="N",
        help="a data set: N exams in folders exam-SEED, densities A to D in turn, every second four without lesions",
    )


def _exams(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_EXAMS):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 to {_MOST_EXAMS}")
    return int(text)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < _SEEDS):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 to {_SEEDS - 1}")
    return int(text)


def _report(fraction: float, message: str) -> None:
    sys.stderr.write(f"\r{100 * fraction:3.0f} %  {message:<32}")
    sys.stderr.flush()


def run(args: argparse.Namespace) -> int:
    """Write the exam and print its files; return 0."""
    from mammoviewer.base.progress import no_progress
    from mammoviewer.dicom.phantom_exam import write_exam

    watched = sys.stderr.isatty()
    for number in range(args.exams or 1):
        files = write_exam(
            args.out / f"exam-{args.seed + number}" if args.exams else args.out,
            seed=args.seed + number,
            density=_DENSITIES[number % len(_DENSITIES)] if args.exams else args.density,
            transfer_syntax=args.transfer_syntax,
            frames=args.frames,
            scale=args.scale,
            years_before=args.years_before,
            lesions=not (number // len(_DENSITIES) % 2 if args.exams else args.no_lesions),
            progress=_report if watched else no_progress,
        )
        if watched:
            sys.stderr.write("\n")
        for path in (*files.views.values(), files.tomo, files.synthetic, files.truth):
            print(path)
    return 0
