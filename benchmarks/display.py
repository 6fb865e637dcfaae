"""How fast pictures come to the screen, against pyqtgraph and napari in the same run.

Each act (a step of a window drag, a slice, a zoom, a pan) is timed from the change of state to the end of the repaint
that it causes, with the decoded frames at hand; the medians of many acts are printed, how many times faster the
viewport is, and whether that reaches the target. Then four linked viewports, the gaps of the event loop while a reader
works with decoding and a heatmap running, and the first window on screen against a bare one. Run it on a display, or
on a virtual one; napari needs OpenGL and is left out, saying why, where it cannot be had:

    pip install --target napari-only napari pyside6-essentials
    xvfb-run -s "-screen 0 3000x2500x24" python benchmarks/display.py --napari-folder napari-only --json display.json
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from display_peers import time_image_item, time_image_view, time_napari
from first_window import first_windows
from measuring import arguments, report
from mixed_reading import SECONDS, mixed_reading
from painting import FRAMES, make_volume, timed, times_ms
from psygnal import emit_queued
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.app import make_application
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.imaging.voi import Window
from mammoviewer.session.settings import Settings
from mammoviewer.session.viewer_state import FIT, ViewerState
from mammoviewer.session.workspace import Workspace

SIZE = (2560, 2048)
MAMMOGRAM, VOLUME = (4096, 3328), (2457, 1890)
VIEWS = ("RCC", "LCC", "RMLO", "LMLO")


@dataclass
class Figures:
    """What was measured, by name, and which targets were reached."""

    values: dict[str, float] = field(default_factory=dict)
    verdicts: list[str] = field(default_factory=list)

    def ratio(self, act: str, ours: float, peer: str, theirs: float, target: float) -> None:
        """Note the times of an act here and elsewhere, and how many times faster it is here."""
        self.values[f"{act}: viewport, ms"] = ours
        self.values[f"{act}: {peer}, ms"] = theirs
        self.values[f"{act}: times faster than {peer}"] = theirs / ours
        self._judge(f"{act}, times faster than {peer}", theirs / ours, target, theirs / ours >= target)

    def limit(self, name: str, value: float, most: float) -> None:
        """Note a figure that must not be larger than a limit."""
        self.values[name] = value
        self._judge(name, value, most, value <= most)

    def _judge(self, name: str, value: float, target: float, reached: bool) -> None:
        self.verdicts.append(f"{'reached' if reached else 'MISSED '}  {name}: {value:.2f}, target {target:g}")


class Frames:
    """A volume in memory."""

    def __init__(self, volume: np.ndarray) -> None:
        self._volume = volume

    def read(self, index: int) -> tuple[np.ndarray, str]:
        """Return a copy of a frame."""
        return self._volume[index].copy(), "memory"


def make_image(volume: np.ndarray, label: str = "RMLO") -> Image:
    """Return an image over an array (frames, rows, columns)."""
    frames = volume.shape[0]
    attributes = ImageAttributes(
        path=Path("memory"),
        kind=ImageKind.TOMO if frames > 1 else ImageKind.MAMMOGRAM,
        rows=volume.shape[1],
        columns=volume.shape[2],
        frames=frames,
        SOPInstanceUID=f"1.2.3.{VIEWS.index(label)}",
        StudyInstanceUID="1.2.3",
        BitsStored=12,
        view=View(label[:1], label[1:]),
        pixel_spacing=PixelSpacing(0.1, 0.1, "mm in plane"),
        vois=(Window(1500.0, 2000.0),),
    )
    return Image(attributes, Frames(volume), FrameCache(), list)


@contextmanager
def opened(*images: Image) -> Iterator[Workspace]:
    """Open images in a workspace with a library of its own."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Settings(), library=Path(folder) / "library.sqlite")
        workspace.add(OpenResult(images, ()))
        yield workspace
        workspace.close()


def until_shown(viewport: Viewport) -> None:
    """Run the event loop until the frame asked for is on screen, so that no act waits for the decoder."""
    while viewport.follower.waiting:
        QApplication.processEvents()


@contextmanager
def shown(volume: np.ndarray) -> Iterator[tuple[Viewport, ViewerState]]:
    """Show a volume with all frames decoded."""
    image = make_image(volume)
    with opened(image) as workspace:
        viewport = Viewport(workspace)
        viewport.resize(*SIZE)
        viewport.show_image(image.attributes.identity)
        viewport.show()
        state = viewport.shown
        for frame in (*range(1, state.frames), 0):
            state.frame = frame
            until_shown(viewport)
        yield viewport, state
        viewport.close()
        viewport.show_image("")


def time_viewport(volume: np.ndarray, repeats: int) -> tuple[float, float]:
    """Return milliseconds of a window drag and of a slice change of a fitted volume."""
    with shown(volume) as (viewport, state):
        state.zoom = FIT

        def window(step: int) -> None:
            state.voi = Window(1500.0 + step, 2000.0 + step)

        def slice_to(step: int) -> None:
            state.frame = step % FRAMES

        drag = timed(viewport, [lambda step=step: window(step) for step in range(1, repeats + 1)])
        until_shown(viewport)
        scroll = timed(viewport, [lambda step=step: slice_to(step) for step in range(1, repeats + 1)])
    return drag, scroll


def time_moves(volume: np.ndarray, zooms: list[float], moves: list[float]) -> tuple[float, float]:
    """Return milliseconds of a zoom and of a pan at one to one; as :func:`display_peers.time_image_item`."""
    rows, columns = volume.shape[1:]
    with shown(volume) as (viewport, state):
        state.centre = (rows / 2.0, columns / 2.0)

        def zoom_to(zoom: float) -> None:
            state.zoom = zoom

        def move_to(beside: float) -> None:
            state.centre = (rows / 2.0, columns / 2.0 + beside)

        zoom = timed(viewport, [lambda step=step: zoom_to(step) for step in zooms])
        state.zoom = 1.0
        pan = timed(viewport, [lambda step=step: move_to(step) for step in moves])
    return zoom, pan


def time_four(repeats: int) -> dict[str, list[float]]:
    """Return milliseconds until four linked viewports of 1280 x 1024 are all painted, by what the reader does."""
    mammogram = make_volume(*MAMMOGRAM, frames=1)
    images = [make_image(mammogram, label) for label in VIEWS]
    with opened(*images) as workspace:
        grid = ViewportGrid(workspace)
        # A line of one pixel stands between the viewports.
        grid.resize(SIZE[0] + 1, SIZE[1] + 1)
        grid.show()
        QApplication.processEvents()
        viewports = [viewport for viewport in grid.viewports if viewport.state is not None]
        assert len(viewports) == len(VIEWS)
        for viewport in viewports:
            until_shown(viewport)
        workspace.links.toggle()
        state = viewports[0].shown
        took = {}

        def window(step: int) -> None:
            state.voi = Window(1500.0 + step, 2000.0 + step)

        def pan(step: int) -> None:
            state.centre = (2000.0 + step, 1600.0 + step)

        took["window drag at fit"] = times_ms(viewports, [lambda n=n: window(n) for n in range(1, repeats + 1)])
        state.zoom = 1.0
        took["pan at one to one"] = times_ms(viewports, [lambda n=n: pan(n) for n in range(1, repeats + 1)])
        took["window drag at one to one"] = times_ms(viewports, [lambda n=n: window(n) for n in range(1, repeats + 1)])
        grid.close()
    return took


def measure_acts(figures: Figures, repeats: int, napari_folder: Path | None) -> None:
    """Measure window drag and slice change against ImageView and napari."""
    shapes = {"mammogram": MAMMOGRAM, "volume": VOLUME}
    napari, told = time_napari(shapes, SIZE, repeats, napari_folder)
    print(told)
    for place, (act, name, faster, than_napari) in enumerate(
        (("window drag, 3328x4096 at fit", "mammogram", 4.0, 20.0), ("slice change, 2457x1890", "volume", 2.5, 20.0))
    ):
        volume = make_volume(*shapes[name])
        ours = time_viewport(volume, repeats)[place]
        figures.ratio(act, ours, "ImageView", time_image_view(volume, SIZE, repeats)[place], faster)
        if napari:
            figures.ratio(act, ours, "napari", napari[name][place], than_napari)
        else:
            figures.verdicts.append(f"left out  {act}, times faster than napari: {told}")


def measure_moves(figures: Figures, repeats: int) -> None:
    """Measure zoom and pan against ImageItem."""
    volume = make_volume(*MAMMOGRAM, frames=1)
    zooms = [0.5 * 1.03**step for step in range(repeats)]
    moves = [3.0 * step for step in range(1, repeats + 1)]
    ours = time_moves(volume, zooms, moves)
    theirs = time_image_item(volume[0], SIZE, zooms, moves, averaged=False)
    alike = time_image_item(volume[0], SIZE, zooms, moves, averaged=True)
    for act, mine, other, same in zip(("zoom", "pan at one to one"), ours, theirs, alike, strict=True):
        figures.ratio(f"{act}, 3328x4096", mine, "ImageItem", other, 1.5)
        figures.values[f"{act}, 3328x4096: ImageItem that averages, ms"] = same


def measure_four(figures: Figures, repeats: int) -> None:
    """Measure four linked viewports."""
    for act, took in time_four(repeats).items():
        figures.limit(f"four linked viewports, {act}, ms", statistics.median(took), 16.0)
        figures.values[f"four linked viewports, {act}, 95th percentile, ms"] = float(np.percentile(took, 95))


def measure_reading(figures: Figures, scale: float) -> None:
    """Measure the gaps of the event loop."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["MAMMOVIEWER_HOME"] = home
        exam = write_exam(Path(home) / "exam", seed=7, density="B", scale=scale)
        found = mixed_reading(exam.directory, SIZE)
    figures.limit(f"gap of the event loop in {SECONDS:g} s, p99, ms", found.pop("p99"), 33.0)
    for name, value in found.items():
        figures.values[f"gap of the event loop in {SECONDS:g} s, {name}"] = value


def measure_start(figures: Figures, runs: int) -> None:
    """Measure the first window on screen."""
    seconds, heavy = first_windows(runs)
    for name, value in seconds.items():
        figures.values[f"first window, {name}, s"] = value
    figures.limit("first window, times a bare PySide6 and pyqtgraph window", seconds["here"] / seconds["bare"], 1.5)
    print(f"imported when the first window is there: {', '.join(heavy['here'])}; bare: {', '.join(heavy['bare'])}")


PARTS = ("acts", "moves", "four", "reading", "start")


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = arguments((__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--napari-folder", type=Path, help="where napari was installed with pip install --target")
    parser.add_argument("--scale", type=float, default=1.0, help="linear size of the phantom that is read")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone; may be repeated")
    options = parser.parse_args()
    application = make_application()
    queue = QTimer()
    queue.timeout.connect(emit_queued)
    queue.start(5)
    print(f"{SIZE[0]} x {SIZE[1]}, platform {application.platformName()}, medians of {options.repeats}")
    figures = Figures()
    parts = {
        "acts": lambda: measure_acts(figures, options.repeats, options.napari_folder),
        "moves": lambda: measure_moves(figures, options.repeats),
        "four": lambda: measure_four(figures, options.repeats),
        "reading": lambda: measure_reading(figures, options.scale),
        "start": lambda: measure_start(figures, 5),
    }
    for name in options.only or PARTS:
        parts[name]()
    report(figures.values, options.json)
    print(*figures.verdicts, sep="\n")


if __name__ == "__main__":
    main()
