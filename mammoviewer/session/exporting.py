"""Exports of what is on screen: pictures, heatmaps and regions, in forms that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ExportError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.sco_export import write_tomosynthesis
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.predict import heatmap_tiff
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
    """

    view: Rendering
    heatmaps: Mapping[int, Heatmap]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ExportFormat:
    """One kind of export: its key on the command line, its title in the dialog, the file's ending."""

    key: str
    title: str
    suffix: str
    write: Callable[[ExportContent, Path], None]


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
    write_json(path, content.findings, [content.view.image.attributes])


def _write_coco(content: ExportContent, path: Path) -> None:
    write_coco(path, content.findings, [content.view.image.attributes])


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
    ExportFormat("tiff", "Heatmap of this slice, float TIFF", ".tif", _write_tiff),
    ExportFormat("seg", "Heatmap, DICOM SEG (fractional)", ".dcm", _write_seg),
    ExportFormat("json", "Regions, JSON", ".json", _write_json),
    ExportFormat("coco", "Regions, COCO", ".coco.json", _write_coco),
    ExportFormat(TOMOSYNTHESIS, "Volume of the Hologic SCO as tomosynthesis, DICOM", ".dcm", _write_tomosynthesis),
)
"""Every export there is, in the order in which a dialog offers them."""


def offered_formats(content: ExportContent) -> tuple[ExportFormat, ...]:
    """Return the formats that make sense for an image, whether or not there is something to export in them yet."""
    attributes = content.view.image.attributes
    is_sco = attributes.kind is ImageKind.TOMO and attributes.SOPClassUID.startswith(_SECONDARY_CAPTURE)
    return tuple(form for form in FORMATS if is_sco or form.key != TOMOSYNTHESIS)


def export(
    content: ExportContent,
    keys: tuple[str, ...],
    folder: Path,
    stem: str,
    progress: Progress = no_progress,
    *,
    replace_files: bool = True,
) -> tuple[Path, ...]:
    """Write the chosen formats and return the files, in the order of ``FORMATS``.

    Unless ``replace_files``, a file that is there already stays, and the new one gets a number.

    Raises
    ------
    ExportError
        If one of them cannot be written; those before it stay.
    """
    chosen = [form for form in FORMATS if form.key in keys]
    written = []
    for number, form in enumerate(chosen):
        progress(number / len(chosen), form.title)
        path = folder / f"{stem}-{form.key}{form.suffix}"
        number_of_name = 2
        while not replace_files and path.exists():
            path = folder / f"{stem}-{form.key}-{number_of_name}{form.suffix}"
            number_of_name += 1
        try:
            form.write(content, path)
        except OSError as error:
            raise ExportError(
                f"cannot be written: {error.strerror}", hint="choose another folder", path=path
            ) from error
        written.append(path)
    return tuple(written)
