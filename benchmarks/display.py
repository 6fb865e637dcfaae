"""How long a window drag and a slice change take until they are painted, against pyqtgraph's ImageView.

Both widgets show the same volume at the same size in the same run. Each act is timed from the change of state to the
end of the repaint that it causes, with the decoded frames at hand; the medians of many acts are printed, and how many
times faster the viewport is. Run it on a display, or on a virtual one:

    xvfb-run -s "-screen 0 2600x2200x24" python benchmarks/display.py --json display.json
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyqtgraph
from measuring import arguments, median_ms, report
from psygnal import emit_queued
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.imaging.voi import Window
from mammoviewer.session.settings import Settings
from mammoviewer.session.viewer_state import FIT
from mammoviewer.session.workspace import Workspace

WIDTH, HEIGHT = 2560, 2048
FRAMES = 9


class Frames:
    """A volume in memory."""

    def __init__(self, volume: np.ndarray) -> None:
        self._volume = volume

    def read(self, index: int) -> tuple[np.ndarray, str]:
        """Return a copy of a frame."""
        return self._volume[index].copy(), "memory"


def make_volume(rows: int, columns: int) -> np.ndarray:
    """Return smooth tissue with noise, uint16 (FRAMES, rows, columns), 12 bits."""
    generator = np.random.default_rng(0)
    row, column = np.mgrid[0:rows, 0:columns]
    tissue = 1500 + 800 * np.sin(row / 130.0) * np.cos(column / 170.0)
    return np.stack([(tissue + generator.normal(0, 120, tissue.shape)).clip(0, 4095) for _ in range(FRAMES)]).astype(
        np.uint16
    )


class Paints(QObject):
    """Counts the paint events of a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102, N802
        self.count += event.type() == QEvent.Type.Paint
        return False


def until_painted(paints: Paints, act: Callable[[], None]) -> None:
    """Act, and run the event loop until the repaint that follows is done; an act must change what is shown."""
    before, deadline = paints.count, time.perf_counter() + 5.0
    act()
    while paints.count == before:
        QApplication.processEvents()
        if time.perf_counter() > deadline:
            raise SystemExit("no repaint followed")


def until_shown(viewport: Viewport) -> None:
    """Run the event loop until the frame asked for is on screen, so that no act waits for the decoder."""
    while viewport.follower.waiting:
        QApplication.processEvents()


def timed(widget: QWidget, acts: list[Callable[[], None]]) -> float:
    """Return the median milliseconds from an act to the end of its repaint, after two acts for warming up."""
    paints = Paints(widget)
    took = []
    for act in acts:
        QApplication.processEvents()
        took.append(median_ms(lambda act=act: until_painted(paints, act), 1))
    return statistics.median(took[2:])


def time_viewport(volume: np.ndarray, zoom: float, repeats: int) -> tuple[float, float]:
    """Return milliseconds of a window drag and of a slice change in the viewport."""
    attributes = ImageAttributes(
        path=Path("memory"),
        kind=ImageKind.TOMO,
        rows=volume.shape[1],
        columns=volume.shape[2],
        frames=FRAMES,
        SOPInstanceUID="1.2.3",
        BitsStored=12,
        view=View("R", "MLO"),
        pixel_spacing=PixelSpacing(0.1, 0.1, "mm in plane"),
        vois=(Window(1500.0, 2000.0),),
    )
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Settings(), library=Path(folder) / "library.sqlite")
        image = Image(attributes, Frames(volume), FrameCache(), list)
        workspace.add(OpenResult((image,), ()))
        viewport = Viewport(workspace)
        viewport.resize(WIDTH, HEIGHT)
        viewport.show_image("1.2.3")
        viewport.show()
        state = viewport.shown
        for state.frame in range(FRAMES):
            until_shown(viewport)
        state.centre, state.zoom = (volume.shape[1] / 2.0, volume.shape[2] / 2.0), zoom

        def window(step: int) -> None:
            state.voi = Window(1500.0 + step, 2000.0 + step)

        def slice_to(step: int) -> None:
            state.frame = step % FRAMES

        drag = timed(viewport, [lambda step=step: window(step) for step in range(1, repeats + 1)])
        until_shown(viewport)
        scroll = timed(viewport, [lambda step=step: slice_to(step) for step in range(1, repeats + 1)])
        viewport.close()
        viewport.show_image("")
        workspace.close()
    return drag, scroll


def time_image_view(volume: np.ndarray, repeats: int) -> tuple[float, float]:
    """Return the same of pyqtgraph's ImageView, fitted as it comes."""
    pyqtgraph.setConfigOptions(imageAxisOrder="row-major")
    view = pyqtgraph.ImageView()
    view.resize(WIDTH, HEIGHT)
    view.setImage(volume, levels=(500, 2500), autoHistogramRange=False)
    view.show()
    QApplication.processEvents()
    painted = view.ui.graphicsView.viewport()
    drag = timed(painted, [lambda step=step: view.setLevels(500 + step, 2500 + step) for step in range(1, repeats + 1)])
    scroll = timed(painted, [lambda step=step: view.setCurrentIndex(step % FRAMES) for step in range(1, repeats + 1)])
    view.close()
    return drag, scroll


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40)
    options = parser.parse_args()
    application = QApplication([])
    queue = QTimer()
    queue.timeout.connect(emit_queued)
    queue.start(5)
    print(f"{WIDTH} x {HEIGHT}, platform {application.platformName()}, medians of {options.repeats}")
    figures: dict[str, float] = {}
    cases = {"1:1": (make_volume(HEIGHT, WIDTH), 1.0), "FFDM fitted": (make_volume(4096, 3328), FIT)}
    for name, (volume, zoom) in cases.items():
        ours = time_viewport(volume, zoom, options.repeats)
        theirs = time_image_view(volume, options.repeats)
        for act, mine, other in zip(("window drag", "slice change"), ours, theirs, strict=True):
            figures[f"{act}, {name}: viewport, ms"] = mine
            figures[f"{act}, {name}: pyqtgraph ImageView, ms"] = other
            figures[f"{act}, {name}: times faster"] = other / mine
    report(figures, options.json)


if __name__ == "__main__":
    main()
