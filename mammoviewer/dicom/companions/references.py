"""References from one object to another: which images, which frames, and what an image was made from."""

from __future__ import annotations

from collections.abc import Iterable

from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.records import ImageLinks, Target
from mammoviewer.dicom.elements import Dataset


def read_target(item: Dataset) -> Target | None:
    """Return the image of a Referenced SOP item; its frame numbers count from 1 (PS3.3 10.3). None without a UID."""
    uid = elements.text(item, "ReferencedSOPInstanceUID")
    if not uid:
        return None
    numbers = elements.numbers(item, "ReferencedFrameNumber")
    frames = tuple(int(number) - 1 for number in numbers if number is not None and number >= 1)
    return Target(uid, frames)


def read_targets(dataset: Dataset, keyword: str = "ReferencedImageSequence") -> tuple[Target, ...]:
    """Return the images of a sequence of references."""
    found = (read_target(item) for item in elements.sequence(dataset, keyword))
    return tuple(target for target in found if target is not None)


def series_targets(dataset: Dataset, keyword: str = "ReferencedImageSequence") -> tuple[Target, ...]:
    """Return the images listed series by series in ReferencedSeriesSequence (PS3.3 C.11.11, C.12.4)."""
    series = elements.sequence(dataset, "ReferencedSeriesSequence")
    return tuple(target for item in series for target in read_targets(item, keyword))


def unique(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Return the targets without repeats, in their order."""
    return tuple(dict.fromkeys(targets))


def read_links(dataset: Dataset) -> ImageLinks:
    """Return what an image was made from without moving a place, and the exposures it stems from.

    A source counts when SpatialLocationsPreserved (PS3.3 C.7.6.16.2.6, C.8.11.3) is YES or absent (IHE RAD TF-2
    4.16.4.2.2.1.1.5); REORIENTED_ONLY and NO do not.
    """
    sources = []
    for item in elements.sequence(dataset, "SourceImageSequence"):
        uid = elements.text(item, "ReferencedSOPInstanceUID")
        if uid and elements.text(item, "SpatialLocationsPreserved").upper() in ("", "YES"):
            sources.append(uid)
    events = tuple(uid for uid in elements.texts(dataset, "IrradiationEventUID") if uid)
    return ImageLinks(tuple(sources), events)
