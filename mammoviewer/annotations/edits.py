"""Edits: frozen values that change an :class:`AnnotationSet` and return what takes the change back.

Each edit takes effect as a whole or, raising :class:`AnnotationError`, not at all. Whatever needs to be asked of the
reader is asked before an edit is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import Finding


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
        inverse = ReplaceFinding(annotations.get(self.finding.id), title=self.title, merge_key=self.merge_key)
        with annotations.transaction():
            annotations._replace(self.finding)
        return inverse


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
