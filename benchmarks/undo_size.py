"""What undo of a stroke takes in memory and in the log: ``python benchmarks/undo_size.py [--json FILE]``.

Twenty strokes of 60 pixels on the ragged region of ``outlines.py``, of some 14,000 corners: the memory that the stack
of undo holds, and how much the log of changes in the library grows.
"""

from __future__ import annotations

import gc
import tempfile
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
from measuring import arguments, report
from outlines import ragged_region

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.session.edit_stack import EditStack

_STROKES = 20


def main() -> None:
    """Paint, measure and report."""
    options = arguments(__doc__).parse_args()
    mask, generator = ragged_region(), np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder, AnnotationStore(Path(folder) / "library.sqlite") as store:
        annotations = AnnotationSet()
        store.attach(annotations)
        stack = EditStack(annotations)
        finding = new_finding("1.2", 0, region_of_mask(mask.astype(bool)), "Mass")
        stack.push(AddFinding(finding))
        before = _logged(store)
        tracemalloc.start()
        for number in range(_STROKES):
            start = generator.integers(300, 1900, 2)
            end = start + generator.integers(-60, 60, 2)
            cv2.line(mask, tuple(map(int, start)), tuple(map(int, end)), number % 2, 20)
            painted = annotations.get(finding.id).edited(roi=region_of_mask(mask.astype(bool)))
            stack.push(ReplaceFinding(painted, title="Paint"))
        del painted
        held = _traced()
        logged = _logged(store) - before
        stack.clear()
        kept = held - _traced()
        corners = len(annotations.get(finding.id).roi.points)
    figures = {
        "corners of the region": corners,
        "memory of undo, bytes a stroke": kept / _STROKES,
        "log, bytes a stroke": logged / _STROKES,
    }
    report(figures, options.json)


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _logged(store: AnnotationStore) -> int:
    """Return the bytes of all rows of the log."""
    columns = [row[1] for row in store._file.rows("PRAGMA table_info(change)")]
    sizes = " + ".join(f"coalesce(length({name}), 0)" for name in columns)
    return int(store._file.rows(f"SELECT sum({sizes}) FROM change")[0][0])


if __name__ == "__main__":
    main()
