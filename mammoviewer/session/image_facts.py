"""What becomes known of open images later: their pixel size as the reader states it, their texts read anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mammoviewer.base.errors import ArgumentError
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.raster import UNSIZED
from mammoviewer.dicom.reader import reread_texts as read_texts_again
from mammoviewer.dicom.spacing import STATED
from mammoviewer.dicom.study import group_studies
from mammoviewer.jobs.job import Job
from mammoviewer.session.opened import Opened, PictureView, apply_picture_view
from mammoviewer.session.side_check import can_be_checked, check_side

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace


def state_pixel_size(workspace: Workspace, identities: Iterable[str], millimetres: float) -> None:
    """Give open images that bring no pixel size, or one stated before, the one that the reader states.

    Raises
    ------
    ArgumentError
        It is not a number above 0.
    """
    if not 0 < millimetres < float("inf"):
        raise ArgumentError("the pixel size must be a number of millimetres above 0")
    spacing = PixelSpacing(millimetres, millimetres, STATED)
    with workspace.adding:
        images = [workspace.state(identity).image for identity in identities if workspace.is_open(identity)]
        for image in images:
            known = image.attributes.pixel_spacing
            if known is None or (known.source == STATED and known != spacing):
                warnings = tuple(notice for notice in image.attributes.warnings if notice != UNSIZED)
                image.attributes = replace(image.attributes, pixel_spacing=spacing, warnings=warnings)
                workspace.heatmaps.forget(image.attributes.identity)
        places = {image.attributes.path.absolute() for image in images}
        stated = {entry: replace(entry, pixel_spacing_mm=millimetres) for entry in workspace.opened}
        workspace.opened = tuple(stated[entry] if opened_by(entry, places) else entry for entry in workspace.opened)
    workspace.facts_changed.emit()


def state_picture_views(workspace: Workspace, stated: Sequence[PictureView]) -> None:
    """Give open pictures the views that the reader states, and hang the study anew."""
    with workspace.adding:
        for image in workspace.images:
            before = image.attributes
            apply_picture_view(image, stated)
            if image.attributes is not before:
                workspace.state(before.identity).orientation = image.attributes.orientation
        known = {entry.path for entry in stated}
        places = {Path(path) for path in known}
        workspace.opened = tuple(
            replace(entry, pictures=(*(p for p in entry.pictures if p.path not in known), *stated))
            if opened_by(entry, places)
            else entry
            for entry in workspace.opened
        )
        workspace.hang_again()
        for image in workspace.images:
            touched = str(image.attributes.path.absolute()) in known
            if touched and can_be_checked(image) and not side_is_stated(workspace, image):
                check_side(workspace, image)
    workspace.facts_changed.emit()


def side_is_stated(workspace: Workspace, image: Image) -> bool:
    """Return whether the reader has said which way round a picture is stored."""
    place = str(image.attributes.path.absolute())
    return any(p.path == place and p.mirrored is not None for entry in workspace.opened for p in entry.pictures)


def swap_pixel_size(workspace: Workspace, identity: str) -> bool:
    """Measure an image by the calibrated pixel size that its file has beside that of the detector, or back.

    Returns False where the file has one pixel size only.
    """
    image = workspace.state(identity).image
    with workspace.adding:
        mine, other = image.attributes.pixel_spacing, image.attributes.other_spacing
        if other is None:
            return False
        image.attributes = replace(image.attributes, pixel_spacing=other, other_spacing=mine)
        workspace.heatmaps.forget(identity)
    workspace.facts_changed.emit()
    return True


def reread_texts(workspace: Workspace, charset: str) -> Job:
    """Read the texts of the study anew in the background, decoded by another character set."""
    images = workspace.study.images if workspace.study is not None else ()

    def work(progress: Progress) -> None:
        for number, image in enumerate(images):
            progress(number / len(images), "")
            read_texts_again(image, charset)
        places = {image.attributes.path.absolute() for image in images}
        with workspace.adding:
            read = {entry: replace(entry, charset=charset) for entry in workspace.opened}
            workspace.opened = tuple(read[entry] if opened_by(entry, places) else entry for entry in workspace.opened)
            workspace.studies = group_studies(workspace.images)
            study = next((s for s in workspace.studies if set(images) & set(s.images)), workspace.study)
            workspace.hung.replace(study, workspace.studies)
        workspace.studies_changed.emit()
        workspace.facts_changed.emit()

    return workspace.decoding.submit("Character set", work, key="charset", priority=4, on_done=workspace.tell)


def opened_by(entry: Opened, places: Iterable[Path]) -> bool:
    """Return whether any of the files lies in what was opened."""
    return any(path == place or path in place.parents for path in entry.paths for place in places)
