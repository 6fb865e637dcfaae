"""One lesion in several views and slices: findings that belong together."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

from mammoviewer.annotations.edits import AddFinding, CompositeEdit, Edit, ReplaceFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interpolation import between
from mammoviewer.session.location import Location, combined, locate
from mammoviewer.session.places import Anatomy
from mammoviewer.session.workspace import Workspace


def of_lesion(findings: Iterable[Finding], finding: Finding) -> tuple[Finding, ...]:
    """Return the findings that show the same lesion, the finding itself among them."""
    if not finding.lesion:
        return (finding,)
    return tuple(other for other in findings if other.lesion == finding.lesion)


def link_edit(findings: Iterable[Finding], one: Finding, other: Finding) -> Edit | None:
    """Return the edit that makes two findings, and all that belong to either, one lesion; None where they are one."""
    if one.lesion and one.lesion == other.lesion:
        return None
    every = list(findings)
    lesion = one.lesion or other.lesion or uuid.uuid4().hex
    both = {f.id: f for f in (*of_lesion(every, one), *of_lesion(every, other))}
    edits = tuple(ReplaceFinding(f.edited(lesion=lesion)) for f in both.values() if f.lesion != lesion)
    return CompositeEdit(edits, title="Link findings")


def unlink_edit(findings: Iterable[Finding], finding: Finding) -> Edit | None:
    """Return the edit that takes a finding out of its lesion; one that is left alone stands alone again."""
    if not finding.lesion:
        return None
    others = [other for other in of_lesion(findings, finding) if other.id != finding.id]
    alone = [finding, *others] if len(others) == 1 else [finding]
    return CompositeEdit(tuple(ReplaceFinding(f.edited(lesion="")) for f in alone), title="Unlink finding")


def to_slice_edit(finding: Finding, frame: int, *, reader: str = "") -> tuple[Edit, Finding] | None:
    """Return the edit that puts a finding's region onto another slice as the same lesion, and the new finding.

    None for the slice that it lies on.
    """
    if frame == finding.frame:
        return None
    lesion = finding.lesion or uuid.uuid4().hex
    copied = _like(finding, frame, lesion, reader)
    edits: tuple[Edit, ...] = (AddFinding(copied),)
    if not finding.lesion:
        edits = (ReplaceFinding(finding.edited(lesion=lesion)), *edits)
    return CompositeEdit(edits, title="Copy to slice"), copied


def fill_edit(findings: Iterable[Finding], finding: Finding, *, reader: str = "") -> tuple[Edit, int] | None:
    """Return the edit that fills the slices between those on which a lesion is marked, and how many; None for none.

    What was drawn on a slice stays; between two of them regions change evenly.
    """
    marked: dict[int, Finding] = {}
    for other in of_lesion(findings, finding):
        if other.image_uid == finding.image_uid:
            marked.setdefault(other.frame, other)
    frames = sorted(marked)
    made = []
    for low, high in zip(frames, frames[1:], strict=False):
        for frame in range(low + 1, high):
            roi = between(marked[low].roi, marked[high].roi, (frame - low) / (high - low))
            made.append(replace(_like(marked[low], frame, finding.lesion, reader), roi=roi))
    if not made:
        return None
    return CompositeEdit(tuple(AddFinding(f) for f in made), title="Fill slices"), len(made)


def location_of(workspace: Workspace, finding: Finding) -> Location:
    """Return where a lesion lies by all its findings on open images; what is not known yet is left out.

    Nipples are looked for in the background: ask again when ``workspace.nipples`` tells of another one.
    """
    views = []
    for other in of_lesion(workspace.annotations.findings, finding):
        if not workspace.is_open(other.image_uid):
            continue
        image = workspace.state(other.image_uid).image
        # As it hangs by its file: what the reader flipped does not move a lesion.
        hung = Anatomy(image.attributes, image.attributes.orientation, workspace.nipples.of(image))
        found = locate(hung, other.roi.centre)
        if found is not None:
            views.append(found)
    return combined(views)


def _like(finding: Finding, frame: int, lesion: str, reader: str) -> Finding:
    made = new_finding(
        finding.image_uid, frame, finding.roi, finding.label, assessment=finding.assessment, reader=reader
    )
    return replace(made, descriptors=finding.descriptors, lesion=lesion, confidence=finding.confidence)
