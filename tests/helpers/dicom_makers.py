"""Small synthetic DICOM files: mammograms, tomosynthesis volumes, secondary captures, and ways to damage them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import generate_uid

MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
MAMMOGRAM_RAW = "1.2.840.10008.5.1.4.1.1.1.2.1"
TOMO = "1.2.840.10008.5.1.4.1.1.13.1.3"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"

NATIVE = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
RLE = "1.2.840.10008.1.2.5"


def ramp(rows: int = 48, columns: int = 64, bits: int = 12, *, signed: bool = False) -> np.ndarray:
    """Return pixels that take values from the whole range of ``bits``, uint8 or (u)int16."""
    count = 1 << bits
    values = np.linspace(0, count - 1, rows * columns).round().astype(np.int64).reshape(rows, columns)
    if signed:
        return (values - count // 2).astype(np.int16 if bits > 8 else np.int8)
    return values.astype(np.uint16 if bits > 8 else np.uint8)


def texture(rows: int = 48, columns: int = 64, bits: int = 12, seed: int = 0) -> np.ndarray:
    """Return noise that compresses a little, uint16."""
    walk = np.random.default_rng(seed).integers(-9, 10, (rows, columns)).cumsum(1).cumsum(0)
    return (walk - walk.min()).astype(np.int64).__mod__(1 << bits).astype(np.uint16)


def code_item(value: str, scheme: str, meaning: str = "view") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def mammogram(pixels: np.ndarray, *, bits: int = 12, **elements: Any) -> Dataset:
    """Return an RMLO mammogram FOR PRESENTATION without pixels; ``elements`` replace or (None) remove elements."""
    dataset = Dataset()
    _identify(dataset, MAMMOGRAM, "MG")
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.ImageLaterality = "R"
    dataset.PatientOrientation = ["P", "FL"]
    dataset.ViewPosition = "MLO"
    dataset.ViewCodeSequence = [code_item("399368009", "SCT")]
    dataset.ImagerPixelSpacing = [0.1, 0.1]
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.BurnedInAnnotation = "NO"
    _describe(dataset, pixels, bits)
    return changed(dataset, elements)


def tomo(pixels: np.ndarray, *, bits: int = 12, spacing_mm: float = 1.0, **elements: Any) -> Dataset:
    """Return a left CC tomosynthesis volume (frames, rows, columns) with functional groups, without pixels."""
    dataset = Dataset()
    _identify(dataset, TOMO, "MG")
    dataset.ImageType = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]
    dataset.NumberOfFrames = len(pixels)
    dataset.ViewCodeSequence = [code_item("399162004", "SCT")]
    _describe(dataset, pixels[0], bits)
    shared = Dataset()
    measures, orientation, anatomy, voi = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.09, 0.09], 1.0
    orientation.ImageOrientationPatient = [0, -1, 0, -1, 0, 0]
    anatomy.FrameLaterality = "L"
    voi.WindowCenter, voi.WindowWidth = 500, 800
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    shared.FrameAnatomySequence = [anatomy]
    shared.FrameVOILUTSequence = [voi]
    dataset.SharedFunctionalGroupsSequence = [shared]
    own = []
    for index in range(len(pixels)):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, index * spacing_mm]
        group.PlanePositionSequence = [position]
        own.append(group)
    dataset.PerFrameFunctionalGroupsSequence = own
    return changed(dataset, elements)


def secondary_capture(pixels: np.ndarray, *, bits: int = 8, **elements: Any) -> Dataset:
    """Return a secondary capture without pixels, grey or (rows, columns, 3) colour."""
    dataset = Dataset()
    _identify(dataset, SECONDARY, "OT")
    dataset.ConversionType = "WSD"
    _describe(dataset, pixels, bits)
    return changed(dataset, elements)


def changed(dataset: Dataset, elements: dict[str, Any]) -> Dataset:
    for keyword, value in elements.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def _identify(dataset: Dataset, sop_class: str, modality: str) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = "1.2.3.4"
    dataset.SeriesInstanceUID = "1.2.3.4.5"
    dataset.Modality = modality
    dataset.PatientName = "Test^Person"
    dataset.PatientID = "T1"
    dataset.StudyDate = "20240229"


def _describe(dataset: Dataset, pixels: np.ndarray, bits: int) -> None:
    colour = pixels.ndim == 3
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0


def compress(frame: np.ndarray, syntax: str, bits: int = 12) -> bytes:
    """Return one frame as the codestream of a transfer syntax, lossless."""
    unsigned = frame.view(f"u{frame.dtype.itemsize}")
    if syntax == JPEG_LOSSLESS:
        return bytes(imagecodecs.ljpeg_encode(unsigned, bitspersample=16 if frame.dtype.itemsize == 2 else 8))
    if syntax == JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(unsigned))
    if syntax == JPEG_2000:
        return bytes(imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k", reversible=True))
    if syntax == HTJ2K:
        return bytes(imagecodecs.htj2k_encode(frame, reversible=True))
    if syntax == RLE:
        from rle.utils import encode_pixel_data

        raw = np.ascontiguousarray(unsigned)
        return bytes(
            encode_pixel_data(
                raw.tobytes(), rows=raw.shape[0], columns=raw.shape[1], number_of_frames=1,
                samples_per_pixel=1, bits_allocated=raw.dtype.itemsize * 8, bits_stored=bits, byteorder="<",
            )
        )  # fmt: skip
    raise AssertionError(syntax)


def save(
    path: Path,
    dataset: Dataset,
    pixels: np.ndarray,
    *,
    syntax: str = NATIVE,
    offsets: str = "none",
    edit: Callable[[list[bytes]], list[bytes]] | None = None,
) -> Path:
    """Write ``dataset`` with ``pixels`` (frames, rows, columns) or (rows, columns[, 3]).

    ``offsets`` is "none", "basic" or "extended"; ``edit`` may damage the compressed frames.
    """
    frames = pixels if "NumberOfFrames" in dataset else pixels[None]
    if syntax in (NATIVE, IMPLICIT, BIG_ENDIAN):
        order = ">" if syntax == BIG_ENDIAN else "<"
        raw = frames.astype(frames.dtype.newbyteorder(order)).tobytes()
        dataset.PixelData = raw + b"\0" * (len(raw) % 2)
        dataset["PixelData"].VR = "OW" if frames.dtype.itemsize == 2 else "OB"
    else:
        streams = [compress(frame, syntax, int(dataset.BitsStored)) for frame in frames]
        streams = edit(streams) if edit else streams
        if offsets == "extended":
            value, table, lengths = encapsulate_extended(streams)
            dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = table, lengths
        else:
            value = encapsulate(streams, has_bot=offsets == "basic")
        dataset.PixelData = value
        dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "1.2.3")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def voi_lut(data: Sequence[int], first: int = 0, bits: int = 12, explanation: str = "") -> Dataset:
    """Return one item of a VOI LUT Sequence."""
    item = Dataset()
    item.add_new(0x00283002, "US" if first >= 0 else "SS", [len(data) % 65536, first, bits])
    item.LUTExplanation = explanation
    item.add_new(0x00283006, "OW", np.asarray(data, "<u2").tobytes())
    return item


def pixel_items(*fragments: bytes, table: bytes = b"", end: bool = True) -> bytes:
    """Return encapsulated pixel data made of exactly these fragments."""
    items = b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(part)) + part for part in (table, *fragments))
    return items + (struct.pack("<HHL", 0xFFFE, 0xE0DD, 0) if end else b"")


def save_fragments(path: Path, dataset: Dataset, syntax: str, value: bytes) -> Path:
    """Write ``dataset`` with encapsulated pixel data exactly as given, even when it is not complete."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True, implicit_vr=False, little_endian=True)
    element = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    path.write_bytes(path.read_bytes() + element + value)
    return path
