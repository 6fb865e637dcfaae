"""Decoding against pydicom with its default order of plugins, on tomosynthesis volumes of 60 frames of 2457 x 1890.

Five things, each with its target: one frame on one thread (processor time on one processor); a whole volume in the
background; from a closed file to the first slice; the longest time the event loop does not answer meanwhile; the memory
for four volumes. Everything is measured in one run, ours and theirs in turn, on texture like the
phantom's. python-gdcm comes with ``pip install .[benchmark]``; pydicom tries it first where it is installed.

Run: QT_QPA_PLATFORM=offscreen python benchmarks/decode.py [--json FILE] [--repeats 3]
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
from gaps import Gaps
from measuring import arguments
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from PySide6.QtWidgets import QApplication
from volumes import COLUMNS, FRAMES, ROWS, make_frames, write_volume

from mammoviewer.dicom.codestream import CODEC_OF_SYNTAX
from mammoviewer.dicom.decoders import FrameForm, decode
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.gui.canvas.frame_follower import FrameFollower
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.pictures import PictureSource
from mammoviewer.session.settings import PerformanceSettings, Settings
from mammoviewer.session.workspace import Workspace

NAMES = {"jpeg-lossless": "JPEG Lossless", "jpeg-ls": "JPEG-LS", "htj2k": "HTJ2K", "jpeg-2000": "JPEG 2000"}
FRAME_TARGETS = {"jpeg-lossless": 3.0, "jpeg-ls": 1.5, "htj2k": 2.0, "jpeg-2000": 1.2}
VOLUME_TARGETS = {"jpeg-lossless": 4.0, "jpeg-2000": 2.0}
FIRST_SLICE_TARGET = 25.0
GAP_TARGET_MS = 20.0
_BUDGET_MIB = 512
_GAP_SECONDS = 4.0
_ALL_FRAMES = 8 << 30


@dataclass(frozen=True)
class Row:
    """One line of the table; ``value`` is what the target is about, at least or at most."""

    name: str
    unit: str
    ours: float
    theirs: float | None
    value: float
    target: float
    at_least: bool = True

    @property
    def reached(self) -> bool:
        """Return whether the target is reached."""
        return self.value >= self.target if self.at_least else self.value <= self.target


def ratio_row(name: str, unit: str, ours: float, theirs: float, target: float) -> Row:
    return Row(name, unit, ours, theirs, theirs / ours, target)


def opened(path: Path, cache_bytes: int) -> Image:
    return open_paths([path], cache=FrameCache(cache_bytes)).images[0]


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@contextmanager
def one_processor() -> Iterator[None]:
    """Leave one processor only, where the system allows it: gdcm would decode JPEG 2000 on all."""
    if sys.platform != "linux":
        yield
        return
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def known_to_both(targets: dict[str, float], paths: dict[str, Path]) -> list[tuple[str, float]]:
    """Return the syntaxes, with their targets, that pydicom can decode with the plugins that are there."""
    return [(syntax, target) for syntax, target in targets.items() if pydicom_reads(paths[syntax])]


def pydicom_reads(path: Path) -> bool:
    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    return get_decoder(syntax).is_available


def one_frame(paths: dict[str, Path], repeats: int) -> list[Row]:
    """Return the processor time of one frame, from its codestream in memory to an array."""
    form = FrameForm(ROWS, COLUMNS, samples=1, bits_allocated=16)
    rows = []
    for syntax, target in known_to_both(FRAME_TARGETS, paths):
        dataset = pydicom.dcmread(paths[syntax])
        codec = CODEC_OF_SYNTAX[dataset.file_meta.TransferSyntaxUID]
        decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
        ours, theirs = [], []
        for index in range(3 * repeats):
            data = get_frame(dataset.PixelData, index, number_of_frames=FRAMES)
            start = time.process_time()
            pixels, name = decode(data, codec, form)
            ours.append(time.process_time() - start)
            start = time.process_time()
            expected, _ = decoder.as_array(dataset, index=index)
            theirs.append(time.process_time() - start)
            np.testing.assert_array_equal(pixels, expected)
        medians = (statistics.median(ours) * 1000, statistics.median(theirs) * 1000)
        rows.append(ratio_row(f"{NAMES[syntax]}, one frame", "cpu ms", *medians, target))
        print(f"  {NAMES[syntax]}: {name} here, {' > '.join(decoder.available_plugins)} there", flush=True)
    return rows


def decode_all(image: Image) -> None:
    """Decode a volume as the window does while nothing else is to be done."""
    with ThreadRunner(2, "decode") as runner:
        source = PictureSource(runner, FrameCache(_ALL_FRAMES))
        done = threading.Semaphore(0)
        source.ready.connect(lambda identity, frame: done.release())
        source.look_ahead(image, FRAMES // 2)
        for _ in range(FRAMES):
            done.acquire()


def first_slice(path: Path) -> None:
    image = opened(path, _ALL_FRAMES)
    image.frame(FRAMES // 2)


def whole_volumes(paths: dict[str, Path], repeats: int) -> list[Row]:
    """Return the wall-clock time of all frames in the background, and of the first one from a closed file."""
    rows = []
    for syntax, target in known_to_both(VOLUME_TARGETS, paths):
        path = paths[syntax]
        ours, theirs, first = [], [], []
        for _ in range(repeats):
            ours.append(seconds(lambda path=path: decode_all(opened(path, _ALL_FRAMES))))
            first.extend(seconds(lambda path=path: first_slice(path)) for _ in range(3))
            theirs.append(seconds(lambda path=path: pydicom.dcmread(path).pixel_array))
        whole = statistics.median(theirs)
        rows.append(ratio_row(f"{NAMES[syntax]}, whole volume", "s", statistics.median(ours), whole, target))
        name = f"{NAMES[syntax]}, open to first slice"
        rows.append(ratio_row(name, "s", statistics.median(first), whole, FIRST_SLICE_TARGET))
    return rows


def gap_of(work: Callable[[threading.Event], None], gaps: Gaps) -> float:
    """Return the longest gap in ms while ``work`` runs on another thread for some seconds."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    end = time.monotonic() + _GAP_SECONDS
    thread.start()
    longest, _ = gaps.during(lambda: time.monotonic() > end)
    stop.set()
    thread.join()
    return longest


def others_ms() -> float:
    """Return the processor time that all but this process has taken, other virtual machines included; 0 if not told."""
    told = Path("/proc/stat")
    if not told.exists():
        return 0.0
    user, nice, system, _idle, _waiting, *rest = map(int, told.read_text(encoding="ascii").split()[1:9])
    busy = (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")
    return (busy - time.process_time()) * 1000


def decode_ahead(path: Path, stop: threading.Event) -> None:
    with ThreadRunner(2, "decode") as runner:
        source = PictureSource(runner, FrameCache(_ALL_FRAMES))
        source.look_ahead(opened(path, _ALL_FRAMES), FRAMES // 2)
        stop.wait()


def decode_by_pydicom(path: Path, stop: threading.Event) -> None:
    dataset = pydicom.dcmread(path)
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    for index in itertools.cycle(range(FRAMES)):
        if stop.is_set():
            return
        decoder.as_array(dataset, index=index)


def event_loop(paths: dict[str, Path], repeats: int) -> list[Row]:
    """Return the longest gaps of the event loop while volumes are decoded in the background."""
    application = QApplication.instance() or QApplication([])
    gaps = Gaps()
    idle = statistics.median(gap_of(lambda stop: None, gaps) for _ in range(repeats))
    print(f"  platform {application.platformName()}, longest gap of an idle loop {idle:.1f} ms", flush=True)
    rows = []
    for syntax, path in paths.items():
        if not pydicom_reads(path):
            continue
        ours, theirs = partial(decode_ahead, path), partial(decode_by_pydicom, path)
        found, taken = [], []
        for _ in range(repeats):
            before = others_ms()
            mine = gap_of(ours, gaps)
            taken.append(f"{mine:.0f} ms with {max(0.0, others_ms() - before):.0f} ms")
            found.append((mine, gap_of(theirs, gaps)))
        print(f"  {NAMES[syntax]}: longest gap, and processor time that others took: {', '.join(taken)}")
        mine, other = (statistics.median(longest) for longest in zip(*found, strict=True))
        name = f"{NAMES[syntax]}, longest gap of the event loop"
        rows.append(Row(name, "ms", mine, other, mine, GAP_TARGET_MS, at_least=False))
    return rows


def memory(paths: list[Path]) -> list[Row]:
    """Return what the process grows by when four volumes are scrolled through; measured in a process of its own."""
    if not Path("/proc/self/status").exists():
        print("  memory is not measured: this system has no /proc")
        return []
    argv = [sys.executable, __file__, "--scroll", *map(str, paths)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    grown = json.loads(done.stdout.splitlines()[-1])
    return [
        Row(f"memory, four volumes, {name}", "MiB", grown[name], None, grown[name], _BUDGET_MIB, at_least=False)
        for name in ("at most", "at the end")
    ]


def scroll(paths: list[Path]) -> None:
    """Open volumes, scroll through each to and fro, and print by how much memory has grown."""
    settings = Settings(performance=PerformanceSettings(cache_budget_mib=_BUDGET_MIB))
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(settings, library=Path(folder) / "library.sqlite")
        workspace.open(paths).wait()
        warm = workspace.images[0]
        warm.frame(0)  # the decoder itself takes memory too
        warm.close()
        before = _status("VmRSS")
        for image in workspace.images:
            state = workspace.state(image.attributes.identity)
            follower = FrameFollower(workspace.pictures, state)
            for frame in [*range(FRAMES), *range(FRAMES - 1, -1, -1)]:
                state.frame = frame
                follower.picture()
                while follower.waiting:
                    time.sleep(0.001)
                    follower.picture()
        grown = {"at most": _status("VmHWM") - before, "at the end": _status("VmRSS") - before}
        assert workspace.cache.held_bytes <= workspace.cache.byte_budget
        workspace.close()
    print(json.dumps(grown))


def _status(name: str) -> float:
    """Return a figure of the process in MiB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split(f"{name}:")[1].split()[0]) / 1024


def show(rows: list[Row], json_file: Path | None) -> None:
    """Print the table, and write the figures where asked."""
    print(f"{'':<46}{'here':>10}{'pydicom':>10}  {'unit':<7}{'ratio':>7}{'target':>10}  reached")
    figures: dict[str, float | str | bool] = {"gdcm": has_gdcm()}
    for row in rows:
        theirs = "" if row.theirs is None else f"{row.theirs:.2f}"
        ratio = "" if row.theirs is None else f"{row.theirs / row.ours:.1f}x"
        target = f">= {row.target:g}x" if row.at_least else f"<= {row.target:g}"
        reached = "yes" if row.reached else "NO"
        print(f"{row.name:<46}{row.ours:>10.2f}{theirs:>10}  {row.unit:<7}{ratio:>7}{target:>10}  {reached}")
        figures[f"{row.name}: here, {row.unit}"] = row.ours
        if row.theirs is not None:
            figures[f"{row.name}: pydicom, {row.unit}"] = row.theirs
            figures[f"{row.name}: ratio"] = row.theirs / row.ours
        figures[f"{row.name}: target"] = row.target
        figures[f"{row.name}: reached"] = row.reached
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def has_gdcm() -> bool:
    return importlib.util.find_spec("gdcm") is not None


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scroll", type=Path, nargs="+", help="scroll through these volumes and print the memory")
    options = parser.parse_args()
    if options.scroll:
        scroll(options.scroll)
        return
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if not has_gdcm():
        print("python-gdcm is not installed: compared with the plugins that pydicom has; what it lacks is left out")
    print(
        f"{FRAMES} frames of {ROWS} x {COLUMNS}, {os.cpu_count()} processors, medians of {options.repeats}", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        frames = make_frames()
        paths = {syntax: write_volume(Path(folder) / f"{syntax}.dcm", frames, syntax) for syntax in FRAME_TARGETS}
        with one_processor():
            rows = one_frame(paths, options.repeats)
        rows += whole_volumes(paths, options.repeats)
        rows += event_loop(paths, options.repeats)
        four = [write_volume(Path(folder) / f"{number}.dcm", frames, "jpeg-lossless") for number in range(4)]
        rows += memory(four)
    show(rows, options.json)


if __name__ == "__main__":
    main()
