"""How fast a classifier looks at a whole mammogram: dense against patches, our patches against a plain loop.

Run: QT_QPA_PLATFORM=offscreen python benchmarks/inference.py [--json FILE] [--part PART] [--dense NAME] [--repeats 3]
[--scale 1]

The image is computed: half an ellipse of textured breast in 3328x2560 pixels of 0.085 mm. The dense networks are built
here with random weights, which take as long as trained ones; ``--dense`` takes an installed model for the
microcalcification figures instead. Everything runs on the cores this process may use; the window's figures with the
threads that the window uses. The plain loop has onnxruntime's default session and one window after the other.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from dense_models import dense_bundle
from gaps import Gaps
from measuring import arguments, median_ms, report

from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.imaging.voi import Window
from mammoviewer.inference.cam import cam_for_image
from mammoviewer.inference.manifest import ModelManifest, load_manifest
from mammoviewer.inference.onnx_session import OnnxModel, all_threads
from mammoviewer.inference.predict import Mode, predict_image, predict_prepared, prepare_frame
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.inference.tiling import iter_patches
from mammoviewer.inference.window_grid import window_grid

ROWS, COLUMNS, PIXEL_MM = 3328, 2560, 0.085
STRIDE = 32
PARTS = ("all", "dense", "patches", "window")


class _Frames:
    """One frame in memory."""

    def __init__(self, pixels: Any) -> None:
        self.pixels = pixels

    def read(self, index: int) -> tuple[Any, str]:
        return self.pixels, "computed"


def mammogram(scale: float = 1.0) -> Image:
    """Return the computed mammogram, 12 bits, chest wall at the right; ``scale`` is its linear size."""
    generator = np.random.default_rng(7)
    rows, columns = round(ROWS * scale), round(COLUMNS * scale)
    row, column = np.ogrid[0:rows, 0:columns]
    inside = ((row - rows / 2) / (0.46 * rows)) ** 2 + ((columns - 1 - column) / (0.72 * columns)) ** 2 < 1
    texture = np.clip(generator.normal(2000, 200, (rows, columns)), 400, 4000)
    attributes = ImageAttributes(
        path=Path("computed.dcm"),
        kind=ImageKind.MAMMOGRAM,
        rows=rows,
        columns=columns,
        SOPInstanceUID="1.2.3.4",
        StudyInstanceUID="1.2.3",
        BitsStored=12,
        view=View("R", "MLO"),
        pixel_spacing=PixelSpacing(PIXEL_MM, PIXEL_MM, "computed"),
        vois=(Window(2000.0, 4000.0),),
        PresentationIntentType="FOR PRESENTATION",
    )
    pixels = np.where(inside, texture, 0).astype(np.uint16)
    return Image(attributes, _Frames(pixels), FrameCache(), lambda: [])


def plain_loop(prepared: PreparedImage, manifest: ModelManifest, stride: int, *, all_windows: bool) -> float:
    """Return the seconds of a plain onnxruntime loop over windows, one a run; cutting them out is not counted."""
    session = onnxruntime.InferenceSession(str(manifest.file_path("model")), providers=["CPUExecutionProvider"])
    tiling = manifest.windows
    grid = window_grid(prepared.shape, tiling.patch, stride)
    wanted = grid.breast_fractions(prepared.mask) >= (0.0 if all_windows else tiling.min_breast_fraction)
    name, outputs = manifest.input.name, [manifest.outputs.logits]
    seconds = 0.0
    for _, patches in iter_patches(prepared, grid, np.argwhere(wanted), batch=1):
        start = time.perf_counter()
        session.run(outputs, {name: patches})
        seconds += time.perf_counter() - start
    return seconds


def seconds_of(function: Callable[[], object], repeats: int) -> float:
    function()
    return median_ms(function, repeats) / 1000


def one_pass(folder: Path, image: Image, dense_name: str, repeats: int) -> dict[str, float]:
    """Return the seconds of one pass over the image, of the same windows as patches, and of an explanation."""
    threads = all_threads()
    figures: dict[str, float] = {"cores": float(threads)}
    findings = OnnxModel(dense_bundle(folder / "findings", patch=256, stages=5), threads=threads)
    prepared = prepare_frame(image, 0, findings.manifest)
    dense = seconds_of(lambda: predict_prepared(prepared, findings, mode="dense"), repeats)
    patches = seconds_of(lambda: predict_prepared(prepared, findings, stride=STRIDE), 1)
    figures["findings: dense, 256 px windows, stride 32, s"] = dense
    figures["findings: the same windows as patches, s"] = patches
    figures["ratio patches / dense"] = patches / dense

    if dense_name:
        small = OnnxModel(ModelRegistry().get(dense_name), threads=threads)
    else:
        small = OnnxModel(dense_bundle(folder / "microcalc", patch=64, stages=3), threads=threads)
    figures["microcalcifications: stride, px of 0.085 mm"] = float(small.manifest.windows.dense_stride or 0)
    whole = seconds_of(lambda: predict_image(image, 0, small, mode="dense"), repeats)
    figures["microcalcifications: preparation and dense heatmap, s"] = whole
    small_prepared = prepare_frame(image, 0, small.manifest)
    heatmap = predict_prepared(small_prepared, small, mode="dense").heatmap
    figures["CAM of the whole image, s"] = seconds_of(lambda: cam_for_image(small_prepared, small, heatmap), repeats)
    return figures


def patches_and_loops(image: Image, repeats: int) -> dict[str, float]:
    """Return the seconds of our patches and of plain loops, one after the other in turns, and their ratios.

    The loop over every window is what a reader would write first; that over the windows which the breast mask leaves
    tells what is gained without the mask.
    """
    threads = all_threads()
    figures: dict[str, float] = {}
    bundled = load_manifest(bundled_models_dir() / "microcalc-hypermodel")
    ours = OnnxModel(bundled, threads=threads)
    its = prepare_frame(image, 0, ours.manifest)
    stride = bundled.windows.stride
    ours_s, same, every = [], [], []
    for _ in range(repeats):
        ours_s.append(seconds_of(lambda: predict_prepared(its, ours), 1))
        same.append(plain_loop(its, bundled, stride, all_windows=False))
        every.append(plain_loop(its, bundled, stride, all_windows=True))
    figures["patches of microcalc-hypermodel, s"] = float(np.median(ours_s))
    figures["plain loop over the same windows, s"] = float(np.median(same))
    figures["plain loop over every window, s"] = float(np.median(every))
    figures["ratio plain, same windows / ours"] = float(np.median(same) / np.median(ours_s))
    figures["ratio plain, every window / ours"] = float(np.median(every) / np.median(ours_s))
    coarse = predict_prepared(its, ours, mode="coarse").heatmap
    figures["coarse to fine: share of the windows"] = coarse.share if coarse is not None else 0.0
    figures["coarse to fine, s"] = seconds_of(lambda: predict_prepared(its, ours, mode="coarse"), repeats)
    return figures


def window_gaps(folder: Path, image: Image) -> dict[str, float]:
    """Return the longest waits of the window while it makes heatmaps of the image."""
    from mammoviewer.gui.app import make_application
    from mammoviewer.gui.bridge import Bridge
    from mammoviewer.gui.main_window import MainWindow
    from mammoviewer.inference.onnx_session import load_runtime
    from mammoviewer.session.heatmap_runs import RunRequest
    from mammoviewer.session.settings import SettingsFile
    from mammoviewer.session.viewer_state import Overlay
    from mammoviewer.session.workspace import Workspace

    application = make_application()
    bridge = Bridge(application)
    settings = SettingsFile()
    workspace = Workspace(settings.settings)
    load_runtime()
    window = MainWindow(workspace, settings)
    window.resize(2560, 1440)
    window.show()
    workspace.add(OpenResult((image,), ()))
    gaps = Gaps()
    start = time.monotonic()
    gaps.during(lambda: time.monotonic() - start > 2)
    figures: dict[str, float] = {}
    user_models = Path(os.environ["MAMMOVIEWER_HOME"]) / "models"
    user_models.mkdir(parents=True, exist_ok=True)
    (folder / "microcalc").replace(user_models / "microcalc")
    workspace.registry.refresh()
    modes: tuple[tuple[str, Mode], ...] = (("microcalc.1", "dense"), ("microcalc-hypermodel.1", "patches"))
    for model, mode in modes:
        workspace.desk.model = model
        state = workspace.active
        assert state is not None
        state.overlay = Overlay.HEATMAP
        job = workspace.heatmaps.start(RunRequest(image, (0,), model, mode=mode))
        longest, high = gaps.during(lambda job=job: job.state.final)
        assert job.error is None, job.error
        figures[f"window, {mode}: longest gap, ms"], figures[f"window, {mode}: 99.9th percentile, ms"] = longest, high
    window.close()
    bridge.stop()
    workspace.close()
    return figures


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--dense", default="", metavar="NAME", help="a dense-capable model for the microcalcifications")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="linear size of the image, for a quick look")
    parser.add_argument("--part", choices=PARTS, default="all", help="of the figures; default %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["MAMMOVIEWER_HOME"] = home
        folder = Path(home) / "made"
        image = mammogram(options.scale)
        figures: dict[str, float] = {}
        if options.part in ("all", "dense"):
            figures |= one_pass(folder, image, options.dense, options.repeats)
        if options.part in ("all", "patches"):
            figures |= patches_and_loops(image, options.repeats)
        if options.part in ("all", "window"):
            if not (folder / "microcalc").exists():
                dense_bundle(folder / "microcalc", patch=64, stages=3)
            figures |= window_gaps(folder, image)
    report(figures, options.json)


if __name__ == "__main__":
    main()
