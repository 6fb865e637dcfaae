"""Images that belong together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mammoviewer.dicom.image import Image


@dataclass(frozen=True)
class Study:
    """The images of one examination. Pictures without a study are grouped by their folder."""

    StudyInstanceUID: str
    images: tuple[Image, ...]

    @property
    def patient_label(self) -> str:
        """Return name and ID of the patient for display, the name of the folder for pictures."""
        for image in self.images:
            known = [part for part in (image.attributes.PatientName, image.attributes.PatientID) if part]
            if known:
                return ", ".join(known).replace("^", " ")
        return self.images[0].attributes.path.resolve().parent.name

    @property
    def date(self) -> str:
        """Return StudyDate as YYYY-MM-DD, empty when it is not known."""
        dates = [image.attributes.StudyDate for image in self.images if image.attributes.StudyDate]
        if not dates or len(dates[0]) != 8 or not dates[0].isdigit():
            return ""
        return f"{dates[0][:4]}-{dates[0][4:6]}-{dates[0][6:]}"


def group_studies(images: Iterable[Image]) -> tuple[Study, ...]:
    """Return the studies of ``images`` in the order in which they first occur.

    Images of one StudyInstanceUID but of different patients are not put together.
    """
    groups: dict[tuple[str, str], list[Image]] = {}
    for image in images:
        attributes = image.attributes
        uid = attributes.StudyInstanceUID or f"folder:{attributes.path.resolve().parent}"
        groups.setdefault((uid, attributes.PatientID), []).append(image)
    return tuple(Study(uid, tuple(found)) for (uid, _), found in groups.items())
