"""Opening files into a workspace, on a worker's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mammoviewer.base.progress import Progress, subprogress
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.image_facts import state_pixel_size
from mammoviewer.session.opened import Opened, read_entry

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace


def open_entry(workspace: Workspace, entry: Opened, progress: Progress) -> OpenResult:
    """Read the headers of what an entry names, and add what can be shown."""
    spacing = entry.pixel_spacing_mm
    result = read_entry(entry, workspace.cache, progress)
    with workspace.adding:
        if result.images and entry not in workspace.opened:
            workspace.opened = (*workspace.opened, entry)
    workspace.add(result)
    if spacing is not None:
        state_pixel_size(workspace, [image.attributes.identity for image in result.images], spacing)
    return result


def open_again(workspace: Workspace, opened: Sequence[Opened], progress: Progress) -> int:
    """Open entries one after the other; return how many images are open then."""
    for number, entry in enumerate(opened):
        open_entry(workspace, entry, subprogress(progress, number / len(opened), (number + 1) / len(opened)))
    return len(workspace.images)
