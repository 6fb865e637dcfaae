"""What every format gives back: which files were written, what was read, and what could not be expressed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import Finding
from mammoviewer.dicom.attributes import ImageAttributes

Losses: TypeAlias = Counter[str]
"""How often something was left out or changed, by what it was: ``{"distances have no area": 2}``."""

DESCRIPTION = ("descriptors", "lesion", "confidence")
"""The fields of a finding that hardly any format has room for."""


@dataclass(frozen=True)
class Written:
    """The files of an export, and what they cannot say."""

    paths: tuple[Path, ...]
    losses: Losses = field(default_factory=Counter)


@dataclass(frozen=True)
class Imported:
    """The findings and breast densities of a file, and what of it was left out."""

    findings: tuple[Finding, ...]
    losses: Losses = field(default_factory=Counter)
    densities: tuple[BreastDensity, ...] = ()


def loss_lines(losses: Losses) -> tuple[str, ...]:
    """Return one line for each kind of loss, such as ``2 x distances have no area``."""
    return tuple(f"{count} x {text}" for text, count in losses.items() if count)


def joined(parts: Iterable[Imported]) -> Imported:
    """Return several imports as one."""
    parts = tuple(parts)
    losses: Losses = Counter()
    for part in parts:
        losses.update(part.losses)
    return Imported(
        tuple(finding for part in parts for finding in part.findings),
        losses,
        tuple(density for part in parts for density in part.densities),
    )


def placed(
    findings: Iterable[Finding], images: Sequence[ImageAttributes], losses: Losses
) -> Iterator[tuple[Finding, ImageAttributes]]:
    """Return each finding with its image; those of no image or frame are counted as lost."""
    by_identity = {image.identity: image for image in images}
    for finding in findings:
        image = by_identity.get(finding.image_uid)
        if image is None or finding.frame >= image.frames:
            losses["findings of images or frames that are not exported"] += 1
        else:
            yield finding, image


def without_measures(findings: Iterable[Finding], losses: Losses, form: str) -> tuple[Finding, ...]:
    """Return the findings that are no measures; the measures are counted by their kind."""
    kept = []
    for finding in findings:
        if finding.is_measure:
            losses[f"{finding.roi.kind.value} marks, which {form} does not hold"] += 1
        else:
            kept.append(finding)
    return tuple(kept)


def count_unsaid(findings: Iterable[Finding], losses: Losses, form: str, *names: str) -> None:
    """Count the findings that have something in the fields ``names``, none of which the format holds."""
    for finding in findings:
        for name in names:
            if getattr(finding, name) not in ("", None, ()):
                losses[f"{name} of a finding, which {form} does not hold"] += 1
