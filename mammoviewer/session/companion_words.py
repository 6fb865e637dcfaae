"""What companions are and tell, in words, for the window and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mammoviewer.dicom.companions.records import AlgorithmRun, Companion, RunStatus, Target
from mammoviewer.dicom.image import Image
from mammoviewer.session.companions import meant_by, named_frames, status_on

STATUS_WORDS: Mapping[RunStatus, str] = MappingProxyType(
    {
        RunStatus.FINDINGS: "findings",
        RunStatus.NO_FINDINGS: "ran, no findings",
        RunStatus.PARTIAL: "FAILED in part: some findings may be missing",
        RunStatus.FAILED: "FAILED: no result",
        RunStatus.NOT_RUN: "NOT RUN: no result",
        RunStatus.UNKNOWN: "outcome not stated",
    }
)
"""A failure is written so that nobody takes it for a clean result."""


def companion_lines(companion: Companion, image: Image | None = None) -> tuple[str, ...]:
    """Return one statement a line; of one image alone when it is given."""
    found = [companion.label] if companion.label else []
    status = companion.status if image is None else status_on(companion, image)
    if status is not None:
        found.append(STATUS_WORDS[status])
    uids = None if image is None else meant_by(companion, image)
    for run in companion.runs:
        if uids is None or not run.targets or any(target.SOPInstanceUID in uids for target in run.targets):
            found.append(_run_line(run))
    counted = _counted(companion, uids)
    slices = "" if image is None else ranges(named_frames(companion, image))
    found += [f"{counted} on slices {slices}" if slices else counted] if counted else []
    found += [f"{name}: {value}" for name, value in companion.facts]
    found += [f"{name}: {value}" for event in companion.dose for name, value in event.facts if image is None]
    return (*found, *(notice.text for notice in companion.warnings))


def ranges(frames: Sequence[int]) -> str:
    """Return 0-based frames, in order, as readers count them: ``3, 5-8``."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ", ".join(f"{first + 1}-{last + 1}" if last > first else f"{first + 1}" for first, last in runs)


def _run_line(run: AlgorithmRun) -> str:
    name = " ".join(part for part in (run.name, run.version) if part) or "algorithm without a name"
    failed = "FAILED" if run.status is RunStatus.FAILED else ""
    return ", ".join(part for part in (name, run.purpose, failed) if part)


def _counted(companion: Companion, uids: tuple[str, ...] | None) -> str:
    """Return how much there is to see, on images of these instances alone when they are given."""

    def here(targets: tuple[Target, ...]) -> bool:
        return uids is None or any(target.SOPInstanceUID in uids for target in targets)

    counts = (
        ("mark", sum(here(mark.targets) for mark in companion.marks)),
        ("mask", sum(here(plane.targets) for plane in companion.planes)),
        ("shutter", len(companion.shutters)),
        ("window", sum(item.voi is not None and here(item.targets) for item in companion.presentations)),
    )
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts if count)


def outcome_words(companion: Companion, image: Image) -> tuple[str, bool]:
    """Return what stands on the image about a CAD report, and whether it is a failure; empty where nothing does."""
    status = status_on(companion, image)
    if status is RunStatus.NO_FINDINGS:
        return "CAD: no findings", False
    failures = {
        RunStatus.FAILED: "CAD FAILED",
        RunStatus.PARTIAL: "CAD PARTLY FAILED",
        RunStatus.NOT_RUN: "CAD NOT RUN",
    }
    return (failures[status], True) if status in failures else ("", False)
