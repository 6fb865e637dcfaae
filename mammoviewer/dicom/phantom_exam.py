"""Write a phantom exam: four mammograms, a tomosynthesis stack, a synthetic mammogram and the truth about them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset

from mammoviewer.base.arrays import WordArray
from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import atomic_path, write_text_atomically
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.dicom.phantom_encoding import set_pixel_data, transfer_syntax_uid
from mammoviewer.dicom.phantom_objects import ObjectPlace, derived_from, item, mammogram_dataset
from mammoviewer.dicom.phantom_tomo import tomo_dataset
from mammoviewer.imaging.phantom.exam import TOMO_VIEW, VIEWS, PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.tissue import slice_positions
from mammoviewer.imaging.phantom.truth import exam_truth

_IMPLEMENTATION = "2.25.201394781530481713260982719472931"


@dataclass(frozen=True)
class ExamFiles:
    """The files of an exam.

    Parameters
    ----------
    directory
        The folder that holds them all.
    views
        The mammograms by view label, RCC LCC RMLO LMLO.
    tomo
        The tomosynthesis stack, of the left breast in MLO.
    synthetic
        The synthetic mammogram made from it.
    truth
        JSON of the lesions' places in stored pixel coordinates.
    """

    directory: Path
    views: dict[str, Path]
    tomo: Path
    synthetic: Path
    truth: Path


def _mirrored(pixels: WordArray, laterality: str) -> WordArray:
    """Return pixels as they are stored: the chest wall of a right breast lies at the right edge."""
    return pixels[..., ::-1] if laterality == "R" else pixels


def _write(path: Path, dataset: Dataset, frames: Iterable[WordArray], syntax: str) -> None:
    set_pixel_data(dataset, frames, syntax)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax_uid(syntax)
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "MAMMOVIEWER"
    dataset.file_meta = meta
    try:
        with atomic_path(path) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
    except OSError as error:
        raise ExportError("the exam cannot be written", hint=error.strerror or "", path=path) from error


def write_exam(
    directory: Path,
    *,
    seed: int = 1,
    density: str = "B",
    transfer_syntax: str = "jpeg-ls",
    frames: int = 48,
    scale: float = 1.0,
    years_before: int = 0,
    lesions: bool = True,
    progress: Progress = no_progress,
) -> ExamFiles:
    """Write a phantom exam into ``directory``; the same arguments give the same bytes.

    Parameters
    ----------
    directory
        Made when it is not there; files of the same names are replaced.
    seed, density, frames, scale, years_before, lesions
        See :class:`mammoviewer.imaging.phantom.exam.PhantomRequest`.
    transfer_syntax
        ``native``, ``jpeg-lossless``, ``jpeg-ls``, ``jpeg-2000``, ``htj2k`` or ``rle``.
    progress
        Told of the fraction done.

    Raises
    ------
    ArgumentError
        When an argument is not valid.
    ExportError
        When a file cannot be written.
    """
    transfer_syntax_uid(transfer_syntax)
    exam = PhantomExam(PhantomRequest(seed, density, frames, scale, years_before, lesions))
    views: dict[str, Path] = {}
    order = ("RCC", "RMLO", "LCC", "LMLO")  # one breast after the other: its tissue is made once
    for number, view in enumerate(order):
        progress(0.12 * number, f"mammogram {view}")
        views[view] = directory / f"{view}.dcm"
        place = ObjectPlace(view, 1, VIEWS.index(view) + 1, "Mammography")
        header = mammogram_dataset(exam.request, place, exam.geometries[view], exam.grid(view))
        _write(views[view], header, [_mirrored(exam.mammogram(view), view[0])], transfer_syntax)
    tomo, synthetic = _write_tomo(directory, exam, transfer_syntax, subprogress(progress, 0.48, 0.98))
    truth = directory / "truth.json"
    names = {view: path.name for view, path in views.items()}
    document = exam_truth(exam, names, tomo.name, synthetic.name)
    write_text_atomically(truth, json.dumps(document, indent=1) + "\n")
    progress(1.0, "phantom exam written")
    return ExamFiles(directory, {view: views[view] for view in VIEWS}, tomo, synthetic, truth)


def _write_tomo(directory: Path, exam: PhantomExam, syntax: str, progress: Progress) -> tuple[Path, Path]:
    side = TOMO_VIEW[0]
    geometry, grid = exam.geometries[TOMO_VIEW], exam.tomo_grid()
    frames, synthetic = exam.tomo(progress)
    heights = [float(height) for height in np.asarray(slice_positions(geometry), dtype=np.float64)]
    place = ObjectPlace(TOMO_VIEW, 2, 1, "Tomosynthesis")
    header = tomo_dataset(exam.request, place, geometry, grid, heights)
    path = directory / f"{TOMO_VIEW}-tomo.dcm"
    _write(path, header, _mirrored(frames, side), syntax)
    other = directory / f"{TOMO_VIEW}-synthetic.dcm"
    place = ObjectPlace(TOMO_VIEW, 3, 1, "Synthetic 2-D")
    flat = mammogram_dataset(exam.request, place, geometry, grid, synthetic=True)
    origin = item(ReferencedSOPClassUID=header.SOPClassUID, ReferencedSOPInstanceUID=header.SOPInstanceUID)
    derived_from(flat, origin, "Synthetic mammogram computed from tomosynthesis frames")
    _write(other, flat, [_mirrored(synthetic, side)], syntax)
    return path, other
