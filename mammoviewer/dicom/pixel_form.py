"""Size and layout of the pixels as the header tells them: checked, completed where that is safe, capped, or refused."""

from __future__ import annotations

from mammoviewer.base.errors import InputError, UnsupportedError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.codestream import CODEC_OF_SYNTAX, NATIVE_SYNTAXES, Codec, Codestream
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.frames import PixelForm

MAX_FRAME_BYTES = 1 << 29
MAX_FRAMES = 1 << 16
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "YBR_PARTIAL_420")


def read_pixel_form(
    dataset: Dataset,
    syntax: str,
    *,
    encapsulated: bool,
    big_endian: bool,
    seen: Codestream | None,
    notices: list[Notice],
) -> PixelForm:
    """Return the layout of the pixels.

    Parameters
    ----------
    dataset
        The header.
    syntax
        TransferSyntaxUID, empty when missing.
    encapsulated, big_endian
        As found in the file.
    seen
        What the codestream of the first frame says; it is believed where it contradicts the header.
    notices
        What had to be assumed is added here.

    Raises
    ------
    InputError
        Rows or Columns are missing or 0, or a frame would be absurdly large.
    UnsupportedError
        The pixels are of a kind that is not shown.
    """
    rows, columns = _size(dataset)
    samples = elements.integer(dataset, "SamplesPerPixel") or 1
    allocated = _allocated(dataset, notices)
    stored, high_bit = _stored_bits(dataset, allocated, notices)
    if samples == 1 and seen is not None and stored < seen.precision < allocated:
        text = f"BitsStored is {stored}, the compressed pixels have {seen.precision} bits and are believed"
        notices.append(Notice(Severity.CAUTION, text))
        stored, high_bit = seen.precision, seen.precision - 1
    photometric = _photometric(dataset, samples, notices)
    form = PixelForm(
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=_signed(dataset, seen, notices),
        planar=elements.integer(dataset, "PlanarConfiguration") == 1,
        photometric=photometric,
        big_endian=big_endian,
        codec=_codec(syntax, encapsulated=encapsulated, seen=seen, notices=notices),
    )
    if form.frame_bytes > MAX_FRAME_BYTES:
        raise InputError(f"a frame of {columns} x {rows} pixels is larger than this program opens")
    return form


def frame_count(dataset: Dataset, notices: list[Notice]) -> int | None:
    """Return NumberOfFrames; None when it is missing, 0 or absurd and has to be found from the pixel data."""
    told = elements.integer(dataset, "NumberOfFrames")
    if told is None:
        return None
    if not 1 <= told <= MAX_FRAMES:
        notices.append(Notice(Severity.CAUTION, f"NumberOfFrames is {told}: the frames present are counted"))
        return None
    return told


def _size(dataset: Dataset) -> tuple[int, int]:
    rows = elements.integer(dataset, "Rows")
    columns = elements.integer(dataset, "Columns")
    if rows is None or columns is None:
        raise InputError("the header ends before the size of the image is told")
    if rows <= 0 or columns <= 0:
        raise InputError(f"the image has a size of {columns} x {rows} pixels")
    return rows, columns


def _allocated(dataset: Dataset, notices: list[Notice]) -> int:
    allocated = elements.integer(dataset, "BitsAllocated")
    if allocated is None:
        stored = elements.integer(dataset, "BitsStored")
        allocated = 8 if stored is not None and stored <= 8 else 16
        notices.append(Notice(Severity.CAUTION, f"BitsAllocated is missing: {allocated} is assumed"))
    if allocated not in (8, 16, 32):
        raise UnsupportedError(f"pixels of {allocated} bits are not shown")
    return allocated


def _stored_bits(dataset: Dataset, allocated: int, notices: list[Notice]) -> tuple[int, int]:
    stored = elements.integer(dataset, "BitsStored")
    if stored is None or not 1 <= stored <= allocated:
        if stored is not None:
            text = f"BitsStored is {stored} of {allocated} allocated: {allocated} is assumed"
            notices.append(Notice(Severity.CAUTION, text))
        stored = allocated
    high_bit = elements.integer(dataset, "HighBit")
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        high_bit = stored - 1
    if stored > 16:
        raise UnsupportedError(f"pixels of {stored} significant bits are not shown")
    return stored, high_bit


def _photometric(dataset: Dataset, samples: int, notices: list[Notice]) -> str:
    name = elements.text(dataset, "PhotometricInterpretation").upper()
    if samples not in (1, 3):
        raise UnsupportedError(f"pixels of {samples} samples are not shown")
    if not name:
        name = "MONOCHROME2" if samples == 1 else "RGB"
        notices.append(Notice(Severity.CAUTION, f"PhotometricInterpretation is missing: {name} is assumed"))
    if name not in (_GREY if samples == 1 else _COLOUR):
        raise UnsupportedError(f"images of the kind {name[:16]} are not shown")
    if samples == 3:
        notices.append(Notice(Severity.INFO, "a colour image: its luminance is shown"))
    return name


def _signed(dataset: Dataset, seen: Codestream | None, notices: list[Notice]) -> bool:
    signed = elements.integer(dataset, "PixelRepresentation") == 1
    if seen is not None and seen.signed is not None and seen.signed != signed:
        notices.append(
            Notice(Severity.CAUTION, "PixelRepresentation contradicts the JPEG 2000 codestream, which is believed")
        )
        return seen.signed
    return signed


def _codec(syntax: str, *, encapsulated: bool, seen: Codestream | None, notices: list[Notice]) -> Codec | None:
    """Return the codec of the frames, None for uncompressed ones."""
    declared = CODEC_OF_SYNTAX.get(syntax)
    if not encapsulated:
        if declared is not None:
            notices.append(Notice(Severity.CAUTION, f"declared as {declared}, but the pixels are not compressed"))
        return None
    if seen is not None:
        same_family = {declared, seen.codec} == {Codec.HTJ2K, Codec.JPEG_2000}
        if seen.codec is not declared and not same_family:
            name = declared or ("uncompressed" if syntax in NATIVE_SYNTAXES else "nothing known")
            notices.append(Notice(Severity.CAUTION, f"declared as {name}, but compressed with {seen.codec}"))
        return seen.codec
    if declared is not None:
        return declared
    import pydicom

    name = pydicom.uid.UID(syntax).name if syntax else "unknown"
    raise UnsupportedError(f"the compression {name} is not supported")
