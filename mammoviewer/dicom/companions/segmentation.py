"""DICOM Segmentations (PS3.3 A.51): which mask lies on which frame of which image, each read when it is wanted."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mammoviewer.base.arrays import FloatArray, StoredArray
from mammoviewer.base.errors import DecodeError, InputError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.records import AlgorithmRun, MaskPlane, RunStatus, Target
from mammoviewer.dicom.companions.references import read_targets, series_targets, unique
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.fragments import Segment, find_pixel_element
from mammoviewer.dicom.frames import DicomFrames, FrameSource
from mammoviewer.dicom.header import Header
from mammoviewer.dicom.library import pydicom
from mammoviewer.dicom.pixel_data import find_frames
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_PLACE, OTHER_VIEWER

_LARGEST = 1 << 28
_MOST_PLANES = 20_000


@dataclass(frozen=True)
class _SingleBits:
    """The frames of uncompressed single bits; they follow one another without a gap (PS3.5 8.1.1)."""

    path: Path
    open_file: Callable[[], BinaryIO]
    shape: tuple[int, int]
    place: Segment

    def read(self, index: int) -> tuple[StoredArray, str]:
        """Return a frame of zeros and ones, and the name of what read it."""
        size = self.shape[0] * self.shape[1]
        start, length = self.place
        first, end = index * size, (index + 1) * size
        if end > length * 8:
            raise DecodeError("it is cut short", hint=ASK_AGAIN, path=self.path)
        try:
            with self.open_file() as handle:
                handle.seek(start + first // 8)
                data = handle.read(-(-end // 8) - first // 8)
        except OSError as error:
            reason = f"the file cannot be read any more: {error.strerror}"
            raise DecodeError(reason, hint=CHECK_PLACE, path=self.path) from error
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[first % 8 : first % 8 + size]
        if bits.size != size:
            raise DecodeError("the file has become shorter", hint=ASK_AGAIN, path=self.path)
        return bits.reshape(self.shape), "numpy"


@dataclass(frozen=True)
class _Masks:
    """Where masks are read: values up to ``full``, those of one segment only with ``label``."""

    frames: FrameSource
    path: Path
    full: float
    label: int | None = None

    def read(self, index: int) -> FloatArray:
        """Return the mask of a frame of the file in 0 to 1, float32 (rows, columns).

        Raises
        ------
        DecodeError
            The file cannot be read or decoded.
        """
        try:
            found, _ = self.frames.read(index)
        except DecodeError as error:
            reason = f"mask {index + 1} of the segmentation cannot be read: {error.reason}"
            raise DecodeError(reason, hint=error.hint or ASK_AGAIN, path=self.path) from error
        of_segment = found == self.label if self.label is not None else found / self.full
        mask: FloatArray = np.clip(of_segment.astype(np.float32), 0.0, 1.0)
        return mask


def read_planes(header: Header, notices: list[Notice]) -> tuple[MaskPlane, ...]:
    """Return the masks of a segmentation.

    Raises
    ------
    InputError
        It has no frames, or more or larger ones than are read.
    UnsupportedError
        Its frames are compressed in a way that is not known.
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
    masks = _Masks(_frames(header, (rows, columns), notices), header.path, full)
    planes: list[MaskPlane] = []
    lost = 0
    for index, group in enumerate(groups):
        targets = _sources([group, *shared]) or (only if len(groups) == len(only) == 1 else ())
        if not targets:
            lost += 1
            continue
        for number in sorted(labels) if kind == "LABELMAP" else [_segment_number([group, *shared])]:
            source = dataclasses.replace(masks, label=number) if kind == "LABELMAP" else masks
            read = functools.partial(source.read, index)
            label = labels.get(number, f"Segment {number}")
            planes.append(MaskPlane(targets, label, (0.0, 0.0), read, graded=kind == "FRACTIONAL", stretched=True))
    if lost:
        text = f"{lost} masks do not tell on which image they lie"
        notices.append(Notice(Severity.CAUTION, text, "have the segmentation exported with references to its images"))
    return tuple(planes)


def _frames(header: Header, shape: tuple[int, int], notices: list[Notice]) -> FrameSource:
    """Return where the frames are read: single bits by their place, all others as those of images."""
    dataset = header.dataset
    if (elements.integer(dataset, "SamplesPerPixel") or 1) != 1:
        raise InputError("the segmentation is not of single values", hint=OTHER_VIEWER)
    if elements.integer(dataset, "BitsAllocated") == 1:
        with header.open() as handle:
            element = find_pixel_element(
                handle, header.pixel_start, header.size, implicit=header.implicit, big_endian=header.big_endian
            )
        if element.native is not None:
            return _SingleBits(header.path, header.opener, shape, element.native)
    form, segments = find_frames(dataclasses.replace(header, dataset=_described(dataset)), notices)
    return DicomFrames(header.path, form, segments, header.inflater)


def _described(dataset: Dataset) -> Dataset:
    """Return what describes the frames: decoders give single bits as bytes, and a label is no colour."""
    keywords = ("NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit")
    described: Dataset = pydicom.Dataset()
    for keyword in keywords:
        setattr(described, keyword, elements.integer(dataset, keyword))
    if described.BitsAllocated == 1:
        described.BitsAllocated, described.BitsStored, described.HighBit = 8, 8, 7
    described.SamplesPerPixel, described.PixelRepresentation = 1, 0
    described.PhotometricInterpretation = "MONOCHROME2"
    return described


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
