"""What coarse-to-fine misses: of the windows and marks of the exact run, how many it looks at, on given images.

Run: python benchmarks/coarse_agreement.py --model NAME [--limit N] [--json FILE] PATH ...

The exact run looks at every window. The coarse run takes its scores where it would look, so that one exact run tells
what any share of the marking threshold would have found; ``REFINE_SHARE`` is the one in use. Windows "above" have at
least the operating threshold, "marked" at least that from which marks are shown.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from measuring import arguments, report

from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.onnx_session import OnnxModel, all_threads
from mammoviewer.inference.predict import prepare_frame
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.inference.tiling import REFINE_SHARE, coarse_windows, run_patches

SHARES = (0.05, REFINE_SHARE, 0.2, 0.4)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--pixel-size", type=float, metavar="MM", help="of pictures that state none")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="images; default %(default)s")
    options = parser.parse_args()
    model = OnnxModel(ModelRegistry().get(options.model), threads=all_threads())
    outputs = model.manifest.outputs
    images = open_paths(options.paths, pixel_spacing_mm=options.pixel_size).images
    chosen = images[:: max(1, len(images) // options.limit)][: options.limit]
    totals = np.zeros((len(SHARES), 3))
    windows = np.zeros(3)
    for image in chosen:
        frame = image.attributes.frames // 2
        scores = run_patches(prepare_frame(image, frame, model.manifest, override=True), model).scores
        image.close()
        kinds = (np.isfinite(scores), scores >= outputs.operating_threshold, scores >= outputs.marks_from)
        windows += [kind.sum() for kind in kinds]
        for place, share in enumerate(SHARES):
            seen = coarse_windows(scores, model.manifest.windows, worth=share * outputs.marks_from)
            totals[place] += [(kind & seen).sum() for kind in kinds]
    figures = {"images": float(len(chosen)), "windows": windows[0], "above": windows[1], "marked": windows[2]}
    for share, (ran, above, marked) in zip(SHARES, totals, strict=True):
        name = f"share {share:g}" + (" (in use)" if share == REFINE_SHARE else "")
        figures[f"{name}: windows that run"] = ran / max(1.0, windows[0])
        figures[f"{name}: of those above"] = above / windows[1] if windows[1] else float("nan")
        figures[f"{name}: of those marked"] = marked / windows[2] if windows[2] else float("nan")
    report(figures, options.json)


if __name__ == "__main__":
    main()
