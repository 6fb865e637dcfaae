"""PNG, PGM, PPM, TIFF, JPEG and BMP pictures as images: grey of 8 or 16 bits, colour shown as luminance."""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import DecodeError, InputError, MammoViewerError, UnsupportedError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View
from mammoviewer.dicom.frames import FrameCache, luminance
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.pixel_form import MAX_FRAME_BYTES, MAX_FRAMES
from mammoviewer.dicom.remedies import CHECK_PLACE
from mammoviewer.dicom.spacing import STATED

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

UNSIZED: Final = Notice(Severity.INFO, "the pixel size is unknown: lengths are given in pixels")

_MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
    b"P5": "PGM",
    b"P2": "PGM",
    b"P6": "PPM",
    b"P3": "PPM",
}
_FAILURES = (
    RuntimeError, ValueError, TypeError, OSError, SyntaxError, IndexError, KeyError, EOFError, MemoryError,
    OverflowError,
)  # fmt: skip
_DEPTHS = (8, 10, 12, 14, 16)
_SPACE = rb"(?:\s|#[^\n]*\n)+"
_PNM_HEADER = re.compile(
    rb"(?P<magic>P[2356])"
    + _SPACE
    + rb"(?P<columns>\d{1,6})"
    + _SPACE
    + rb"(?P<rows>\d{1,6})"
    + _SPACE
    + rb"(?P<top>\d{1,5})\s"
)
_COPY_AGAIN = "copy it from its source again"
_RESAVE = "save it again as grey of 8 or 16 bits"
_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "PPM")
_VIEW_NAME = re.compile(r"(?<![A-Z0-9])([RL])[-_ ]?(CC|MLO|ML|LM|XCCL|XCCM)(?![A-Z0-9])")

# What is wrong with a file is told by our own errors, not on the console.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class _Survey:
    """What the header of a file tells; ``top`` is the largest value that it states, 0 where it states none."""

    frames: int
    inverse: bool = False
    top: int = 0


@dataclass(frozen=True, eq=False)
class _Content:
    """What the pixels of all pages tell: their digest, the first page, whether any has colour, the depth they need."""

    digest: str
    first: StoredArray
    colour: bool
    bits: int


@dataclass(frozen=True)
class RasterFrames:
    """The pages of a picture file."""

    path: Path
    form: str

    def read(self, index: int) -> tuple[StoredArray, str]:
        """Return the pixels (rows, columns), uint8 or uint16, of a page, and the name of the decoder.

        Raises
        ------
        DecodeError
            The page cannot be read or decoded.
        """
        pixels, decoder = self.page(index)
        return _grey(pixels), decoder

    def page(self, index: int) -> tuple[StoredArray, str]:
        """Return the pixels of a page with their colours (rows, columns) or (rows, columns, channels); see read."""
        try:
            return _page(self.path, self.form, index)
        except DecodeError as error:
            raise DecodeError(error.reason, hint=error.hint, path=self.path) from error
        except _FAILURES as error:
            reason = f"the {self.form} picture cannot be decoded"
            raise DecodeError(reason, hint=_COPY_AGAIN, path=self.path) from error


def raster_form(head: bytes) -> str:
    """Return PNG, JPEG, TIFF, BMP, PGM or PPM from the first bytes of a file; empty when it is none of them."""
    return next((form for magic, form in _MAGIC.items() if head.startswith(magic)), "")


def open_raster(path: Path, *, pixel_spacing_mm: float | None = None, cache: FrameCache | None = None) -> Image:
    """Open a picture file; every page of a TIFF is a frame.

    Grey that is stored as colour, with all channels equal and nothing transparent, is grey. ``BitsStored`` is the
    depth that the values need, of 8, 10, 12, 14 and 16 bits: that of the largest value, or of the stated one (PGM).

    Annotations belong to its pixels (SHA-256 of all pages), so that a copy or renamed file keeps them. The side and
    view are taken from the name only where it spells them, such as ``L-CC`` or ``RMLO``.

    Raises
    ------
    InputError
        The file cannot be read, or is damaged.
    UnsupportedError
        Its pixels are of a kind that is not shown, or too many.
    """
    try:
        with path.open("rb") as handle:
            form = raster_form(handle.read(16))
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", hint=CHECK_PLACE, path=path) from error
    if not form:
        reason = "the file is neither DICOM nor a PNG, PGM, PPM, TIFF, JPEG or BMP picture"
        raise InputError(reason, hint="convert it to one of these", path=path)
    try:
        survey = _survey(path, form)
    except MammoViewerError as error:
        raise type(error)(error.reason, hint=error.hint, path=path) from error
    except _FAILURES as error:
        raise InputError(f"the {form} picture is damaged", hint=_COPY_AGAIN, path=path) from error
    source = RasterFrames(path, form)
    content = _content(source, survey)
    attributes = ImageAttributes(
        path=path,
        kind=ImageKind.RASTER,
        rows=content.first.shape[0],
        columns=content.first.shape[1],
        frames=survey.frames,
        BitsStored=content.bits,
        samples=3 if content.colour else 1,
        inverse=survey.inverse,
        view=view_from_name(path.stem),
        lossy=form == "JPEG",
        pixel_spacing=_stated(pixel_spacing_mm),
        pixel_digest=content.digest,
        warnings=_notices(colour=content.colour, lossy=form == "JPEG", stated=pixel_spacing_mm is not None),
    )
    lines = [("", "Format", "", form), ("", "Pages", "", str(survey.frames)), ("", "Pixels", "", content.digest)]
    return Image(attributes, source, cache or FrameCache(), lambda: lines)


def view_from_name(stem: str) -> View:
    """Return the view that a file name spells out, empty when it spells none or two different ones."""
    found = {View(side, position) for side, position in _VIEW_NAME.findall(stem.upper())}
    return found.pop() if len(found) == 1 else View()


def _stated(spacing_mm: float | None) -> PixelSpacing | None:
    return None if spacing_mm is None else PixelSpacing(spacing_mm, spacing_mm, STATED)


def _notices(*, colour: bool, lossy: bool, stated: bool) -> tuple[Notice, ...]:
    notices = []
    if colour:
        notices.append(Notice(Severity.INFO, "a colour picture: its luminance is shown"))
    if lossy:
        text = "the picture is compressed with losses"
        notices.append(Notice(Severity.CAUTION, text, "use the original, if there is one, to measure or to train"))
    if not stated:
        notices.append(UNSIZED)
    return tuple(notices)


def _survey(path: Path, form: str) -> _Survey:
    """Return what the header tells; sizes are checked before memory is taken."""
    if form == "TIFF":
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            pages = tiff.pages
            if not 1 <= len(pages) <= MAX_FRAMES:
                raise UnsupportedError("a TIFF file without pages or with too many of them", hint=_RESAVE)
            first = pages[0]
            _require(first.imagewidth, first.imagelength, np.dtype(first.dtype) if first.dtype else None)
            same = all(page.shape == first.shape and page.dtype == first.dtype for page in pages)
            if not same:
                raise UnsupportedError(
                    "the pages of the TIFF file differ in size or depth", hint="save each page as a file"
                )
            if len(first.shape) > 2 and first.planarconfig != tifffile.PLANARCONFIG.CONTIG:
                raise UnsupportedError("a TIFF file with colours in separate planes", hint=_RESAVE)
            return _Survey(len(pages), inverse=first.photometric == tifffile.PHOTOMETRIC.MINISWHITE)
    with _pillow_image(path, _PILLOW_FORMATS) as picture:
        _require(picture.width, picture.height, np.dtype(np.uint8))
        if picture.mode == "CMYK":
            raise UnsupportedError("a picture in printing colours (CMYK)", hint="convert it to RGB or grey")
    top = int(_pnm_header(path.read_bytes())["top"]) if form in ("PGM", "PPM") else 0
    return _Survey(1, top=top)


def _require(columns: int, rows: int, dtype: np.dtype[np.generic] | None) -> None:
    if dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        raise UnsupportedError("only pictures of 8 or 16 bit whole numbers are shown", hint=_RESAVE)
    if rows < 1 or columns < 1 or rows * columns * dtype.itemsize > MAX_FRAME_BYTES:
        raise UnsupportedError(
            f"a picture of {columns} x {rows} pixels is not opened", hint="make it smaller, or cut it into parts"
        )


def _page(path: Path, form: str, index: int) -> tuple[StoredArray, str]:
    if form == "TIFF":
        return _tiff(path, index), "tifffile"
    return _DECODERS[form](path)


def _pillow_image(path: Path, formats: tuple[str, ...]) -> PillowImage:
    from PIL import Image as Pillow

    # Sizes are checked by _require before a pixel is read; scanned films are larger than Pillow's own warning allows.
    Pillow.MAX_IMAGE_PIXELS = None
    return Pillow.open(path, formats=formats)


def _tiff(path: Path, index: int) -> StoredArray:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[index]
        pixels = np.asarray(page.asarray())
        if page.photometric != tifffile.PHOTOMETRIC.PALETTE:
            return pixels
        # A colour map has 16 bits per channel whatever the pixels have.
        colours: StoredArray = np.asarray(page.colormap, dtype=np.uint16)[:, pixels].transpose(1, 2, 0)
        return (colours >> 8).astype(np.uint8) if page.dtype == np.uint8 else colours


def _png(path: Path) -> tuple[StoredArray, str]:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(path.read_bytes())), "imagecodecs png"


def _jpeg(path: Path) -> tuple[StoredArray, str]:
    import imagecodecs

    return np.asarray(imagecodecs.jpeg8_decode(path.read_bytes())), "imagecodecs jpeg8"


def _bmp(path: Path) -> tuple[StoredArray, str]:
    with _pillow_image(path, ("BMP",)) as picture:
        return np.asarray(picture.convert("L" if picture.mode in ("1", "L") else "RGB")), "pillow"


def _pnm(path: Path) -> tuple[StoredArray, str]:
    """Read a PGM or PPM ourselves: values stay as they are, where Pillow stretches those of 9 to 15 bits to 16."""
    raw = path.read_bytes()
    header = _pnm_header(raw)
    columns, rows, top = (int(header[name]) for name in ("columns", "rows", "top"))
    shape = (rows, columns) if header["magic"] in (b"P2", b"P5") else (rows, columns, 3)
    dtype = np.dtype(np.uint8 if top < 256 else np.uint16)
    _require(columns, rows, dtype)
    count = math.prod(shape)
    if header["magic"] in (b"P5", b"P6"):
        pixels = np.frombuffer(raw, dtype.newbyteorder(">"), count, header.end())
    else:
        pixels = np.array(raw[header.end() :].split()[:count], dtype=np.int64)
    if pixels.size and not 0 <= int(pixels.min()) <= int(pixels.max()) <= top:
        reason = f"the picture holds values outside 0 to {top}, which its header gives as the largest"
        raise DecodeError(reason, hint=_COPY_AGAIN)
    return pixels.astype(dtype).reshape(shape), "numpy"


def _pnm_header(raw: bytes) -> re.Match[bytes]:
    header = _PNM_HEADER.match(raw)
    if header is None or not 1 <= int(header["top"]) <= 65535:
        raise ValueError("not a PGM or PPM header")
    return header


_DECODERS: dict[str, Callable[[Path], tuple[StoredArray, str]]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "BMP": _bmp,
    "PGM": _pnm,
    "PPM": _pnm,
}


def _grey(pixels: StoredArray) -> StoredArray:
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.ndim == 3:
        pixels = luminance(pixels) if _has_colour(pixels) else pixels[..., 0]
    return np.ascontiguousarray(pixels)


def _has_colour(pixels: StoredArray) -> bool:
    """Return whether a page is more than grey: its channels differ, or some of it is transparent."""
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        return False
    red, green, blue = (pixels[..., channel] for channel in range(3))
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        return True
    return pixels.shape[2] > 3 and bool((pixels[..., 3] < np.iinfo(pixels.dtype).max).any())


def _content(source: RasterFrames, survey: _Survey) -> _Content:
    """Read all pages once; the digest is ``sha256:...`` over the shape and the grey values of each."""
    digest = hashlib.sha256()
    colour, largest = False, 0
    first: StoredArray | None = None
    for index in range(survey.frames):
        pixels, _ = source.page(index)
        page = _grey(pixels)
        first = page if first is None else first
        colour = colour or _has_colour(pixels)
        largest = max(largest, survey.top or _white(page))
        digest.update(f"{page.shape}{page.dtype.str}".encode())
        digest.update(page.tobytes())
    if first is None:
        raise UnsupportedError("a picture without pages", hint=_RESAVE, path=source.path)
    bits = next(depth for depth in _DEPTHS if largest < 1 << depth)
    return _Content(f"sha256:{digest.hexdigest()}", first, colour, bits)


def _white(page: StoredArray) -> int:
    """Return the value that is white in a page that does not state it; at least the largest value."""
    if page.dtype == np.uint8:
        return 255
    # 8 bits that were stretched to 16 are multiples of 257 with the white of 16.
    return 65535 if page.any() and not (page % 257).any() else int(page.max())
