"""Edits: frozen values that change an :class:`AnnotationSet` and return what takes the change back.

Each edit takes effect as a whole or, raising :class:`AnnotationError`, not at all. Whatever needs to be asked of the
reader is asked before an edit is built.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.outline_patch import outline_patch, patched
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.rows import is_long


class Edit(Protocol):
    """A change that can be taken back."""

    @property
    def title(self) -> str:
        """What the edit does, for the undo menu, e.g. ``"Add finding"``."""

    @property
    def merge_key(self) -> str:
        """Edits pushed one after the other with the same key that is not empty count as one step of undo."""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Change the set and return the inverse edit.

        Raises
        ------
        AnnotationError
            If the edit does not fit the set or cannot be stored; the set is then as it was.
        """


@dataclass(frozen=True)
class AddFinding:
    """Add a finding, at the end or at place ``index`` of the order."""

    finding: Finding
    index: int | None = None
    title: str = "Add finding"
    merge_key: str = ""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Add it; the inverse removes it."""
        with annotations.transaction():
            annotations._insert(self.finding, self.index)
        return RemoveFinding(self.finding.id, title=self.title)


@dataclass(frozen=True)
class RemoveFinding:
    """Remove the finding with this id."""

    finding_id: str
    title: str = "Remove finding"
    merge_key: str = ""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Remove it; the inverse puts it back in its place."""
        inverse = AddFinding(annotations.get(self.finding_id), annotations._index(self.finding_id), title=self.title)
        with annotations.transaction():
            annotations._remove(self.finding_id)
        return inverse


@dataclass(frozen=True)
class ReplaceFinding:
    """Put ``finding`` in place of the one with the same id.

    Parameters
    ----------
    finding
        The new value, made with :meth:`Finding.edited`.
    title
        For the undo menu.
    merge_key
        The same text for all edits of one drag, another for the next drag.
    """

    finding: Finding
    title: str = "Change finding"
    merge_key: str = ""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Replace it; the inverse puts the old value back."""
        before = annotations.get(self.finding.id)
        with annotations.transaction():
            annotations._replace(self.finding)
        return restoring(before, self.finding, title=self.title, merge_key=self.merge_key)


@dataclass(frozen=True)
class AmendFinding:
    """Change fields of a finding, and of a long outline only the part that differs: what a stroke keeps for undo.

    Parameters
    ----------
    finding_id
        The finding.
    values
        (name, value) pairs of the fields that change, its region left out.
    kind
        The kind of its region.
    patch
        See :func:`~mammoviewer.annotations.outline_patch.outline_patch`; empty where the region stays.
    title, merge_key
        As in :class:`ReplaceFinding`.
    """

    finding_id: str
    values: tuple[tuple[str, Any], ...]
    kind: RoiKind
    patch: bytes
    title: str = "Change finding"
    merge_key: str = ""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Change it; the inverse changes the same fields and the same part back."""
        before = annotations.get(self.finding_id)
        roi = Roi.of_outline(self.kind, patched(before.roi.outline(), self.patch)) if self.patch else before.roi
        after = replace(before, roi=roi, **dict(self.values))
        with annotations.transaction():
            annotations._replace(after)
        return restoring(before, after, title=self.title, merge_key=self.merge_key)


def restoring(before: Finding, after: Finding, *, title: str, merge_key: str = "") -> Edit:
    """Return the edit that makes ``after`` what it was; of a long outline it holds only what differs."""
    if not (is_long(before.roi) and is_long(after.roi)):
        return ReplaceFinding(before, title=title, merge_key=merge_key)
    names = (field.name for field in fields(Finding) if field.name != "roi")
    values = tuple((n, getattr(before, n)) for n in names if getattr(before, n) != getattr(after, n))
    same = before.roi == after.roi
    patch = b"" if same else outline_patch(after.roi.outline(), before.roi.outline())
    return AmendFinding(before.id, values, before.roi.kind, patch, title, merge_key)


@dataclass(frozen=True)
class SayDensity:
    """Say how dense a breast is; what the same reader said of it before is replaced."""

    density: BreastDensity
    title: str = "Breast density"
    merge_key: str = ""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Say it; the inverse says what was said before, or nothing."""
        said = self.density
        before = annotations.density(said.study_uid, said.laterality, said.reader)
        with annotations.transaction():
            annotations._say(said)
        return UnsayDensity(said.id, title=self.title) if before is None else SayDensity(before, title=self.title)


@dataclass(frozen=True)
class UnsayDensity:
    """Take back what was said of a breast."""

    density_id: str
    title: str = "No breast density"
    merge_key: str = ""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Take it back; the inverse says it again."""
        with annotations.transaction():
            before = annotations._unsay(self.density_id)
        return SayDensity(before, title=self.title)


@dataclass(frozen=True)
class CompositeEdit:
    """Several edits that are one: applied in order, all or none, stored together."""

    edits: tuple[Edit, ...]
    title: str = "Change findings"
    merge_key: str = ""

    def apply(self, annotations: AnnotationSet) -> Edit:
        """Apply all; the inverse takes them back in the opposite order."""
        with annotations.transaction():
            inverses = tuple(edit.apply(annotations) for edit in self.edits)
        return CompositeEdit(inverses[::-1], title=self.title, merge_key=self.merge_key)
