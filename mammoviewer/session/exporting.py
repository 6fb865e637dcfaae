"""Exports of what is on screen: pictures, heatmaps and regions, in forms that other programs read."""

from __future__ import annotations

import enum
import functools
import glob
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mammoviewer.annotations.density import BreastDensity, is_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.annotations.interchange.seg_findings import why_no_segmentation
from mammoviewer.annotations.interchange.transfer import Losses, Written
from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ExportError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind
from mammoviewer.dicom.sco_export import write_tomosynthesis
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.predictions_file import heatmap_tiff
from mammoviewer.session.finding_formats import FINDING_FORMATS, Batch, FindingFormat
from mammoviewer.session.map_files import ARRAYS, write_map_seg
from mammoviewer.session.rendering import Rendering, render, write_picture

TOMOSYNTHESIS = "bto"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, eq=False)
class ExportContent:
    """Everything an export may need, captured before the export starts.

    Attributes
    ----------
    view
        The present view; its ``heat`` and ``findings`` are what the reader has switched on.
    heatmaps
        Finished heatmaps of the image, by frame.
    findings
        All findings of the image, on every frame.
    cam
        The explanation of the frame in view, of a patch or of the whole image.
    densities
        The breast densities of its examination.
    stem
        What names inside an export begin with; the image's file without its ending where empty.
    """

    view: Rendering
    heatmaps: Mapping[int, Heatmap]
    findings: tuple[Finding, ...]
    stem: str = ""
    cam: Heatmap | None = None
    densities: tuple[BreastDensity, ...] = ()

    @property
    def own_densities(self) -> tuple[BreastDensity, ...]:
        """Return the densities of the breast that the image shows."""
        return tuple(density for density in self.densities if is_of(density, self.view.image.attributes))


class Needs(enum.Enum):
    """What of an image an export is made of, and what is said where it is missing."""

    VIEW = ""
    HEATMAP = "run a model on this image first"
    CAM = "nothing is explained yet"
    REGIONS = "there are no regions"
    MARKS = "nothing is marked"


@dataclass(frozen=True)
class ExportFormat:
    """One kind of export: its key on the command line, its title in the dialog, the file's ending.

    An empty ending means a folder of files. ``unfit`` returns why an image cannot have the format; ``densities`` tells
    that a breast density alone is worth a file.
    """

    key: str
    title: str
    suffix: str
    write: Callable[[ExportContent, Path], Written | Losses | None]
    needs: Needs = Needs.VIEW
    unfit: Callable[[ImageAttributes], str] = lambda _image: ""
    densities: bool = False


def _write_picture8(content: ExportContent, path: Path) -> None:
    write_picture(path, render(replace(content.view, bits=8)))


def _write_picture16(content: ExportContent, path: Path) -> None:
    write_picture(path, render(replace(content.view, bits=16)))


def _write_tiff(content: ExportContent, path: Path) -> None:
    heatmap = _heatmap_of_view(content)
    heatmap_tiff(path, heatmap.resampled(content.view.image.attributes.shape))


def _write_seg(content: ExportContent, path: Path) -> None:
    if not content.heatmaps:
        raise ExportError("there is no heatmap to export", hint="run a model on this image first")
    first = next(iter(content.heatmaps.values()))
    write_heatmap_seg(
        path, _Resampled(content.heatmaps), content.view.image, model_name=first.model, class_name=first.class_name
    )


def _write_cam(content: ExportContent, path: Path) -> None:
    if content.cam is None:
        raise ExportError("there is no explanation to export", hint=Needs.CAM.value)
    if path.suffix == ".dcm":
        write_map_seg(path, content.cam, content.view.image)
    else:
        ARRAYS[path.suffix[1:]](path, content.cam)


class _Resampled(Mapping[int, FloatArray]):
    """Heatmaps at image size, made one by one as they are asked for: those of a whole volume would not fit."""

    def __init__(self, heatmaps: Mapping[int, Heatmap]) -> None:
        self._heatmaps = heatmaps

    def __getitem__(self, frame: int) -> FloatArray:
        return self._heatmaps[frame].resampled()

    def __iter__(self) -> Iterator[int]:
        return iter(self._heatmaps)

    def __len__(self) -> int:
        return len(self._heatmaps)


def _write_json(content: ExportContent, path: Path) -> None:
    write_json(path, content.findings, [content.view.image.attributes], content.own_densities)


def _write_coco(content: ExportContent, path: Path) -> Losses:
    return write_coco(path, content.findings, [content.view.image.attributes])


def _write_findings(form: FindingFormat, content: ExportContent, path: Path) -> Written:
    stem = content.stem or content.view.image.attributes.path.stem
    said = content.own_densities if form.densities else ()
    return form.write(Batch((content.view,), (stem,), content.findings, densities=said), path)


def _write_tomosynthesis(content: ExportContent, path: Path) -> None:
    write_tomosynthesis(path, content.view.image.attributes)


def _heatmap_of_view(content: ExportContent) -> Heatmap:
    heatmap = content.heatmaps.get(content.view.frame)
    if heatmap is None:
        raise ExportError("there is no heatmap of this slice", hint="run a model on this slice first")
    return heatmap


FORMATS: tuple[ExportFormat, ...] = (
    ExportFormat("png8", "Present view with overlays, PNG 8 bit", ".png", _write_picture8),
    ExportFormat("png16", "Present view with overlays, PNG 16 bit", ".png", _write_picture16),
    ExportFormat("tiff", "Heatmap of this slice, float TIFF", ".tif", _write_tiff, Needs.HEATMAP),
    ExportFormat("seg", "Heatmap, DICOM SEG (fractional)", ".dcm", _write_seg, Needs.HEATMAP, why_no_segmentation),
    ExportFormat("camnpy", "Explanation, NumPy array", ".npy", _write_cam, Needs.CAM),
    ExportFormat("camcsv", "Explanation, CSV", ".csv", _write_cam, Needs.CAM),
    ExportFormat("camseg", "Explanation, DICOM SEG (fractional)", ".dcm", _write_cam, Needs.CAM, why_no_segmentation),
    ExportFormat("json", "Regions, JSON", ".json", _write_json, Needs.MARKS, densities=True),
    ExportFormat("coco", "Regions, COCO", ".coco.json", _write_coco, Needs.REGIONS),
    *(
        ExportFormat(
            form.key,
            form.title,
            form.suffix,
            functools.partial(_write_findings, form),
            Needs.MARKS if form.measures else Needs.REGIONS,
            form.unfit,
            form.densities,
        )
        for form in FINDING_FORMATS
    ),
    ExportFormat(TOMOSYNTHESIS, "Volume of the Hologic SCO as tomosynthesis, DICOM", ".dcm", _write_tomosynthesis),
)
"""Every export there is, in the order in which a dialog offers them."""


def offered_formats(content: ExportContent) -> tuple[ExportFormat, ...]:
    """Return the formats that make sense for an image, whether or not there is something to export in them yet."""
    attributes = content.view.image.attributes
    is_sco = attributes.kind is ImageKind.TOMO and attributes.SOPClassUID.startswith(_SECONDARY_CAPTURE)
    return tuple(form for form in FORMATS if is_sco or form.key != TOMOSYNTHESIS)


def why_not(form: ExportFormat, content: ExportContent) -> str:
    """Return why an image cannot be exported in a form now; empty where it can."""
    there = {
        Needs.VIEW: True,
        Needs.HEATMAP: bool(content.heatmaps),
        Needs.CAM: content.cam is not None,
        Needs.REGIONS: any(not finding.is_measure for finding in content.findings),
        Needs.MARKS: bool(content.findings),
    }
    enough = there[form.needs] or (form.densities and bool(content.own_densities))
    return form.unfit(content.view.image.attributes) or ("" if enough else form.needs.value)


def _taken(path: Path) -> bool:
    """Return whether a file is there, or the files of frames that would be written in its place."""
    return path.exists() or any(path.parent.glob(f"{glob.escape(path.stem)}-frame*{path.suffix}"))


def export(
    content: ExportContent,
    keys: tuple[str, ...],
    folder: Path,
    stem: str,
    progress: Progress = no_progress,
    *,
    replace_files: bool = True,
) -> Written:
    """Write the chosen formats; return the files, in the order of ``FORMATS``, and what they cannot say.

    Unless ``replace_files``, a file that is there already stays, and the new one gets a number.

    Raises
    ------
    ExportError
        If one of them cannot be written; those before it stay.
    """
    chosen = [form for form in FORMATS if form.key in keys]
    written: list[Path] = []
    losses: Losses = Counter()
    for number, form in enumerate(chosen):
        progress(number / len(chosen), form.title)
        path = folder / f"{stem}-{form.key}{form.suffix}"
        number_of_name = 2
        while not replace_files and _taken(path):
            path = folder / f"{stem}-{form.key}-{number_of_name}{form.suffix}"
            number_of_name += 1
        try:
            told = form.write(content, path)
        except OSError as error:
            raise ExportError(
                f"cannot be written: {error.strerror}", hint="choose another folder", path=path
            ) from error
        written += told.paths if isinstance(told, Written) else (path,)
        losses.update(told.losses if isinstance(told, Written) else told or {})
    return Written(tuple(written), losses)
