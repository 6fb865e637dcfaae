"""DICOM Segmentations (PS3.3 A.51): which mask lies on which frame of which image, each read when it is wanted."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import pixels as pydicom_pixels

from mammoviewer.base.arrays import FloatArray, StoredArray
from mammoviewer.base.errors import DecodeError, InputError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.records import AlgorithmRun, MaskPlane, RunStatus, Target
from mammoviewer.dicom.companions.references import read_targets, series_targets, unique
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.fragments import find_pixel_element
from mammoviewer.dicom.header import DEFLATED, Header, quiet_parsing
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_PLACE, OTHER_VIEWER

_LARGEST = 1 << 28
_MOST_PLANES = 20_000


@dataclass(frozen=True)
class _Pixels:
    """How the frames of the file are read: values up to ``full``, those of one segment only with ``label``.

    ``bits`` is where single bits begin in the file, None for bytes and for what is compressed.
    """

    path: Path
    full: float
    shape: tuple[int, int]
    bits: int | None = None
    label: int | None = None


def read_planes(header: Header, notices: list[Notice]) -> tuple[MaskPlane, ...]:
    """Return the masks of a segmentation.

    Raises
    ------
    InputError
        It has no frames, or more or larger ones than are read.
    """
    dataset = header.dataset
    rows, columns = elements.integer(dataset, "Rows") or 0, elements.integer(dataset, "Columns") or 0
    groups = elements.sequence(dataset, "PerFrameFunctionalGroupsSequence")
    if not 0 < rows * columns <= _LARGEST or rows < 1 or not 0 < len(groups) <= _MOST_PLANES:
        raise InputError("the segmentation has no frames that can be shown", hint=ASK_AGAIN)
    shared = elements.sequence(dataset, "SharedFunctionalGroupsSequence")[:1]
    labels = segment_labels(dataset)
    kind = elements.text(dataset, "SegmentationType").upper()
    full = float(elements.integer(dataset, "MaximumFractionalValue") or 255) if kind == "FRACTIONAL" else 1.0
    only = series_targets(dataset, "ReferencedInstanceSequence")
    pixels = _Pixels(header.path, full, (rows, columns), _first_bit(header) if kind == "BINARY" else None)
    planes: list[MaskPlane] = []
    lost = 0
    for index, group in enumerate(groups):
        targets = _sources([group, *shared]) or (only if len(groups) == len(only) == 1 else ())
        if not targets:
            lost += 1
            continue
        for number in sorted(labels) if kind == "LABELMAP" else [_segment_number([group, *shared])]:
            source = dataclasses.replace(pixels, label=number) if kind == "LABELMAP" else pixels
            read = functools.partial(_read_mask, source, index)
            label = labels.get(number, f"Segment {number}")
            planes.append(MaskPlane(targets, label, (0.0, 0.0), read, graded=kind == "FRACTIONAL", stretched=True))
    if lost:
        text = f"{lost} masks do not tell on which image they lie"
        notices.append(Notice(Severity.CAUTION, text, "have the segmentation exported with references to its images"))
    return tuple(planes)


def _first_bit(header: Header) -> int | None:
    """Return where the uncompressed bits of a binary segmentation begin in the file."""
    if header.transfer_syntax == DEFLATED or elements.integer(header.dataset, "BitsAllocated") != 1:
        return None
    with header.path.open("rb") as handle:
        element = find_pixel_element(
            handle, header.pixel_start, header.size, implicit=header.implicit, big_endian=header.big_endian
        )
    return element.native[0] if element.native is not None else None


def _sources(places: list[Dataset]) -> tuple[Target, ...]:
    """Return the source images of a frame (Derivation Image Macro, PS3.3 C.7.6.16.2.6)."""
    for place in places:
        found: list[Target] = []
        for item in elements.sequence(place, "DerivationImageSequence"):
            found += read_targets(item, "SourceImageSequence")
        if found:
            return unique(found)
    return ()


def _segment_number(places: list[Dataset]) -> int:
    item = elements.first_item(places, "SegmentIdentificationSequence")
    return (elements.integer(item, "ReferencedSegmentNumber") or 1) if item is not None else 1


def segment_labels(dataset: Dataset) -> dict[int, str]:
    """Return the label of each segment by its number."""
    labels = {}
    for position, item in enumerate(elements.sequence(dataset, "SegmentSequence"), start=1):
        number = elements.integer(item, "SegmentNumber") or position
        labels[number] = elements.text(item, "SegmentLabel") or f"Segment {number}"
    return labels


def read_runs(dataset: Dataset) -> tuple[AlgorithmRun, ...]:
    """Return the algorithms that made the segments, each once."""
    found: dict[tuple[str, str], AlgorithmRun] = {}
    for item in elements.sequence(dataset, "SegmentSequence"):
        named = elements.first_item([item], "SegmentationAlgorithmIdentificationSequence")
        name = elements.text(item, "SegmentAlgorithmName")
        version = ""
        if named is not None:
            name, version = elements.text(named, "AlgorithmName") or name, elements.text(named, "AlgorithmVersion")
        if name:
            how = elements.text(item, "SegmentAlgorithmType").lower()
            found.setdefault((name, version), AlgorithmRun(name, version, how, RunStatus.UNKNOWN))
    return tuple(found.values())


def _read_mask(source: _Pixels, index: int) -> FloatArray:
    """Return one frame of the file in 0 to 1, float32 (rows, columns).

    Raises
    ------
    DecodeError
        The file cannot be read or decoded.
    """
    found = _bits(source, index) if source.bits is not None else _values(source, index)
    of_segment = found == source.label if source.label is not None else found / source.full
    mask: FloatArray = np.clip(of_segment.astype(np.float32), 0.0, 1.0)
    return mask


def _bits(source: _Pixels, index: int) -> StoredArray:
    """Return a frame of single bits; frames follow one another without a gap (PS3.5 8.1.1)."""
    size = source.shape[0] * source.shape[1]
    first, end = index * size, (index + 1) * size
    try:
        with source.path.open("rb") as handle:
            handle.seek((source.bits or 0) + first // 8)
            data = handle.read(-(-end // 8) - first // 8)
    except OSError as error:
        reason = f"the file cannot be read any more: {error.strerror}"
        raise DecodeError(reason, hint=CHECK_PLACE, path=source.path) from error
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[first % 8 : first % 8 + size]
    if bits.size != size:
        raise DecodeError(f"mask {index + 1} of the segmentation is cut short", hint=ASK_AGAIN, path=source.path)
    return bits.reshape(source.shape)


def _values(source: _Pixels, index: int) -> StoredArray:
    """Return a frame of bytes or words, decompressed."""
    try:
        with quiet_parsing():
            found = np.asarray(pydicom_pixels.pixel_array(source.path, index=index, raw=True))
    except (*elements.PARSE_ERRORS, RuntimeError) as error:
        reason = f"mask {index + 1} of the segmentation cannot be decoded"
        raise DecodeError(reason, hint=ASK_AGAIN, path=source.path) from error
    if found.shape != source.shape:
        raise DecodeError("the segmentation is not of single values", hint=OTHER_VIEWER, path=source.path)
    return found
