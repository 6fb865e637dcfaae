"""Retraining from labelled regions: from findings to a new model in the user's folder, in a child process.

The viewer's process prepares the patches with the very code the classifier uses, writes them and a spec, and watches
the child's messages. Nothing here imports torch.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from psygnal import Signal

from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.base.errors import Cancelled, TrainingError
from mammoviewer.base.paths import user_dir, user_models_dir
from mammoviewer.base.progress import Progress
from mammoviewer.datasets.regions import Box, LabelledRegion, patches_from_regions, pixel_size_for_regions
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.preparation_steps import channels_after
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.preprocess import COARSEST, PreparedImage, check_suitable, prepare
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.process_runner import run_json_lines
from mammoviewer.session.region_groups import Grouping, group_regions, stored_box
from mammoviewer.training.spec import (
    PATCHES_NAME,
    SPEC_NAME,
    TrainingEvent,
    TrainingSpec,
    parse_event,
    worker_command,
    write_patches,
)

CROPS_PER_REGION = 4
FEWEST_REGIONS_PER_CLASS = 2
_HAIR = 1.001
_NORMAL_NAMES = ("normal", "background", "negative", "other", "benign")


@dataclass(frozen=True)
class TrainingRequest:
    """What to train on, captured when the reader asks for it.

    Attributes
    ----------
    findings
        The labelled regions; their labels are the classes.
    images
        The images that the findings lie on.
    base_model
        Name of the model whose trunk is kept.
    title
        Name of the new model, as the reader calls it.
    seconds
        Time after which fine tuning stops.
    """

    findings: tuple[Finding, ...]
    images: tuple[Image, ...]
    base_model: str
    title: str
    seconds: float = 25.0


def what_is_missing(findings: Sequence[Finding]) -> str:
    """Return what the reader must still draw before training can start; empty when it can."""
    counts = Counter(finding.label for finding in findings if finding.origin == "reader")
    ready = [label for label, count in counts.items() if count >= FEWEST_REGIONS_PER_CLASS]
    if len(ready) >= 2:
        return ""
    if not counts:
        return "Draw two regions of two classes to train."
    if len(ready) == 1:
        return f"Draw two regions of a second class beside {ready[0]}."
    return "Draw two regions of each of two classes to train."


class TrainingRun:
    """One retraining; ``run`` blocks, so call it from a thread of its own.

    Signals (on the thread of ``run``): ``event(TrainingEvent)`` for every message of the child.
    """

    event = Signal(TrainingEvent)

    def __init__(self, request: TrainingRequest, registry: ModelRegistry) -> None:
        self.request = request
        self._registry = registry
        self._cancelled = False
        self.log = user_dir() / "logs" / "training.log"
        self.events: list[TrainingEvent] = []

    def cancel(self) -> None:
        """Ask the run to stop; it raises ``Cancelled`` in ``run`` and leaves nothing behind."""
        self._cancelled = True

    def run(self, progress: Progress) -> str:
        """Train and return the identity (``name.tag``) of the new model.

        Raises
        ------
        Cancelled
            If the run was cancelled.
        TrainingError
            If there are too few regions, or the child failed or crashed; models that were there stay as they are.
        """
        missing = what_is_missing(self.request.findings)
        if missing:
            raise TrainingError("there are too few regions", hint=missing)
        base = self._registry.get(self.request.base_model)
        check_retrainable(base)
        with tempfile.TemporaryDirectory(prefix="mammoviewer-training-") as folder:
            spec = self._write_task(Path(folder), base, progress)
            self._watch(spec, Path(folder), progress)
        self._registry.refresh()
        return f"{spec.name}.{spec.tag}"

    def _write_task(self, folder: Path, base: ModelManifest, progress: Progress) -> TrainingSpec:
        findings = trainable(self.request.findings)
        classes, positive = classes_of(findings)
        patch = base.windows.patch
        manifest = at_size_of(findings, self.request.images, base)
        images = {image.attributes.identity: image.attributes for image in self.request.images}
        grouping = group_regions(findings, images)
        regions = self._regions(findings, grouping, manifest, progress)
        patches = patches_from_regions(regions, classes, patch=patch, crops=CROPS_PER_REGION, seed=1)
        name, tag = _free_name(self.request.title)
        spec = TrainingSpec(
            kind="patches",
            data=write_patches(folder / PATCHES_NAME, patches),
            output=user_models_dir() / f"{name}.{tag}",
            name=name,
            tag=tag,
            title=self.request.title,
            base_model=base.folder,
            classes=classes,
            positive_class=positive,
            pixel_size_mm=manifest.input.pixel_size_mm,
            preprocessing=tuple(dict(step) for step in base.preprocessing),
            kinds=base.accepts.kinds,
            time_limit_s=self.request.seconds,
            group_unit=grouping.unit,
            patients=grouping.patients,
        )
        spec.write(folder / SPEC_NAME)
        return spec

    def _regions(
        self, findings: Sequence[Finding], grouping: Grouping, manifest: ModelManifest, progress: Progress
    ) -> list[LabelledRegion]:
        """Prepare each frame once and find the regions on it."""
        images = {image.attributes.identity: image for image in self.request.images}
        prepared: dict[tuple[str, int], PreparedImage] = {}
        regions = []
        for number, finding in enumerate(findings):
            self._report(progress, 0.1 * number / len(findings), "prepare regions")
            image = images[finding.image_uid]
            key = (finding.image_uid, finding.frame)
            if key not in prepared:
                check_suitable(image.attributes, manifest)
                prepared[key] = prepare(image.frame(finding.frame), image.attributes, manifest, frame=finding.frame)
            box = model_box(finding, image, prepared[key])
            regions.append(
                LabelledRegion(prepared[key].values[0], box, finding.label, grouping.groups[number], finding.id)
            )
        return regions

    def _watch(self, spec: TrainingSpec, folder: Path, progress: Progress) -> None:
        failures: list[TrainingEvent] = []
        finished: list[TrainingEvent] = []

        def on_event(values: dict[str, object]) -> tuple[float, str] | None:
            event = parse_event(values)
            if event is None:
                return None
            self.events.append(event)
            if event.kind == "failed":
                failures.append(event)
            if event.kind == "done":
                finished.append(event)
            self.event.emit(event)
            return 0.1 + 0.9 * event.fraction, event.message

        def report(fraction: float, message: str) -> None:
            self._report(progress, fraction, message)

        tail: deque[str] = deque(maxlen=20)
        code = run_json_lines(
            worker_command(folder / SPEC_NAME), on_event=on_event, progress=report, log=self.log, stderr_tail=tail
        )
        if failures:
            raise TrainingError(str(failures[-1].values.get("reason")), hint=str(failures[-1].values.get("hint", "")))
        if code != 0 or not finished:
            raise TrainingError(
                f"the trainer stopped unexpectedly (exit code {code})",
                hint="your models and regions are as they were; training.log tells more",
            )

    def _report(self, progress: Progress, fraction: float, message: str) -> None:
        if self._cancelled:
            raise Cancelled
        progress(fraction, message)


class TrainingRuns:
    """The retraining of a session; one at a time."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self.current: TrainingRun | None = None

    def start(self, request: TrainingRequest) -> TrainingRun:
        """Return a run that waits for its ``run`` to be called; an earlier one is cancelled."""
        self.close()
        self.current = TrainingRun(request, self._registry)
        return self.current

    def revert(self, identity: str) -> None:
        """Delete a retrained model that the reader does not want to keep.

        Raises
        ------
        TrainingError
            If the model is not one of the user's.
        """
        folder = self._registry.get(identity).folder
        if folder.resolve().parent != user_models_dir().resolve():
            raise TrainingError("only models trained here can be removed")
        shutil.rmtree(folder)
        self._registry.refresh()

    def close(self) -> None:
        """Cancel the run in progress."""
        if self.current is not None:
            self.current.cancel()


def check_retrainable(base: ModelManifest) -> None:
    """Raise :class:`TrainingError` where a model does not look at grey patches, which regions are cut into."""
    if base.tiling is None or channels_after(base.preprocessing) != 1:
        hint = "choose a model of grey patches"
        raise TrainingError(f"model {base.identity} cannot be retrained on regions", hint=hint)


def trainable(findings: Sequence[Finding]) -> list[Finding]:
    """Return the reader's regions of the classes that have enough of them."""
    counts = Counter(finding.label for finding in findings if finding.origin == "reader")
    enough = {label for label, count in counts.items() if count >= FEWEST_REGIONS_PER_CLASS}
    return [finding for finding in findings if finding.origin == "reader" and finding.label in enough]


def classes_of(findings: Sequence[Finding]) -> tuple[tuple[str, ...], str]:
    """Return the classes, the one that means "nothing there" first, and the one the heatmap shows."""
    labels = sorted({finding.label for finding in findings})
    labels.sort(key=lambda label: label.casefold() not in _NORMAL_NAMES)
    positive = next((label for label in labels if label.casefold() not in _NORMAL_NAMES), labels[-1])
    return tuple(labels), positive


def at_size_of(findings: Sequence[Finding], images: Sequence[Image], base: ModelManifest) -> ModelManifest:
    """Return the base manifest at a pixel size at which the regions fill a patch."""
    finest = base.input.pixel_size_mm
    if finest is None:
        return base
    spacings = {image.attributes.identity: image.attributes.pixel_spacing for image in images}
    extents = []
    for finding in findings:
        spacing = spacings.get(finding.image_uid)
        if spacing is not None and finding.roi.kind is not RoiKind.POINT:
            top, left, bottom, right = finding.roi.bounding_box()
            extents.append(max((bottom - top) * spacing.row_mm, (right - left) * spacing.column_mm))
    size = pixel_size_for_regions(extents, patch_px=base.windows.patch[0], finest_mm=finest)
    # Made for smaller pixels than this, the model would be refused for the very images it learnt from.
    known = [max(spacing.row_mm, spacing.column_mm) for spacing in spacings.values() if spacing is not None]
    size = max([size, *(_HAIR * mm / COARSEST for mm in known)])
    return replace(base, input=replace(base.input, pixel_size_mm=size))


def model_box(finding: Finding, image: Image, prepared: PreparedImage) -> Box:
    """Return the bounding box of a region in model pixels."""
    top, left, bottom, right = stored_box(finding, image.attributes)
    first, last = prepared.to_model(top, left), prepared.to_model(bottom, right)
    return first[0], first[1], last[0], last[1]


def _free_name(title: str) -> tuple[str, str]:
    """Return a model name made from a title, and a tag that no model of that name has or had, also a removed one."""
    name = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:40] or "my-model"
    stamp = tag = time.strftime("%Y%m%d-%H%M%S")
    number = 1
    while (user_models_dir() / f"{name}.{tag}").exists():
        number += 1
        tag = f"{stamp}-{number}"
    return name, tag
