"""How the readers of a study agree: regions matched image by image, assessments by kappa."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mammoviewer.annotations.agreement import RegionAgreement, cohen_kappa, fleiss_kappa, match_regions
from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.density import examination_of
from mammoviewer.annotations.edits import AddFinding, CompositeEdit, Edit
from mammoviewer.annotations.finding import READER, Finding, new_finding
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.workspace import Workspace

CONSENSUS = "Consensus"
"""The reader under whose name agreed findings are kept."""


@dataclass(frozen=True)
class PairAgreement:
    """Two readers: their regions over all images, and kappa of the assessments of matched findings; NaN for none.

    ``assessed`` is how many matched findings both have assessed.
    """

    first: str
    second: str
    regions: RegionAgreement
    kappa: float
    assessed: int


def why_closed(workspace: Workspace) -> str:
    """Return why the agreement of the study may not be seen by who reads now; empty where it may.

    What others said, how many they are and whom one agrees with would spoil a first read that is still blind.
    """
    images = workspace.study.images if workspace.study is not None else ()
    if not any(ai_hidden(workspace, image) for image in images):
        return ""
    return "You read this study blind: sign your first read (Ctrl+J), and how the readers agree is shown."


def readers_of(workspace: Workspace) -> tuple[str, ...]:
    """Return the readers with findings on the images of the study, in order; an empty name is one too."""
    return tuple(sorted({finding.reader for finding in _findings(workspace) if finding.reader != CONSENSUS}))


def agreements(workspace: Workspace) -> tuple[PairAgreement, ...]:
    """Return the agreement of each pair of readers of the study."""
    findings = _findings(workspace)
    return tuple(
        _pair(workspace, findings, one, other) for one, other in itertools.combinations(readers_of(workspace), 2)
    )


@dataclass(frozen=True)
class CommonAgreement:
    """All readers together: Fleiss' kappa of what each of them said of the same cases; NaN where it is undefined."""

    what: str
    readers: tuple[str, ...]
    cases: int
    kappa: float


def common_agreements(workspace: Workspace, pairs: Sequence[PairAgreement]) -> tuple[CommonAgreement, ...]:
    """Return how all readers agree on assessments and on densities; nothing where fewer than two speak.

    A finding of the first reader is a case where each other reader has one that matches it and all are assessed; a
    breast is one where each reader of a density has said it.
    """
    readers = readers_of(workspace)
    matched: dict[str, list[str]] = {}
    for pair in pairs:
        if readers and pair.first == readers[0]:
            for match in pair.regions.matches:
                matched.setdefault(match.first.id, [match.first.assessment]).append(match.second.assessment)
    assessed = [said for said in matched.values() if len(said) == len(readers) and all(said)]
    studies = {examination_of(image.attributes) for image in (workspace.study.images if workspace.study else ())}
    densities = [d for d in workspace.annotations.densities if d.study_uid in studies]
    raters = tuple(sorted({density.reader for density in densities}))
    breasts: dict[tuple[str, str], dict[str, str]] = {}
    for density in densities:
        breasts.setdefault((density.study_uid, density.laterality), {})[density.reader] = density.value
    graded = [list(said.values()) for said in breasts.values() if len(said) == len(raters)]
    found = []
    for what, names, cases in (("assessments", readers, assessed), ("breast densities", raters, graded)):
        if len(names) >= 2:
            kappa = fleiss_kappa(cases) if cases else math.nan
            found.append(CommonAgreement(what, names, len(cases), kappa))
    return tuple(found)


def _findings(workspace: Workspace) -> list[Finding]:
    images = workspace.study.images if workspace.study is not None else ()
    found = [f for image in images for f in workspace.annotations.for_image(image.attributes.identity)]
    return [finding for finding in found if finding.origin == READER and not finding.is_measure]


def _pair(workspace: Workspace, findings: Sequence[Finding], first: str, second: str) -> PairAgreement:
    images = workspace.study.images if workspace.study is not None else ()
    parts = []
    for image in images:
        here = [finding for finding in findings if finding.image_uid == image.attributes.identity]
        mine, theirs = ([f for f in here if f.reader == name] for name in (first, second))
        spacing = image.attributes.pixel_spacing
        pixel = (spacing.row_mm, spacing.column_mm) if spacing is not None else (1.0, 1.0)
        parts.append(match_regions(mine, theirs, pixel_mm=pixel))
    regions = RegionAgreement(
        tuple(match for part in parts for match in part.matches),
        tuple(finding for part in parts for finding in part.only_first),
        tuple(finding for part in parts for finding in part.only_second),
    )
    both = [
        (m.first.assessment, m.second.assessment) for m in regions.matches if m.first.assessment and m.second.assessment
    ]
    order = [term.value for term in birads().assessments]
    known = [pair for pair in both if set(pair) <= set(order)]
    kappa = cohen_kappa(*zip(*known, strict=True), order=order) if known else math.nan
    return PairAgreement(first, second, regions, kappa, len(known))


def consensus_edit(findings: Sequence[Finding]) -> Edit | None:
    """Return the edit that keeps copies of findings as the consensus of their readers; None for none."""
    made = []
    for finding in findings:
        copied = new_finding(
            finding.image_uid,
            finding.frame,
            finding.roi,
            finding.label,
            note=finding.note,
            assessment=finding.assessment,
            reader=CONSENSUS,
        )
        made.append(replace(copied, descriptors=finding.descriptors, confidence=finding.confidence))
    return CompositeEdit(tuple(map(AddFinding, made)), title="Keep as consensus") if made else None


def as_csv(pairs: Sequence[PairAgreement], common: Sequence[CommonAgreement] = ()) -> str:
    """Return the table of the agreement as CSV; what all readers share follows the pairs, with Fleiss' kappa."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("first", "second", "matched", "only_first", "only_second", "dice", "mean_iou", "kappa", "assessed")
    )
    writer.writerows((pair.first, pair.second, *figures(pair)) for pair in pairs)
    for one in common:
        kappa = "" if math.isnan(one.kappa) else f"{one.kappa:.3f}"
        writer.writerow((f"all {len(one.readers)} readers", one.what, *[""] * 5, kappa, one.cases))
    return out.getvalue()


def figures(pair: PairAgreement) -> tuple[str, ...]:
    """Return matched, only first, only second, Dice of counts, mean overlap, kappa, assessed; empty where undefined."""
    regions = pair.regions
    overlaps = [match.overlap for match in regions.matches]
    mean = sum(overlaps) / len(overlaps) if overlaps else math.nan
    counts = (len(regions.matches), len(regions.only_first), len(regions.only_second))
    rates = ("" if math.isnan(value) else f"{value:.3f}" for value in (regions.dice, mean, pair.kappa))
    return (*map(str, counts), *rates, str(pair.assessed))
