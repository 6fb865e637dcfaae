"""A line of the study list: what is known of a study without opening its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.companions.records import Companion
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.spacing import STATED
from mammoviewer.dicom.study import Study
from mammoviewer.session.companions import belongs
from mammoviewer.session.opened import Opened, PictureView

_ORDER = ("RCC", "LCC", "RMLO", "LMLO")
_FLAT = (ImageKind.MAMMOGRAM, ImageKind.SYNTHETIC_2D, ImageKind.RASTER)
_SHORT = {
    ImageKind.MAMMOGRAM: "2-D",
    ImageKind.MAMMOGRAM_RAW: "raw",
    ImageKind.TOMO: "DBT",
    ImageKind.SYNTHETIC_2D: "S-2D",
    ImageKind.SECONDARY: "SC",
    ImageKind.RASTER: "picture",
}
_PLURAL = {"picture": "s"}
_ONE_PATIENT = "id:"


@dataclass(frozen=True)
class ListedImage:
    """One image of a listed study."""

    identity: str
    path: Path
    kind: ImageKind
    view: str
    frames: int = 1


@dataclass(frozen=True, kw_only=True)
class ListedStudy:
    """A study of the list.

    ``opened`` and ``arrived`` are ISO times in UTC, ``opened`` is empty for one that was only found in a folder.
    ``pixel_spacing_mm``, ``charset``, ``duke_convention`` and ``pictures`` are how it was read. ``findings`` to
    ``score`` are the state of its annotations and of the model that ran last; ``missing`` are files that are not there
    any more, None while nobody has looked.
    """

    key: str
    images: tuple[ListedImage, ...]
    StudyInstanceUID: str = ""
    PatientName: str = ""
    PatientID: str = ""
    date: str = ""
    StudyDescription: str = ""
    AccessionNumber: str = ""
    opened: str = ""
    arrived: str = ""
    pixel_spacing_mm: float | None = None
    charset: str | None = None
    duke_convention: bool = False
    pictures: tuple[PictureView, ...] = ()
    companions: tuple[Path, ...] = ()
    findings: int = 0
    edited: str = ""
    model: str = ""
    score: float | None = None
    missing: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return all its files, each once."""
        return tuple(dict.fromkeys((*(image.path for image in self.images), *self.companions)))

    @property
    def patient(self) -> str:
        """Return the patient's name as it is read, else the ID, else the folder of the files."""
        return self.PatientName.replace("^", " ").strip() or self.PatientID or self.images[0].path.parent.name

    @property
    def same_patient(self) -> str:
        """Return what two studies of one patient have in common; the study itself when nobody is named."""
        return self.PatientID or self.PatientName or self.key

    @property
    def views(self) -> str:
        """Return the views of 2-D images and pictures, then the count of each other kind: ``RCC LCC, 2 DBT``."""
        flat = [image.view for image in self.images if image.kind in _FLAT and image.view]
        named = " ".join(sorted(dict.fromkeys(flat), key=_place_of_view))
        others = Counter(_SHORT[image.kind] for image in self.images if image.kind not in _FLAT or not image.view)
        counted = (f"{count} {kind}" + _PLURAL.get(kind, "") * (count > 1) for kind, count in others.items())
        return ", ".join(part for part in (named, *counted) if part)

    @cached_property
    def searched(self) -> str:
        """Return all that a search looks into, in lower case."""
        plain_date = self.date.replace("-", "")
        parts = (self.patient, self.PatientID, self.date, plain_date, self.AccessionNumber, self.StudyDescription)
        kinds = {_SHORT[image.kind] for image in self.images}
        views = {image.view for image in self.images}
        return "\n".join((*parts, self.views, *kinds, *views)).casefold()

    @property
    def last(self) -> str:
        """Return when it was last opened, or else came."""
        return self.opened or self.arrived


def listed(
    study: Study, *, companions: Iterable[Companion] = (), opened: Sequence[Opened] = (), at: str, was_opened: bool
) -> ListedStudy:
    """Return the line of a study.

    Parameters
    ----------
    study
        The study as it is open.
    companions
        Objects of which those are listed with it that say something about its images.
    opened
        What was opened in this session: tells how these files are to be read again.
    at
        The present time.
    was_opened
        Whether the reader has opened it; else it was found in a folder.
    """
    images = sorted(study.images, key=_place)
    first = images[0].attributes
    how = next((entry for entry in opened if _came_from(first.path, entry)), Opened(()))
    stated = [spacing for image in images if (spacing := image.attributes.pixel_spacing) and spacing.source == STATED]
    beside = {c.path.absolute() for c in companions if any(belongs(c, image) for image in images)}
    return ListedStudy(
        key=study_key(study),
        images=tuple(_listed_image(image) for image in images),
        StudyInstanceUID=first.StudyInstanceUID,
        PatientName=first.PatientName,
        PatientID=first.PatientID,
        date=study.date,
        StudyDescription=first.StudyDescription,
        AccessionNumber=first.AccessionNumber,
        opened=at if was_opened else "",
        arrived=at,
        pixel_spacing_mm=stated[0].row_mm if stated else None,
        charset=how.charset,
        duke_convention=how.duke_convention,
        pictures=_pictures(images, opened),
        companions=tuple(sorted(beside)),
    )


def study_key(study: Study) -> str:
    """Return what tells a study from every other: one UID may be used for several patients by mistake."""
    return f"{study.StudyInstanceUID}\n{study.images[0].attributes.PatientID}"


def _listed_image(image: Image) -> ListedImage:
    facts = image.attributes
    return ListedImage(facts.identity, facts.path.absolute(), facts.kind, facts.view.label, facts.frames)


def _came_from(path: Path, entry: Opened) -> bool:
    return any(path.absolute() == start or path.absolute().is_relative_to(start) for start in entry.paths)


def _pictures(images: Sequence[Image], opened: Sequence[Opened]) -> tuple[PictureView, ...]:
    """Return what the reader has stated of the pictures among these images; the newest word counts."""
    own = {str(image.attributes.path.absolute()) for image in images}
    stated = {view.path: view for entry in opened for view in entry.pictures if view.path in own}
    return tuple(stated.values())


def _place(image: Image) -> tuple[bool, int, str]:
    facts = image.attributes
    return facts.kind not in _FLAT, _place_of_view(facts.view.label)[0], facts.view.label


def _place_of_view(view: str) -> tuple[int, str]:
    return (_ORDER.index(view) if view in _ORDER else len(_ORDER)), view


def only_patient(study: ListedStudy) -> str:
    """Return the search text that leaves this patient's studies."""
    return f"{_ONE_PATIENT}{study.PatientID}" if study.PatientID else study.PatientName.replace("^", " ")


def matching(studies: Iterable[ListedStudy], text: str) -> list[ListedStudy]:
    """Return the studies in which every word of ``text`` occurs: in patient, ID, date, accession, views or words.

    ``id:`` with a whole patient ID leaves that patient alone.
    """
    wanted = text.strip().casefold()
    if wanted.startswith(_ONE_PATIENT):
        return [s for s in studies if s.PatientID.casefold() == wanted.removeprefix(_ONE_PATIENT).strip()]
    words = wanted.split()
    return [study for study in studies if all(word in study.searched for word in words)]


SORTINGS: dict[str, Callable[[ListedStudy], tuple[object, ...]]] = {
    "patient": lambda s: (s.patient.casefold(), s.date),
    "date": lambda s: (s.date, s.last),
    "description": lambda s: (s.StudyDescription.casefold(), s.AccessionNumber),
    "views": lambda s: (s.views, len(s.images)),
    "findings": lambda s: (s.findings, s.edited),
    "ai": lambda s: (s.score is not None, s.score or 0.0),
    "last": lambda s: (s.last,),
}
"""What the list can be sorted by."""


def in_order(studies: Iterable[ListedStudy], by: str, *, descending: bool) -> list[ListedStudy]:
    """Return the studies sorted by one of ``SORTINGS``; equals have the newest first."""
    newest = sorted(studies, key=lambda study: study.last, reverse=True)
    return sorted(newest, key=SORTINGS[by], reverse=descending)


def how_long_ago(time: str, now: datetime) -> str:
    """Return an ISO time as a reader says it: ``today 14:05``, ``yesterday``, ``5 days ago``, ``2024-03-01``."""
    try:
        then = datetime.fromisoformat(time).astimezone(now.tzinfo)
    except ValueError:
        return ""
    days = (now.date() - then.date()).days
    if days == 0:
        return f"today {then:%H:%M}"
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if 1 < days < 30 else f"{then:%Y-%m-%d}"
