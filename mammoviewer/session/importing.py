"""What files of findings would bring to the images that are open: looked at first, and taken in as one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.importing import import_file, is_file_of_findings
from mammoviewer.annotations.interchange.transfer import Imported, Losses, joined
from mammoviewer.annotations.merging import Merge, merge
from mammoviewer.annotations.sidecar import SUFFIX
from mammoviewer.base.errors import AnnotationError, MammoViewerError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageAttributes

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace

TITLE = "Import findings"
_NO_OBJECTS = (".json", ".csv", ".txt", ".png", ".tif", ".tiff")
"""Endings of files of findings that are no objects of their own to be drawn over images."""
_SUGGESTION = "open the images that the file is of, then import it again"


@dataclass(frozen=True)
class FileReport:
    """One file: how much it has for the open images, or why it has nothing and what can be done."""

    path: Path
    findings: int = 0
    densities: int = 0
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do.

    Attributes
    ----------
    files
        One report for each file, in their order.
    merge
        What would come in.
    by_image
        Labels of the images with how many findings each would get, in the order of the images.
    losses
        What of the files is left out or changed.
    """

    files: tuple[FileReport, ...]
    merge: Merge
    by_image: tuple[tuple[str, int], ...]
    losses: Losses


def plan_import(workspace: Workspace, paths: Sequence[Path], progress: Progress = no_progress) -> ImportPlan:
    """Return what files would bring to the open images; nothing is changed and nothing is raised for a bad file."""
    images = workspace.images
    facts = {image.attributes.identity: image.attributes for image in images}
    reports, read = [], {True: list[Imported](), False: list[Imported]()}
    for number, path in enumerate(paths):
        progress(number / len(paths), path.name)
        try:
            found = _inside(import_file(path, images), facts)
        except MammoViewerError as error:
            reports.append(FileReport(path, problem=error.reason, remedy=error.hint or "choose another file"))
            continue
        empty = not (found.findings or found.densities)
        problem = "has nothing for the images that are open" if empty else ""
        remedy = _SUGGESTION if empty else ""
        reports.append(FileReport(path, len(found.findings), len(found.densities), problem, remedy))
        read[path.name.endswith(SUFFIX)].append(found)
    made = _merged(workspace, read)
    counts = Counter(finding.image_uid for finding in made.findings)
    named = ((image.view.label or image.path.stem, counts[identity]) for identity, image in facts.items())
    losses = joined([*read[True], *read[False]]).losses
    return ImportPlan(tuple(reports), made, tuple((name, count) for name, count in named if count), +losses)


def take_in(workspace: Workspace, plan: ImportPlan) -> int:
    """Bring in what was planned as one step of undo; return how many findings and densities came.

    Raises
    ------
    AnnotationError
        If the findings have changed since so that it does not fit any more; nothing has changed then.
    """
    edit = plan.merge.edit(TITLE)
    if edit is None:
        raise AnnotationError("there is nothing to import")
    workspace.edit(edit)
    return len(plan.merge.findings) + len(plan.merge.densities)


def split_dropped(paths: Sequence[Path], progress: Progress = no_progress) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return which of some files and folders are to be opened, and which are files of findings.

    DICOM objects are both: they are drawn over their images, whether or not their findings are taken in.
    """
    findings = tuple(path for path in paths if path.is_file() and is_file_of_findings(path))
    progress(1.0, "")
    return tuple(path for path in paths if path not in findings or path.suffix.lower() not in _NO_OBJECTS), findings


def _merged(workspace: Workspace, read: dict[bool, list[Imported]]) -> Merge:
    """Return what comes of files that know the times of their findings, and then of the others."""
    annotations, history = workspace.annotations, workspace.store.history
    dated = merge(joined(read[True]), annotations.findings, annotations.densities, history=history, dated=True)
    here = (*annotations.findings, *dated.findings)
    others = merge(joined(read[False]), here, (*annotations.densities, *dated.densities), dated=False)
    return Merge(
        (*dated.new, *others.new),
        dated.newer,
        dated.copies,
        (*dated.densities, *others.densities),
        dated.known + others.known,
    )


def _inside(found: Imported, images: dict[str, ImageAttributes]) -> Imported:
    """Leave out regions that lie beside their image: they are of another one."""
    kept = tuple(finding for finding in found.findings if _touches(finding, images[finding.image_uid]))
    losses = Counter(found.losses)
    losses["regions that lie outside of their image"] += len(found.findings) - len(kept)
    return replace(found, findings=kept, losses=losses)


def _touches(finding: Finding, image: ImageAttributes) -> bool:
    top, left, bottom, right = finding.roi.bounding_box()
    return bottom >= -0.5 and right >= -0.5 and top <= image.rows - 0.5 and left <= image.columns - 0.5
