"""First frame of a compressed tomosynthesis volume: this program against ``pydicom.pixel_array`` of the whole file.

Both start from a closed file and end with an array in memory. The volume is a phantom of 60 frames.
Run: python benchmarks/first_frame.py [--json FILE] [--scale 1.0]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pydicom
from measuring import arguments, median_ms, report

from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths

FRAMES = 60


def first_frame(path: Path) -> None:
    image = open_paths([path]).images[0]
    image.frame(0)
    image.close()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="linear size of the phantom")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for syntax in ("jpeg-ls", "jpeg-2000"):
        with tempfile.TemporaryDirectory() as folder:
            exam = write_exam(
                Path(folder), seed=1, density="B", transfer_syntax=syntax, frames=FRAMES, scale=options.scale
            )
            ours = median_ms(lambda path=exam.tomo: first_frame(path), 5)
            whole = median_ms(lambda path=exam.tomo: pydicom.dcmread(path).pixel_array, 2)
        figures[f"{syntax}: first frame, ms"] = ours
        figures[f"{syntax}: pydicom.pixel_array of the whole file, ms"] = whole
        figures[f"{syntax}: ratio whole / first"] = whole / ours
    report(figures, options.json)


if __name__ == "__main__":
    main()
