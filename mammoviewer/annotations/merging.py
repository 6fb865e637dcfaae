"""Bringing in what was said elsewhere beside what is said here, so that neither is lost.

What has an unknown id is new. Of two versions of one finding the one changed last stays, and the other is in the log of
changes; where both sides changed it, theirs comes in as a finding of its own. What was removed here stays removed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mammoviewer.annotations.change_log import Change
from mammoviewer.annotations.density import BreastDensity, Record
from mammoviewer.annotations.edits import AddFinding, CompositeEdit, Edit, ReplaceFinding, SayDensity
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.transfer import Imported

History = Callable[[str], Sequence[Change]]
"""Returns what is logged of a record, by its id, the oldest first."""


@dataclass(frozen=True)
class Merge:
    """What would come in: ``new`` findings, ``newer`` versions, ``copies`` of what both sides changed, ``densities``.

    ``known`` counts what is here already or was removed here.
    """

    new: tuple[Finding, ...] = ()
    newer: tuple[Finding, ...] = ()
    copies: tuple[Finding, ...] = ()
    densities: tuple[BreastDensity, ...] = ()
    known: int = 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return every finding that would come in."""
        return (*self.new, *self.newer, *self.copies)

    @property
    def text(self) -> str:
        """Return what would come in, in words; empty for nothing."""
        counts = (
            (len(self.new), "new"),
            (len(self.newer), "changed since"),
            (len(self.copies), "changed on both sides"),
            (len(self.densities), "breast density" if len(self.densities) == 1 else "breast densities"),
        )
        return ", ".join(f"{count} {what}" for count, what in counts if count)

    def edit(self, title: str) -> Edit | None:
        """Return the edit that brings everything in as one step of undo, None for nothing."""
        edits: list[Edit] = [*map(AddFinding, (*self.new, *self.copies)), *map(ReplaceFinding, self.newer)]
        edits += map(SayDensity, self.densities)
        return CompositeEdit(tuple(edits), title=title) if edits else None


def merge(
    theirs: Imported,
    findings: Iterable[Finding],
    densities: Iterable[BreastDensity],
    *,
    history: History = lambda _id: (),
    dated: bool,
) -> Merge:
    """Return what of ``theirs`` is to come to the findings and densities that are here.

    Parameters
    ----------
    theirs
        What was read.
    findings, densities
        What is here of the same images.
    history
        The log of changes here.
    dated
        Whether times and all fields of ``theirs`` are as they were said; a format that loses some is not, and then
        what has a known id stays as it is here.
    """
    here = {finding.id: finding for finding in findings}
    new, newer, copies, known = dict[str, Finding](), [], [], 0
    for finding in theirs.findings:
        mine = here.get(finding.id)
        if mine is None and finding.id not in new and not (dated and _removed(finding, history(finding.id))):
            new[finding.id] = finding
        elif mine is None or mine == finding or not dated or _was(finding, history(finding.id)):
            known += 1
        elif finding.modified > mine.modified:
            newer.append(finding)
        elif mine.image_uid == finding.image_uid:
            copies.append(replace(finding, id=uuid.uuid4().hex))
    said = {density.id: density for density in densities}
    coming = [d for d in theirs.densities if d.id not in said or (dated and d.modified > said[d.id].modified)]
    coming = [d for d in coming if not (dated and _removed(d, history(d.id)))]
    known += len(theirs.densities) - len(coming)
    return Merge(tuple(new.values()), tuple(newer), tuple(copies), tuple(coming), known)


def _removed(record: Record, changes: Sequence[Change]) -> bool:
    """Return whether a record was removed here after it was as it is there."""
    return bool(changes) and changes[-1].after is None and changes[-1].time >= record.modified


def _was(record: Record, changes: Sequence[Change]) -> bool:
    """Return whether a record was once here as it is there."""
    return any(record in (change.before, change.after) for change in changes)
