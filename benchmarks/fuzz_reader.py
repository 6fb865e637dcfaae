"""Open damaged DICOM files by the thousand and see whether one of them gets the better of the reader.

Every case is made from its number alone: a small valid file, changed in one to four places (element headers, lengths,
numbers, offset tables, fragments, codestreams, cuts). The case is opened, its frames are decoded, its grey tables are
made, the masks of companions are read and its header is listed, in a child process. A failure is a crash, an exception
that is not of the program's own hierarchy, more than 2 s of processor time, or more memory than the largest frame that
is allowed takes. What fails is printed with its number; ``--first N --cases 1`` does it again.

Run: python benchmarks/fuzz_reader.py [--cases 2000] [--first 0] [--keep DIR] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from measuring import arguments, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

SECONDS = 2.0
CAP_BYTES = 700 << 20
_FRAMES_READ = 3
_EDGES = (0, 1, 2, 7, 8, 15, 16, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def corpus() -> list[bytes]:
    """Return small valid files: every transfer syntax, single and multi-frame, with windows and LUTs; companions."""
    import imagecodecs
    import numpy as np
    from helpers import companion_makers as companions
    from helpers import dicom_makers as makers
    from helpers.sco_maker import save_sco

    flat = makers.texture(12, 16)
    volume = np.stack([makers.texture(12, 16, seed=seed) for seed in range(3)])
    syntaxes = (makers.NATIVE, makers.IMPLICIT, makers.BIG_ENDIAN, makers.JPEG_LOSSLESS, makers.JPEG_LS,
                makers.JPEG_2000, makers.HTJ2K, makers.RLE)  # fmt: skip
    made = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dcm"
        for syntax in syntaxes:
            lut = makers.voi_lut(range(0, 4096, 16), explanation="LUT")
            single = makers.mammogram(
                flat, WindowCenter=[500, 600], WindowWidth=[900, 80], VOILUTSequence=[lut], PixelPaddingValue=0
            )
            made.append(makers.save(path, single, flat, syntax=syntax).read_bytes())
            made.append(makers.save(path, makers.tomo(volume), volume, syntax=syntax).read_bytes())
            if syntax not in syntaxes[:3]:
                for offsets in ("basic", "extended"):
                    tomo = makers.tomo(volume)
                    made.append(makers.save(path, tomo, volume, syntax=syntax, offsets=offsets).read_bytes())
        colour = np.stack([flat >> 4] * 3, axis=-1).astype(np.uint8)
        made.append(makers.save(path, makers.secondary_capture(colour), colour).read_bytes())
        signed = makers.ramp(12, 16, signed=True)
        made.append(makers.save(path, makers.mammogram(signed), signed).read_bytes())
        table = makers.mammogram(flat, ModalityLUTSequence=[makers.voi_lut(range(0, 4096, 4))], PixelPaddingValue=3)
        made.append(makers.save(path, table, flat).read_bytes())
        made.append(save_sco(path, volume, near=2).read_bytes())
        made.append(_deflated(makers.save(path, makers.tomo(volume), volume).read_bytes()))
        for level, kind, pixels in ((90, "50", (flat >> 4).astype(np.uint8)), (90, "51", flat)):
            bits = 8 if kind == "50" else 12
            stream = imagecodecs.jpeg8_encode(pixels, level=level, bitspersample=bits)
            single = makers.mammogram(pixels, bits=bits)
            value = makers.pixel_items(bytes(stream))
            syntax = f"1.2.840.10008.1.2.4.{kind}"
            made.append(makers.save_fragments(path, single, syntax, value).read_bytes())
        mask = np.zeros((2, 12, 16))
        mask[:, 3:8, 4:9] = 1.0
        state = companions.presentation_state(
            "1.2", window=(500, 100), graphics=[companions.graphic("POLYLINE", 1, 2, 3, 4, 5, 6)]
        )
        place = companions.place("111010", "POINT", [4.0, 5.0], companions.image("1.2"))
        finding = companions.cad_finding("129769006", "111150", place, certainty=80.0)
        for companion in (
            companions.segmentation("1.2", mask),
            state,
            companions.cad_report(["1.2"], finding, summary="111242"),
            companions.report(companions.DOSE, "113701", companions.number("111637", 4.0, "mGy")),
        ):
            made.append(companions.save(path, companion).read_bytes())
        made += _compressed_masks(path, (mask * 2).astype(np.uint8))
        marked = companions.add_overlay(makers.mammogram(flat), np.ones((3, 3)))
        made.append(makers.save(path, marked, flat).read_bytes())
    return made


def _compressed_masks(path: Path, values: Any) -> list[bytes]:
    """Return label maps of these values (frames, rows, columns) in every lossless compression."""
    from helpers import companion_makers as companions
    from helpers import dicom_makers as makers

    made = []
    for syntax in (makers.RLE, makers.JPEG_LOSSLESS, makers.JPEG_LS, makers.JPEG_2000, makers.HTJ2K):
        labels = companions.segmentation("1.2", values, kind="LABELMAP")
        del labels.PixelData
        streams = [makers.compress(frame, syntax, bits=8) for frame in values]
        value = makers.pixel_items(*(stream + b"\0" * (len(stream) % 2) for stream in streams))
        made.append(makers.save_fragments(path, labels, syntax, value).read_bytes())
    return made


def _deflated(raw: bytes) -> bytes:
    """Return a native file with its data set deflated."""
    start = 144 + int.from_bytes(raw[140:144], "little")
    native, deflated = b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x16\x001.2.840.10008.1.2.1.99"
    meta = raw[:start].replace(native, deflated)
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(raw[start:]) + packer.flush()
    return meta[:140] + (start - 144 + 2).to_bytes(4, "little") + meta[144:] + body


def mutated(number: int, files: list[bytes]) -> bytes:
    """Return the damaged file of a case."""
    rng = random.Random(number)
    data = bytearray(rng.choice(files))
    for _ in range(rng.randint(1, 4)):
        rng.choice(MUTATIONS)(rng, data)
    return bytes(data)


def _place(rng: random.Random, data: bytearray) -> int:
    """Return a place, more often in the header and at the ends of the pixel data than in the middle."""
    return rng.randrange(132, max(133, len(data))) if len(data) > 132 else 0


def _flip(rng: random.Random, data: bytearray) -> None:
    if data:
        data[_place(rng, data) % len(data)] ^= 1 << rng.randrange(8)


def _byte(rng: random.Random, data: bytearray) -> None:
    if data:
        data[_place(rng, data) % len(data)] = rng.randrange(256)


def _number(rng: random.Random, data: bytearray) -> None:
    width = rng.choice((2, 4, 8))
    place = _place(rng, data)
    value = rng.choice(_EDGES) & ((1 << 8 * width) - 1)
    data[place : place + width] = value.to_bytes(width, rng.choice(("little", "big")))


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _remove(rng: random.Random, data: bytearray) -> None:
    place = _place(rng, data)
    del data[place : place + rng.choice((1, 2, 4, 8, 20, 200))]


def _insert(rng: random.Random, data: bytearray) -> None:
    place = _place(rng, data)
    data[place:place] = rng.randbytes(rng.choice((1, 2, 4, 8, 20, 200)))


def _repeat(rng: random.Random, data: bytearray) -> None:
    start, place = _place(rng, data), _place(rng, data)
    data[place:place] = data[start : start + rng.randrange(1, 300)]


def _length(rng: random.Random, data: bytearray) -> None:
    """Change the length of one explicit element."""
    places = [i for i in range(132, len(data) - 8) if data[i + 4 : i + 6].isupper() and data[i + 4 : i + 6].isalpha()]
    if places:
        place = rng.choice(places)
        long = bytes(data[place + 4 : place + 6]) in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        form, at = ("<L", place + 8) if long else ("<H", place + 6)
        value = rng.choice(_EDGES) & (0xFFFFFFFF if long else 0xFFFF)
        if at + struct.calcsize(form) <= len(data):
            struct.pack_into(form, data, at, value)


def _value(rng: random.Random, data: bytearray) -> None:
    """Change the value of a short element, numbers as text among them."""
    places = [
        i for i in range(132, len(data) - 10) if data[i + 4 : i + 6] in (b"US", b"SS", b"DS", b"IS", b"UL", b"CS")
    ]
    if places:
        place = rng.choice(places)
        (length,) = struct.unpack_from("<H", data, place + 6)
        text = rng.choice((b"nan", b"inf", b"-1e308", b"1e400", b"\\\\\\", b"0,5", b"\xff\x00", b"-0", b"99999999999"))
        fill = (text * (length // len(text) + 1))[:length] if rng.random() < 0.5 else rng.randbytes(length & 0xFF)
        data[place + 8 : place + 8 + len(fill)] = fill


def _item(rng: random.Random, data: bytearray) -> None:
    """Change the length of an item, or turn it into a delimiter."""
    places = []
    start = data.find(b"\xfe\xff\x00\xe0")
    while start >= 0:
        places.append(start)
        start = data.find(b"\xfe\xff\x00\xe0", start + 4)
    if places:
        place = rng.choice(places)
        if rng.random() < 0.3:
            data[place + 2 : place + 4] = rng.choice((b"\x0d\xe0", b"\xdd\xe0", b"\x00\x00"))
        else:
            data[place + 4 : place + 8] = struct.pack("<L", rng.choice(_EDGES))


def _codestream(rng: random.Random, data: bytearray) -> None:
    """Change a byte near the start of a codestream."""
    starts = [place for mark in (b"\xff\xd8\xff", b"\xff\x4f\xff\x51") if (place := data.find(mark)) >= 0]
    if starts:
        place = min(starts) + rng.randrange(2, 120)
        if place < len(data):
            data[place] = rng.randrange(256)


MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip, _byte, _number, _number, _cut, _remove, _insert, _repeat, _length, _length, _value, _value, _item,
    _codestream,
)  # fmt: skip


def exercise(path: Path) -> int:
    """Do with a file what the program does with it; return how many frames were shown."""
    from mammoviewer.base.errors import MammoViewerError
    from mammoviewer.dicom.reader import open_paths
    from mammoviewer.imaging.voi import apply_lut, auto_window, display_lut
    from mammoviewer.session.companion_words import companion_lines

    result = open_paths([path])
    shown = 0
    for companion in (*result.companions, *(item for image in result.images for item in image.companions)):
        companion_lines(companion)
        for plane in companion.planes[:_FRAMES_READ]:
            with contextlib.suppress(MammoViewerError):
                plane.read()
    for image in result.images:
        attributes = image.attributes
        for index in range(min(attributes.frames, _FRAMES_READ)):
            try:
                stored = image.frame(index)
            except MammoViewerError:
                continue
            vois = attributes.vois_for_frame(index)
            rescale = attributes.rescale_for_frame(index)
            voi = vois[0] if vois else auto_window(stored, padding=attributes.padding, rescale=rescale)
            first, count = attributes.value_range
            lut = display_lut(first, count, voi=voi, rescale=rescale, inverse=attributes.inverse,
                              padding=attributes.padding)  # fmt: skip
            assert apply_lut(stored, lut, first).shape == attributes.shape
            shown += 1
        with contextlib.suppress(MammoViewerError):
            image.header_text()
        image.close()
    return shown


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def work(pipe: Connection, first: int, last: int, folder: Path) -> None:
    """Do the cases in a child, telling the number of each before it begins."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    files = corpus()
    path = folder / "case.dcm"
    path.write_bytes(files[0])
    exercise(path)
    limit = _peak_bytes() + CAP_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    for number in range(first, last):
        pipe.send(("begin", number, 0))
        path.write_bytes(mutated(number, files))
        start = time.process_time()
        try:
            pipe.send(("shown", number, exercise(path)))
        except BaseException:  # noqa: BLE001 - whatever comes out of the reader is what is looked for
            pipe.send(("escaped", number, traceback.format_exc()))
        if time.process_time() - start > SECONDS:
            pipe.send(("slow", number, time.process_time() - start))
        if _peak_bytes() > limit:
            pipe.send(("memory", number, _peak_bytes() - limit + CAP_BYTES))
            return  # the mark of the highest use cannot be set back: a new child goes on
    pipe.send(("done", last, 0))


def _processor_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_cases(first: int, last: int, folder: Path) -> tuple[list[tuple[str, int, object]], int]:
    """Do the cases ``first`` to ``last - 1``; return the failures and the number of frames shown."""
    failures: list[tuple[str, int, object]] = []
    shown, next_case = 0, first
    context = multiprocessing.get_context("spawn")
    while next_case < last:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=work, args=(theirs, next_case, last, folder))
        child.start()
        theirs.close()
        begun, spent_before = next_case, 0.0
        while True:
            if not ours.poll(SECONDS):
                if begun > next_case and _processor_seconds(child.pid or 0) - spent_before > 2 * SECONDS:
                    failures.append(("hang", begun, ""))
                    child.kill()
                    break
                continue
            try:
                kind, number, what = ours.recv()
            except EOFError:
                child.join()
                if not failures or failures[-1][1] != begun:
                    failures.append(("crash", begun, f"exit code {child.exitcode}"))
                    print(f"crash in case {begun}: exit code {child.exitcode}", flush=True)
                break
            if kind == "begin":
                begun = number
                if number % 500 == 0:
                    spent_before = _processor_seconds(child.pid or 0)
                    print(f"case {number}, {len(failures)} failures", flush=True)
            elif kind == "shown":
                shown += what
                spent_before = _processor_seconds(child.pid or 0) if number % 50 == 0 else spent_before
            elif kind == "done":
                begun = last
                break
            else:
                failures.append((kind, number, what))
                print(f"{kind} in case {number}: {what}", flush=True)
        child.join()
        next_case = begun + 1
    return failures, shown


def main() -> None:
    parser: argparse.ArgumentParser = arguments(__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the files that fail here")
    options = parser.parse_args()
    files = corpus()  # what is wrong with it is told here, the child is silent
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        failures, shown = run_cases(options.first, options.first + options.cases, Path(folder))
    if options.keep and failures:
        options.keep.mkdir(parents=True, exist_ok=True)
        for kind, number, _ in failures:
            (options.keep / f"{kind}-{number}.dcm").write_bytes(mutated(number, files))
    figures: dict[str, float] = {"cases": options.cases, "frames shown": shown, "seconds": time.perf_counter() - start}
    for kind in ("escaped", "slow", "hang", "memory", "crash"):
        figures[kind] = sum(found == kind for found, _, _ in failures)
    report(figures, options.json)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
