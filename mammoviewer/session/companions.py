"""The open companions of images: which belong to which image, and what is to be drawn on a frame.

Masks are decoded and outlined in the background; until one is there the frame is shown without it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from psygnal import Signal

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.notices import Notice
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.companions.records import (
    Companion,
    CompanionKind,
    Facts,
    Mark,
    MaskPlane,
    RunStatus,
    Shutter,
    Target,
)
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.mask_outlines import mask_outlines
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.viewer_state import FIT, ViewerState

_LEVELS = (0.25, 0.5, 0.75)
_EDGE = (0.5,)


@dataclass(frozen=True, eq=False)
class MaskArea:
    """A mask as closed curves, float64 (N, 2) of stored (row, column), one tuple of them for each level."""

    label: str
    curves: tuple[tuple[DoubleArray, ...], ...]
    solid: bool = False


@dataclass(frozen=True)
class Drawing:
    """What companions put on one frame, in stored pixels. Only what is inside of every shutter is shown."""

    marks: tuple[Mark, ...] = ()
    areas: tuple[MaskArea, ...] = ()
    shutters: tuple[Shutter, ...] = ()


class CompanionShelf:
    """Keeps companions and finds those of an image.

    Signals: ``changed()`` when there are more companions or a mask has been read, on the thread where that happened;
    ``notice(Notice)``.
    """

    changed = Signal()
    notice = Signal(Notice)

    def __init__(self, runner: ThreadRunner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        self._all: dict[str, Companion] = {}
        self._areas: dict[tuple[MaskPlane, tuple[int, int]], MaskArea] = {}
        self._asked: set[tuple[MaskPlane, tuple[int, int]]] = set()

    @property
    def all(self) -> tuple[Companion, ...]:
        """Return the companions that are files of their own, in the order in which they were opened."""
        return tuple(self._all.values())

    def add(self, companions: Iterable[Companion]) -> None:
        """Take companions in; one that is there already stays as it is."""
        before = len(self._all)
        for companion in companions:
            self._all.setdefault(companion.SOPInstanceUID or str(companion.path), companion)
        if len(self._all) != before:
            self.changed.emit()

    def of(self, image: Image) -> tuple[Companion, ...]:
        """Return what says something about an image: what its own header carries, then files in their order."""
        return (*image.companions, *(companion for companion in self._all.values() if belongs(companion, image)))

    def drawing(self, image: Image, frame: int, presentation: str = "") -> Drawing:
        """Return what is drawn on a frame now, and begin to read what is missing.

        Parameters
        ----------
        frame
            0-based frame of the image as it is shown.
        presentation
            SOPInstanceUID of the presentation state whose shutters are in force, empty for none.
        """
        marks: list[Mark] = []
        areas: list[MaskArea] = []
        shutters: list[Shutter] = []
        for companion in self.of(image):
            uids = meant_by(companion, image)
            marks += [mark for mark in companion.marks if _covers(mark.targets, image, uids, frame)]
            for plane in companion.planes:
                if _covers(plane.targets, image, uids, frame):
                    area = self._area(plane, image.attributes.shape)
                    areas += [area] if area is not None else []
            if companion.kind is CompanionKind.SHUTTER or companion.SOPInstanceUID == presentation:
                shutters += companion.shutters
        return Drawing(tuple(marks), tuple(areas), tuple(shutters))

    def frames(self, image: Image) -> tuple[int, ...]:
        """Return the frames, as they are shown and in order, on which companions put something of their own."""
        return tuple(sorted({frame for companion in self.of(image) for frame in named_frames(companion, image)}))

    def dose_facts(self, image: Image) -> Facts:
        """Return what dose reports of the same study tell of the exposure of an image and of the whole examination."""
        facts: list[tuple[str, str]] = []
        for companion in self.of(image):
            for event in companion.dose:
                if event.IrradiationEventUID and event.IrradiationEventUID in image.links.IrradiationEventUID:
                    facts += event.facts
            if companion.kind is CompanionKind.DOSE:
                facts += companion.facts
        return tuple(dict.fromkeys(facts))

    def _area(self, plane: MaskPlane, shape: tuple[int, int]) -> MaskArea | None:
        key = plane, shape
        with self._lock:
            found = self._areas.get(key)
            if found is not None or key in self._asked:
                return found
            self._asked.add(key)

        def work(progress: Progress) -> MaskArea:
            progress(0.0, plane.label)
            return outlined(plane, shape)

        def done(job: Job) -> None:
            failed = notice_of(job)
            if failed is not None:
                self.notice.emit(failed)
            with self._lock:
                if job.state is JobState.DONE:
                    self._areas[key] = job.result
                elif job.state is JobState.CANCELLED:
                    self._asked.discard(key)
            self.changed.emit()

        self._runner.submit("Mask", work, priority=1, on_done=done)
        return None


def belongs(companion: Companion, image: Image) -> bool:
    """Return whether a companion says something about an image; a dose report does about its whole study."""
    if companion.kind is CompanionKind.DOSE:
        study = image.attributes.StudyInstanceUID
        return study != "" and companion.StudyInstanceUID == study
    return any(companion.refers_to(uid) for uid in meant_by(companion, image))


def meant_by(companion: Companion, image: Image) -> tuple[str, ...]:
    """Return the instances that stand for an image in a companion.

    In a CAD report these are also the raw images that it was made from with every place kept (IHE RAD TF-2
    4.16.4.2.2.1.1.5).
    """
    own = image.attributes.SOPInstanceUID
    uids = (own, *image.links.sources) if companion.follows else (own,)
    return tuple(uid for uid in uids if uid)


def _covers(targets: tuple[Target, ...], image: Image, uids: tuple[str, ...], frame: int) -> bool:
    """Return whether a shown frame is meant; other programs count frames in the order of the file."""
    in_file = image.attributes.file_frame(frame)
    return any(target.covers(uid, in_file) for target in targets for uid in uids)


def named_frames(companion: Companion, image: Image) -> tuple[int, ...]:
    """Return the frames of an image that marks and masks name, as they are shown; none where all are meant."""
    uids, count = meant_by(companion, image), image.attributes.frames
    drawn = [*(mark.targets for mark in companion.marks), *(plane.targets for plane in companion.planes)]
    found = {
        image.attributes.frame_of_file(frame)
        for targets in drawn
        for target in targets
        if target.SOPInstanceUID in uids
        for frame in target.frames
        if 0 <= frame < count
    }
    return tuple(sorted(found)) if count > 1 else ()


def outlined(plane: MaskPlane, shape: tuple[int, int]) -> MaskArea:
    """Return a mask as curves on an image of (rows, columns).

    Raises
    ------
    DecodeError
        The mask cannot be read.
    """
    mask = plane.read()
    levels = _LEVELS if plane.graded else _EDGE
    scale = np.array(shape) / mask.shape if plane.stretched else np.ones(2)
    origin = np.array(plane.origin)
    # Scaled about the corner of the first pixel, which is where both grids begin.
    curves = tuple(
        tuple((curve + 0.5) * scale - 0.5 + origin for curve in mask_outlines(mask, level)) for level in levels
    )
    return MaskArea(plane.label, curves, plane.solid)


def presentations(companions: Iterable[Companion]) -> tuple[Companion, ...]:
    """Return the presentation states among companions."""
    return tuple(companion for companion in companions if companion.kind is CompanionKind.PRESENTATION)


def apply_presentation(state: ViewerState, companion: Companion | None) -> None:
    """Show an image as a presentation state wants it, or as its own file does when None."""
    attributes = state.image.attributes
    offered = attributes.vois_for_frame(state.frame)
    state.orientation, state.inverted, state.zoom = attributes.orientation, False, FIT
    if offered:
        state.voi = offered[0]
    state.presentation = companion.SOPInstanceUID if companion is not None else ""
    if companion is None:
        return
    wanted = companion.presentation(attributes.SOPInstanceUID, attributes.file_frame(state.frame))
    state.voi = wanted.voi or state.voi
    state.orientation = wanted.orientation or state.orientation
    if companion.inverse is not None:
        state.inverted = companion.inverse != attributes.inverse


def status_on(companion: Companion, image: Image) -> RunStatus | None:
    """Return how a CAD report fared on one image; None where a companion tells of no processing.

    "No findings" is said only where everything succeeded and nothing was found there, shown or not.
    """
    status = companion.status
    if status not in (RunStatus.FINDINGS, RunStatus.NO_FINDINGS, RunStatus.PARTIAL):
        return status
    uids = meant_by(companion, image)
    runs = [run for run in companion.runs if any(target.covers(uid, None) for target in run.targets for uid in uids)]
    if runs and all(run.status is RunStatus.FAILED for run in runs):
        return RunStatus.FAILED
    if any(run.status is RunStatus.FAILED for run in runs) or (status is RunStatus.PARTIAL and not runs):
        return RunStatus.PARTIAL
    if any(target.covers(uid, None) for mark in companion.marks for target in mark.targets for uid in uids):
        return RunStatus.FINDINGS
    return status if dict(companion.facts).get("Not for presentation") else RunStatus.NO_FINDINGS
