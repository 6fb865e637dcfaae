"""Size and layout of the pixels as the header tells them: checked, completed where that is safe, capped, or refused."""

from __future__ import annotations

from mammoviewer.base.errors import InputError, UnsupportedError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.codestream import CODEC_OF_SYNTAX, NATIVE_SYNTAXES, Codec, Codestream
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.frames import PixelForm
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_GREYS, CONVERT, UNCOMPRESSED

MAX_FRAME_BYTES = 1 << 29
MAX_FRAMES = 1 << 16
_MISLABELLED = "other programs may refuse it: ask for it again"
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
    if samples == 1 and seen is not None:
        stored, high_bit = _believed_bits(seen.precision, allocated, stored, high_bit, notices)
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
        raise InputError(f"a frame of {columns} x {rows} pixels is larger than this program opens", hint=ASK_AGAIN)
    return form


def frame_count(dataset: Dataset, notices: list[Notice]) -> int | None:
    """Return NumberOfFrames; None when it is missing, 0 or absurd and has to be found from the pixel data."""
    told = elements.integer(dataset, "NumberOfFrames")
    if told is None:
        return None
    if not 1 <= told <= MAX_FRAMES:
        text = f"NumberOfFrames is {told}: the frames present are counted"
        notices.append(Notice(Severity.CAUTION, text, "see whether slices are missing at the end"))
        return None
    return told


def _size(dataset: Dataset) -> tuple[int, int]:
    rows = elements.integer(dataset, "Rows")
    columns = elements.integer(dataset, "Columns")
    if rows is None or columns is None:
        raise InputError("the header ends before the size of the image is told", hint=ASK_AGAIN)
    if rows <= 0 or columns <= 0:
        raise InputError(f"the image has a size of {columns} x {rows} pixels", hint=ASK_AGAIN)
    return rows, columns


def _allocated(dataset: Dataset, notices: list[Notice]) -> int:
    allocated = elements.integer(dataset, "BitsAllocated")
    if allocated is None:
        stored = elements.integer(dataset, "BitsStored")
        allocated = 8 if stored is not None and stored <= 8 else 16
        notices.append(Notice(Severity.CAUTION, f"BitsAllocated is missing: {allocated} is assumed", CHECK_GREYS))
    if allocated not in (8, 16, 32):
        raise UnsupportedError(f"pixels of {allocated} bits are not shown", hint=CONVERT)
    return allocated


def _stored_bits(dataset: Dataset, allocated: int, notices: list[Notice]) -> tuple[int, int]:
    stored = elements.integer(dataset, "BitsStored")
    if stored is None or not 1 <= stored <= allocated:
        if stored is not None:
            text = f"BitsStored is {stored} of {allocated} allocated: {allocated} is assumed"
            notices.append(Notice(Severity.CAUTION, text, CHECK_GREYS))
        stored = allocated
    high_bit = elements.integer(dataset, "HighBit")
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        high_bit = stored - 1
    if stored > 16:
        raise UnsupportedError(f"pixels of {stored} significant bits are not shown", hint=CONVERT)
    return stored, high_bit


def _believed_bits(
    precision: int, allocated: int, stored: int, high_bit: int, notices: list[Notice]
) -> tuple[int, int]:
    """Return BitsStored and HighBit, those of the codestream where it has more bits than the header accounts for.

    One of all the bits allocated, or up to HighBit, carries other bits along, such as overlays.
    """
    if not stored < precision < allocated or precision == high_bit + 1:
        return stored, high_bit
    text = f"BitsStored is {stored}, the compressed pixels have {precision} bits and are believed"
    notices.append(Notice(Severity.CAUTION, text, CHECK_GREYS))
    return precision, precision - 1


def _photometric(dataset: Dataset, samples: int, notices: list[Notice]) -> str:
    name = elements.text(dataset, "PhotometricInterpretation").upper()
    if samples not in (1, 3):
        raise UnsupportedError(f"pixels of {samples} samples are not shown", hint=CONVERT)
    if not name:
        name = "MONOCHROME2" if samples == 1 else "RGB"
        text = f"PhotometricInterpretation is missing: {name} is assumed"
        notices.append(Notice(Severity.CAUTION, text, "invert it if air is white"))
    if name not in (_GREY if samples == 1 else _COLOUR):
        raise UnsupportedError(f"images of the kind {name[:16]} are not shown", hint=CONVERT)
    if samples == 3:
        notices.append(Notice(Severity.INFO, "a colour image: its luminance is shown"))
    return name


def _signed(dataset: Dataset, seen: Codestream | None, notices: list[Notice]) -> bool:
    """Return whether values have a sign; where PixelRepresentation is missing they have none, as in mammography."""
    told = elements.integer(dataset, "PixelRepresentation")
    believed = seen.signed if seen is not None else None
    if told is None and believed is None:
        text = "PixelRepresentation is missing: values without a sign are assumed"
        notices.append(Notice(Severity.CAUTION, text, CHECK_GREYS))
    if believed is not None and told is not None and believed != (told == 1):
        text = "PixelRepresentation contradicts the JPEG 2000 codestream, which is believed"
        notices.append(Notice(Severity.CAUTION, text, CHECK_GREYS))
    return told == 1 if believed is None else believed


def _codec(syntax: str, *, encapsulated: bool, seen: Codestream | None, notices: list[Notice]) -> Codec | None:
    """Return the codec of the frames, None for uncompressed ones."""
    declared = CODEC_OF_SYNTAX.get(syntax)
    if not encapsulated:
        if declared is not None:
            text = f"declared as {declared}, but the pixels are not compressed"
            notices.append(Notice(Severity.CAUTION, text, _MISLABELLED))
        return None
    if seen is not None:
        same_family = {declared, seen.codec} == {Codec.HTJ2K, Codec.JPEG_2000}
        if seen.codec is not declared and not same_family:
            name = declared or ("uncompressed" if syntax in NATIVE_SYNTAXES else "nothing known")
            text = f"declared as {name}, but compressed with {seen.codec}"
            notices.append(Notice(Severity.CAUTION, text, _MISLABELLED))
        return seen.codec
    if declared is not None:
        return declared
    import pydicom

    name = pydicom.uid.UID(syntax).name if syntax else "unknown"
    raise UnsupportedError(f"the compression {name} is not supported", hint=UNCOMPRESSED)
