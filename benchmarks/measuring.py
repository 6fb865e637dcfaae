"""What every benchmark shares: medians, the printed table, and the JSON file with the same names."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file too")
    return parser


def median_ms(function: Callable[[], object], repeats: int) -> float:
    """Return the median wall-clock time of ``function`` in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def report(figures: dict[str, float], json_file: Path | None) -> None:
    """Print the figures, one a line, and write them to ``json_file`` when one is given."""
    for name, value in figures.items():
        print(f"{name:<58} {value:12.3f}")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
