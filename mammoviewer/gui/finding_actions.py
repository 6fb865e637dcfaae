"""What is done to the chosen finding by a key: nudge it, copy it into another image."""

from __future__ import annotations

import numpy as np

from mammoviewer.annotations.edits import AddFinding, CompositeEdit, ReplaceFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.canvas.region_fit import is_fit, moved_within
from mammoviewer.gui.navigation import chosen_here, in_sight
from mammoviewer.session.lesions import fill_edit, link_edit, to_slice_edit, unlink_edit
from mammoviewer.session.places import anatomy, same_place
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace


def nudge_chosen(workspace: Workspace, down: float, right: float) -> None:
    """Move the chosen finding by pixels in the directions of the screen, while in sight; one step of undo."""
    finding = chosen_here(workspace)
    if finding is None or not in_sight(workspace, finding):
        return
    state = workspace.state(finding.image_uid)
    shape = state.image.attributes.shape
    origin, moved = state.orientation.to_stored(np.array([(0.0, 0.0), (down, right)]), shape)
    rows, columns = (moved - origin).tolist()
    roi = moved_within(finding.roi, rows, columns, shape)
    if roi != finding.roi:
        key = f"nudge {finding.id}"
        workspace.edit(ReplaceFinding(finding.edited(roi=roi), title="Nudge finding", merge_key=key))


def copy_chosen(workspace: Workspace) -> int:
    """Copy the chosen finding to the same place of the other hung images of its projection; return how many were made.

    The same place is that of :func:`session.places.same_place`: in the other breast it is mirrored.
    """
    finding, stage = chosen_here(workspace), workspace.stage
    if finding is None or stage is None:
        return 0
    source = workspace.state(finding.image_uid)
    others = [workspace.state(cell) for cell in dict.fromkeys(stage.cells) if cell and cell != finding.image_uid]
    position = source.image.attributes.view.position
    alike = [other for other in others if position and other.image.attributes.view.position == position]
    made = [copied for other in alike if (copied := _copied(workspace, finding, source, other)) is not None]
    if made:
        workspace.edit(CompositeEdit(tuple(AddFinding(copied) for copied in made), title="Copy finding"))
    else:
        tell(workspace, "No other hung image shows this projection", "hang a pair, or the prior, and copy again")
    return len(made)


def link_chosen(workspace: Workspace) -> None:
    """Make the chosen finding and the one chosen before it one lesion."""
    finding, before = chosen_here(workspace), workspace.desk.chosen_before
    if finding is None or before not in workspace.annotations or before == finding.id:
        tell(workspace, "Choose two findings one after the other to link them", "click the one, then the other")
        return
    edit = link_edit(workspace.annotations.findings, workspace.annotations.get(before), finding)
    if edit is None:
        tell(workspace, "The two are one lesion already", "unlink one of them to part them")
    else:
        workspace.edit(edit)


def unlink_chosen(workspace: Workspace) -> None:
    """Take the chosen finding out of its lesion."""
    finding = chosen_here(workspace)
    edit = unlink_edit(workspace.annotations.findings, finding) if finding is not None else None
    if edit is not None:
        workspace.edit(edit)


def carry_to_slice(workspace: Workspace) -> None:
    """Put the chosen finding's region onto the slice in view, as the same lesion, and choose it there."""
    finding = chosen_here(workspace)
    if finding is None:
        return
    stage = workspace.stage
    if stage is None or finding.image_uid not in stage.cells:
        tell(workspace, "The image of the chosen finding is not hung", "go to it first (J, K)")
        return
    state = workspace.state(finding.image_uid)
    made = to_slice_edit(finding, state.frame, reader=workspace.settings.reader)
    if made is None:
        tell(workspace, "The finding lies on this slice", "scroll to another slice, then carry it there")
        return
    edit, copied = made
    workspace.edit(edit)
    workspace.desk.selected_finding = copied.id


def fill_slices(workspace: Workspace) -> None:
    """Fill the slices between those on which the chosen lesion is marked."""
    finding = chosen_here(workspace)
    made = None
    if finding is not None:
        made = fill_edit(workspace.annotations.findings, finding, reader=workspace.settings.reader)
    if made is None:
        hint = "carry the chosen finding to another slice (Ctrl+Shift+D), fit it there, then fill"
        tell(workspace, "There are no slices between two marked ones of this lesion", hint)
        return
    edit, count = made
    workspace.edit(edit)
    tell(workspace, f"{count} slice{'' if count == 1 else 's'} filled", "undo takes all of them back (Ctrl+Z)")


def tell(workspace: Workspace, text: str, hint: str) -> None:
    """Tell the reader quietly."""
    workspace.notice.emit(Notice(Severity.INFO, text, hint))


def _copied(workspace: Workspace, finding: Finding, source: ViewerState, other: ViewerState) -> Finding | None:
    mine = anatomy(source, workspace.nipples.at_once(source.image))
    its = anatomy(other, workspace.nipples.at_once(other.image))
    roi = Roi(finding.roi.kind, tuple(same_place(mine, its, point) for point in finding.roi.points))
    inside = moved_within(roi, 0.0, 0.0, other.image.attributes.shape)
    if not is_fit(inside):
        return None
    uid, reader = other.image.attributes.identity, workspace.settings.reader
    return new_finding(uid, other.frame, inside, finding.label, note=finding.note, reader=reader)
