"""Saying how dense a breast is, and what was said of the breasts of the study that is hung."""

from __future__ import annotations

from mammoviewer.annotations.density import SIDES, BreastDensity, examination_of, new_density
from mammoviewer.annotations.edits import CompositeEdit, Edit, SayDensity, UnsayDensity
from mammoviewer.dicom.image import Image
from mammoviewer.session.blind import seen_densities
from mammoviewer.session.workspace import Workspace


def breasts(workspace: Workspace) -> tuple[str, ...]:
    """Return the sides, of R and L, that the study that is hung has images of."""
    shown = {image.attributes.view.laterality for image in _images(workspace)}
    return tuple(side for side in SIDES if side in shown)


def own_density(workspace: Workspace, laterality: str) -> str:
    """Return what the present reader said of a breast of the study, empty for nothing."""
    reader = workspace.settings.reader
    said = (
        workspace.annotations.density(examination_of(image.attributes), laterality, reader)
        for image in _images(workspace, laterality)
    )
    return next((density.value for density in said if density is not None), "")


def others_densities(workspace: Workspace) -> tuple[BreastDensity, ...]:
    """Return what others said of the breasts of the study, as far as it may be seen now."""
    found = {
        density.id: density
        for image in _images(workspace)
        for density in seen_densities(workspace, image, workspace.annotations.densities)
        if density.reader != workspace.settings.reader
    }
    return tuple(found.values())


def say_density(workspace: Workspace, laterality: str, value: str) -> None:
    """Say how dense a breast of the study is, in the present reader's name; empty takes that back.

    Pictures without a study are examinations of their own: all that show the breast get it, in one step of undo.
    """
    reader = workspace.settings.reader
    edits: list[Edit] = []
    for examination in dict.fromkeys(examination_of(image.attributes) for image in _images(workspace, laterality)):
        before = workspace.annotations.density(examination, laterality, reader)
        if value and (before is None or before.value != value):
            edits.append(SayDensity(new_density(examination, laterality, value, reader=reader)))
        elif not value and before is not None:
            edits.append(UnsayDensity(before.id))
    if edits:
        workspace.edit(edits[0] if len(edits) == 1 else CompositeEdit(tuple(edits), title=edits[0].title))


def say_density_of_active(workspace: Workspace, value: str) -> str:
    """Say the density of the breast of the active image, or take it back where it is said already; return the side."""
    active = workspace.active
    side = active.image.attributes.view.laterality if active is not None else ""
    if side not in breasts(workspace):
        return ""
    say_density(workspace, side, "" if own_density(workspace, side) == value else value)
    return side


def _images(workspace: Workspace, laterality: str = "") -> tuple[Image, ...]:
    images = workspace.study.images if workspace.study is not None else ()
    return tuple(image for image in images if laterality in ("", image.attributes.view.laterality))
