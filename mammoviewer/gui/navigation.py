"""Going to a place: the image is hung if it is not, its slice is shown, the place comes to the middle."""

from __future__ import annotations

from collections.abc import Sequence

from mammoviewer.annotations.finding import Finding
from mammoviewer.session.viewer_state import FIT, ViewerState
from mammoviewer.session.workspace import Workspace


def show_place(workspace: Workspace, identity: str, frame: int, point: tuple[float, float]) -> ViewerState | None:
    """Show a stored (row, column) point of an open image; return its state, None when it is not open."""
    if all(image.attributes.identity != identity for image in workspace.images):
        return None
    stage = workspace.stage
    if stage is None or identity not in stage.cells:
        study = next(s for s in workspace.studies if any(i.attributes.identity == identity for i in s.images))
        if study is not workspace.study:
            workspace.choose_study(study)
        index = next((i for i, stage in enumerate(workspace.stages) if identity in stage.cells), None)
        if index is None:
            workspace.show_single(identity)
        else:
            workspace.show_stage(index)
    workspace.desk.active_identity = identity
    state = workspace.state(identity)
    state.playing = False
    state.frame = frame
    if state.zoom != FIT:
        state.centre = point
    return state


def show_finding(workspace: Workspace, finding: Finding) -> None:
    """Go to a finding and select it."""
    if show_place(workspace, finding.image_uid, finding.frame, finding.roi.centre) is not None:
        workspace.desk.selected_finding = finding.id


def findings_of_study(workspace: Workspace) -> tuple[Finding, ...]:
    """Return the findings on the images of the study, in the study's order, then by slice."""
    if workspace.study is None:
        return ()
    found: list[Finding] = []
    for image in workspace.study.images:
        found += sorted(workspace.annotations.for_image(image.attributes.identity), key=lambda f: f.frame)
    return tuple(found)


def neighbour(items: Sequence[str], current: str, step: int) -> str:
    """Return the item ``step`` places on, around the end; the first (or last) one when ``current`` is not there."""
    if not items:
        return ""
    if current not in items:
        return items[0] if step > 0 else items[-1]
    return items[(items.index(current) + step) % len(items)]
