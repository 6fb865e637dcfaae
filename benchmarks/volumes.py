"""Tomosynthesis volumes of usual size for benchmarks: texture like the phantom's, in any transfer syntax."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import BreastTomosynthesisImageStorage, generate_uid

from mammoviewer.dicom.phantom_encoding import SYNTAXES
from mammoviewer.imaging.phantom.field import generator, power_law_field

ROWS, COLUMNS, FRAMES = 2457, 1890, 60
_DISTINCT = 6
_TISSUE, _CONTRAST, _NOISE = 1100.0, 250.0, 28.0


def make_frames() -> list[np.ndarray]:
    """Return a few 12-bit frames: tissue with the noise of the phantom's frames in a breast, black air around it."""
    random = generator(1)
    field = power_law_field(random, (ROWS, COLUMNS), beta=3.0, pixel_mm=0.1, longest_mm=40.0)
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    breast = ((row - ROWS / 2) / (0.49 * ROWS)) ** 2 + (column / (0.92 * COLUMNS)) ** 2 < 1
    frames = []
    for index in range(_DISTINCT):
        tissue = _TISSUE + _CONTRAST * np.roll(field, 40 * index, axis=0)
        noise = _NOISE * random.standard_normal((ROWS, COLUMNS), dtype=np.float32)
        frames.append(np.where(breast, np.clip(tissue + noise, 1, 4095), 0).astype(np.uint16))
    return frames


def write_volume(path: Path, frames: list[np.ndarray], syntax: str) -> Path:
    """Write a volume of ``FRAMES`` frames, which take turns, with a basic offset table."""
    uid, encode = SYNTAXES[syntax]
    assert encode is not None
    streams = [encode(frame) for frame in frames]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = BreastTomosynthesisImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.PatientID = "MG", "benchmark"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = ROWS, COLUMNS, FRAMES
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation, dataset.SamplesPerPixel = 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = encapsulate([streams[index % len(streams)] for index in range(FRAMES)])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path
