"""Going to a place: the image is hung if it is not, its slice is shown, the place comes to the middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mammoviewer.annotations.edits import RemoveFinding
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.step import Act
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.session.blind import seen_of_readers
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
    if frame >= state.frames:
        text = f"There is no slice {frame + 1} any more: the image has {state.frames}"
        workspace.notice.emit(Notice(Severity.CAUTION, text, "open the whole file again"))
    state.frame = min(frame, state.frames - 1)
    if state.zoom != FIT:
        state.centre = point
    return state


def show_finding(workspace: Workspace, finding: Finding) -> None:
    """Go to a finding and select it."""
    if show_place(workspace, finding.image_uid, finding.frame, finding.roi.centre) is not None:
        workspace.desk.selected_finding = finding.id


def in_sight(workspace: Workspace, finding: Finding) -> bool:
    """Return whether the slice that a finding lies on is hung and findings are shown."""
    stage = workspace.stage
    if stage is None or finding.image_uid not in stage.cells or not workspace.desk.show_findings:
        return False
    return workspace.state(finding.image_uid).frame == finding.frame


def chosen_here(workspace: Workspace) -> Finding | None:
    """Return the chosen finding, None where it lies on neither an image of the study nor one that hangs beside it."""
    chosen, study, stage = workspace.desk.selected_finding, workspace.study, workspace.stage
    if chosen not in workspace.annotations or study is None or stage is None:
        return None
    finding = workspace.annotations.get(chosen)
    here = {*stage.cells, *(image.attributes.identity for image in study.images)}
    return finding if finding.image_uid in here else None


def delete_chosen(workspace: Workspace) -> None:
    """Delete the chosen finding; one that is out of sight is only gone to, so that nothing vanishes unseen."""
    chosen = workspace.desk.selected_finding
    if chosen not in workspace.annotations:
        return
    finding = workspace.annotations.get(chosen)
    if in_sight(workspace, finding):
        workspace.edit(RemoveFinding(chosen))
        return
    workspace.desk.show_findings = True
    show_finding(workspace, finding)
    workspace.notice.emit(
        Notice(Severity.INFO, "The chosen finding was out of sight", "press Delete again to delete it")
    )


def undo(workspace: Workspace) -> None:
    """Take the newest edit back and go where that is seen."""
    workspace.painting.when_settled(lambda: _go_where_it_changes(workspace, workspace.edits.undo), Act.UNDO)


def redo(workspace: Workspace) -> None:
    """Make the edit that was undone last again and go where that is seen."""
    workspace.painting.when_settled(lambda: _go_where_it_changes(workspace, workspace.edits.redo), Act.REDO)


def _go_where_it_changes(workspace: Workspace, change: Callable[[], None]) -> None:
    before = {finding.id: finding for finding in workspace.annotations.findings}
    try:
        change()
    except AnnotationError as error:  # another program may have changed what the step is about
        workspace.notice.emit(Notice.from_error(error))
        return
    after = {finding.id: finding for finding in workspace.annotations.findings}
    touched = [after.get(i) or before[i] for i in (*after, *before) if before.get(i) is not after.get(i)]
    if touched:
        workspace.desk.show_findings = True
    if touched and not any(in_sight(workspace, finding) for finding in touched):
        show_place(workspace, touched[0].image_uid, touched[0].frame, touched[0].roi.centre)


def findings_of_study(workspace: Workspace) -> tuple[Finding, ...]:
    """Return the findings on the images of the study, in the study's order, then by slice."""
    if workspace.study is None:
        return ()
    found: list[Finding] = []
    for image in workspace.study.images:
        here = seen_of_readers(workspace, image, workspace.annotations.for_image(image.attributes.identity))
        found += sorted(here, key=lambda f: f.frame)
    return tuple(found)


def neighbour(items: Sequence[str], current: str, step: int) -> str:
    """Return the item ``step`` places on, around the end; the first (or last) one when ``current`` is not there."""
    if not items:
        return ""
    if current not in items:
        return items[0] if step > 0 else items[-1]
    return items[(items.index(current) + step) % len(items)]
