"""How dense a breast is (BI-RADS a to d): said once for each breast of an examination by each reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.finding import Finding, is_storable, utc_now
from mammoviewer.base.errors import AnnotationError
from mammoviewer.dicom.attributes import ImageAttributes

SIDES = ("R", "L")


@dataclass(frozen=True)
class BreastDensity:
    """The density of one breast as one reader sees it.

    Parameters
    ----------
    study_uid
        The examination, see :func:`examination_of`.
    laterality
        ``"R"`` or ``"L"``.
    value
        A value of the term list, "a" to "d".
    reader
        Who says so.
    modified
        ISO 8601 time in UTC.
    terms
        Version of the term list that it was chosen from.

    Raises
    ------
    AnnotationError
        If a value is not of its kind.
    """

    study_uid: str
    laterality: str
    value: str
    reader: str = ""
    modified: str = ""
    terms: str = ""

    def __post_init__(self) -> None:
        texts = (self.study_uid, self.laterality, self.value, self.reader, self.modified, self.terms)
        if not all(isinstance(text, str) and is_storable(text) for text in texts):
            raise AnnotationError("a breast density is made of texts")
        if not self.study_uid or self.laterality not in SIDES:
            raise AnnotationError("a breast density needs an examination and the side R or L")
        if self.value not in {term.value for term in birads().densities}:
            raise AnnotationError(f"{self.value[:40]!r} is no breast density of the term list")

    @property
    def id(self) -> str:
        """What it is known by: a reader has one for each breast."""
        return f"density {self.laterality} {self.study_uid} {self.reader}"


Record: TypeAlias = Finding | BreastDensity
"""What a reader says about an image or a breast: all that is kept and logged."""


def new_density(study_uid: str, laterality: str, value: str, *, reader: str = "") -> BreastDensity:
    """Return a density said now; parameters as in :class:`BreastDensity`."""
    return BreastDensity(study_uid, laterality, value, reader, utc_now(), birads().version)


def examination_of(image: ImageAttributes) -> str:
    """Return what images of one examination share: the StudyInstanceUID; a picture without one stands for itself."""
    return image.StudyInstanceUID or image.identity


def is_of(density: BreastDensity, image: ImageAttributes) -> bool:
    """Return whether an image shows the breast."""
    return density.study_uid == examination_of(image) and density.laterality == image.view.laterality
