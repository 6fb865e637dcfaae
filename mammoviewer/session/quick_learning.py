"""Learning within a minute: a draft head on the regions just drawn, and the heatmap that follows each of them.

The trunk of the chosen model is left as it is; a regularised linear head is fitted on its embeddings of the regions.
Nothing is published: what is worth keeping is trained properly, see :mod:`mammoviewer.session.training_runs`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from psygnal import Signal

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.finding import Finding
from mammoviewer.base.arrays import BoolArray
from mammoviewer.base.errors import Cancelled, TrainingError
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.dicom.image import Image
from mammoviewer.inference.embedding import WindowEmbeddings, embed_windows, heatmap_of_windows
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.job import Job
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.draft import (
    Draft,
    DraftFigures,
    EmbeddedRegion,
    assess_draft,
    make_draft,
    next_window,
    settled,
    window_scores,
)
from mammoviewer.session.draft_strength import DraftStrength
from mammoviewer.session.embedding_shelf import EmbeddingShelf, stepped_size, way_of
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.region_groups import group_regions, stored_box
from mammoviewer.session.training_runs import (
    at_size_of,
    check_retrainable,
    classes_of,
    trainable,
    what_is_missing,
)
from mammoviewer.training.linear_fit import load_solver

DRAFT_MODE: Final = "draft"
_LEAST_BREAST: Final = 0.75
"""Share of breast in a window that is suggested: the skin line is strange, but tells little."""


@dataclass(frozen=True)
class Suggestion:
    """Where the next region would tell most: image, frame, stored (row, column) and the size of a window there."""

    identity: str
    frame: int
    point: tuple[float, float]
    size_px: tuple[float, float]


@dataclass(frozen=True)
class QuickTask:
    """What is learnt from and looked at, as it was when it was asked for.

    Attributes
    ----------
    findings, images
        The reader's regions, and the images they lie on.
    model
        The model whose trunk is used.
    target, frame
        The image that is looked at.
    """

    findings: tuple[Finding, ...]
    images: tuple[Image, ...]
    model: str
    target: Image
    frame: int


class LoadsModels(Protocol):
    """Who has loaded models; see :class:`mammoviewer.session.heatmap_runs.HeatmapRuns`."""

    def model(self, name: str) -> OnnxModel:
        """Return the loaded model of a name."""


class QuickLearning:
    """Makes drafts in the background; the newest request wins.

    Signals: ``started(Job)``; on a worker's thread ``changed(identity, frame)`` when there is a new draft heatmap,
    ``told(str)`` with how the work stands, ``suggested(Suggestion)``.
    """

    started = Signal(object)
    changed = Signal(str, int)
    told = Signal(str)
    suggested = Signal(Suggestion)

    def __init__(self, runner: ThreadRunner, registry: ModelRegistry, models: LoadsModels) -> None:
        self._runner = runner
        self._registry = registry
        self._models = models
        self._shelf = EmbeddingShelf()
        self._lock = threading.Lock()
        self._heatmaps: dict[tuple[str, int], Heatmap] = {}
        self._draft: tuple[object, Draft, DraftFigures | None] | None = None
        self._strength = DraftStrength()
        self._suggestion: Suggestion | None = None
        self.job: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self.job is not None and not self.job.state.final

    @property
    def figures(self) -> DraftFigures | None:
        """Return how good the present draft is, once that is known."""
        return self._draft[2] if self._draft is not None else None

    def heatmap(self, identity: str, frame: int) -> Heatmap | None:
        """Return the draft heatmap of a frame; only of the present draft."""
        return self._heatmaps.get((identity, frame))

    def suggestion(self, identity: str, frame: int) -> Suggestion | None:
        """Return the place suggested on a frame, if the last suggestion is on it."""
        found = self._suggestion
        return found if found is not None and (found.identity, found.frame) == (identity, frame) else None

    def learn(self, task: QuickTask) -> Job:
        """Embed regions and windows, fit a head and make the heatmap of the image that is looked at.

        With too few regions the embeddings are made ready, and it is told what is missing.
        """
        self._drop_labelled(task)
        return self._start("Draft from regions", lambda progress: self._learn(task, progress))

    def suggest(self, task: QuickTask) -> Job:
        """Look for the place on the image whose label would tell most."""
        return self._start("Suggest a region", lambda progress: self._suggest(task, progress))

    def cancel(self) -> None:
        """Stop what is under way; what was found so far stays for the next time."""
        if self.job is not None:
            self.job.cancel()

    def forget(self, identity: str) -> None:
        """Drop what was found on an image whose pixels have changed."""
        self._shelf.forget(identity)
        with self._lock:
            self._draft = None
            self._heatmaps = {}
            self._suggestion = None

    def _start(self, name: str, work: Callable[[Progress], None]) -> Job:
        self.job = self._runner.submit(name, work, key="draft", priority=1, on_done=self._tell)
        self.started.emit(self.job)
        return self.job

    def _tell(self, job: Job) -> None:
        notice = notice_of(job)
        if notice is not None:
            self.told.emit(f"{notice.text}. {notice.hint}".strip())
        elif isinstance(job.error, Cancelled) and job is self.job:
            self.told.emit("Stopped.")

    def _learn(self, task: QuickTask, progress: Progress) -> None:
        model, manifest = self._looking(task)
        progress(0.0, "looking at regions")
        draft = self._fitted(task, model, manifest, subprogress(progress, 0.0, 0.3))
        windows = self._shelf.windows(task.target, task.frame, model, manifest)
        self._show(task, draft, windows, model)
        embed_windows(
            windows,
            model,
            on_part=lambda: self._show(task, draft, windows, model),
            progress=subprogress(progress, 0.3, 1.0),
        )
        self._show(task, draft, windows, model)
        if draft is None:
            load_solver()
            self.told.emit(what_is_missing(task.findings))
            return
        better = self._settle(draft, way_of(model, manifest), progress)
        if better is not draft:
            self._show(task, better, windows, model)
        self._assess(task, better, progress)

    def _settle(self, draft: Draft, way: object, progress: Progress) -> Draft:
        """Return the draft with the best regularisation, after its first heatmap: that takes several fits."""
        if self._strength.holds(draft, way):
            return draft
        better = settled(draft, lambda: progress(1.0, "choosing the regularisation"))
        self._strength.keep(better, way)
        with self._lock:
            if better is not draft and self._draft is not None and self._draft[1] is draft:
                self._draft, self._heatmaps = (self._draft[0], better, None), {}
        return better

    def _assess(self, task: QuickTask, draft: Draft, progress: Progress) -> None:
        """Tell how good the draft is, after its heatmap: that takes many fits."""
        there = self._draft
        figures = there[2] if there is not None and there[1] is draft else None
        if figures is None:
            self.told.emit(f"Draft from {len(draft.data.labels)} regions. Judging it…")
            own = self._registry.get(task.model).parent is not None
            figures = assess_draft(draft, from_own_model=own, hold=lambda: progress(1.0, "judging"))
            with self._lock:
                if self._draft is not None and self._draft[1] is draft:
                    self._draft = (self._draft[0], draft, figures)
        self.told.emit(f"Draft from {len(draft.data.labels)} regions. {figures.text}")

    def _suggest(self, task: QuickTask, progress: Progress) -> None:
        model, manifest = self._looking(task)
        draft = self._fitted(task, model, manifest, subprogress(progress, 0.0, 0.3))
        regions = list(self._embedded(task, model, manifest, no_progress).values())
        if not regions:
            raise TrainingError("there is nothing to go by", hint="draw a region first")
        windows = self._shelf.windows(task.target, task.frame, model, manifest)
        embed_windows(windows, model, progress=subprogress(progress, 0.3, 1.0))
        labelled = np.stack([region.features[0] for region in regions])
        best = next_window(windows, labelled, draft, _not_worth(task, windows))
        if best is None:
            self.told.emit("Every place of this image lies in a region already.")
            return
        row, column = windows.centres(best[np.newaxis])[0].tolist()
        scale, patch = windows.prepared.scale, windows.grid.patch
        size = (patch[0] * scale[0], patch[1] * scale[1])
        self._suggestion = Suggestion(task.target.attributes.identity, task.frame, (row, column), size)
        self.told.emit("Draw a region at the dotted mark, or say that it is normal.")
        self.suggested.emit(self._suggestion)

    def _looking(self, task: QuickTask) -> tuple[OnnxModel, ModelManifest]:
        """Return the model, and its manifest at the pixel size at which regions and windows are looked at."""
        base = self._registry.get(task.model)
        check_retrainable(base)
        sized = at_size_of(task.findings, task.images, base)
        return self._models.model(task.model), stepped_size(sized, base.input.pixel_size_mm)

    def _fitted(self, task: QuickTask, model: OnnxModel, manifest: ModelManifest, progress: Progress) -> Draft | None:
        """Return the head for the regions there are, fitted anew only where they or the model's file have changed."""
        embedded = self._embedded(task, model, manifest, progress)
        if what_is_missing(task.findings):
            self._take(None)
            return None
        findings = trainable(task.findings)
        key = (manifest.identity, *way_of(model, manifest), _regions_key(findings))
        if self._draft is not None and self._draft[0] == key:
            return self._draft[1]
        classes, positive = classes_of(findings)
        grouping = group_regions(findings, {image.attributes.identity: image.attributes for image in task.images})
        progress(1.0, "fitting")
        draft = make_draft(
            [embedded[one.id] for one in findings],
            grouping.groups,
            classes,
            positive,
            unit=grouping.unit,
            patients=grouping.patients,
            strength=self._strength.value,
        )
        self._take((key, draft, None))
        return draft

    def _embedded(
        self, task: QuickTask, model: OnnxModel, manifest: ModelManifest, progress: Progress
    ) -> Mapping[str, EmbeddedRegion]:
        """Return the embeddings of the regions by their ids, made frame by frame: a frame is prepared once."""
        images = {image.attributes.identity: image for image in task.images}
        found = {}
        for number, one in enumerate(sorted(task.findings, key=lambda one: (one.image_uid, one.frame))):
            progress(number / len(task.findings), "looking at regions")
            found[one.id] = self._shelf.region(one, images[one.image_uid], model, manifest)
        return found

    def _take(self, draft: tuple[object, Draft, DraftFigures | None] | None) -> None:
        """Keep a draft; heatmaps of the one before are dropped, which is told where no other will take their place."""
        with self._lock:
            dropped = [] if draft is not None else list(self._heatmaps)
            self._draft = draft
            self._heatmaps = {}
        for identity, frame in dropped:
            self.changed.emit(identity, frame)

    def _show(self, task: QuickTask, draft: Draft | None, windows: WindowEmbeddings, model: OnnxModel) -> None:
        if draft is None or not windows.known.any():
            return
        identity = task.target.attributes.identity
        name = f"Draft on {task.model}"
        heatmap = heatmap_of_windows(
            windows, model, window_scores(draft, windows), name=name, class_name=draft.positive, mode=DRAFT_MODE
        )
        with self._lock:
            if self._draft is None or self._draft[1] is not draft:
                return
            self._heatmaps[identity, task.frame] = heatmap
        self.changed.emit(identity, task.frame)

    def _drop_labelled(self, task: QuickTask) -> None:
        """Take the suggestion away once a region was drawn there."""
        found = self._suggestion
        if found is None:
            return
        images = {image.attributes.identity: image for image in task.images}
        for one in task.findings:
            if (one.image_uid, one.frame) == (found.identity, found.frame):
                top, left, bottom, right = stored_box(one, images[one.image_uid].attributes)
                reach = [side / 2 for side in found.size_px]
                row, column = found.point
                if top - reach[0] <= row <= bottom + reach[0] and left - reach[1] <= column <= right + reach[1]:
                    self._suggestion = None


def regions_of(annotations: AnnotationSet, images: tuple[Image, ...]) -> tuple[Finding, ...]:
    """Return the reader's regions on open images."""
    there = {image.attributes.identity for image in images}
    return tuple(
        finding
        for finding in annotations.findings
        if finding.image_uid in there and not finding.is_measure and finding.origin == "reader"
    )


def _regions_key(findings: list[Finding]) -> tuple[object, ...]:
    return tuple((one.id, one.image_uid, one.frame, one.label, one.roi) for one in findings)


def _not_worth(task: QuickTask, windows: WindowEmbeddings) -> BoolArray:
    """Return the windows not to suggest: with their centre in a region or beside it, or too little breast in sight."""
    taken = windows.grid.breast_fractions(windows.prepared.mask) < _LEAST_BREAST
    indices = np.argwhere(windows.wanted)
    centres = windows.centres(indices)
    scale, patch = windows.prepared.scale, windows.grid.patch
    slack = np.array([patch[axis] * scale[axis] / 4 for axis in (0, 1)])
    for one in task.findings:
        if (one.image_uid, one.frame) == (task.target.attributes.identity, task.frame):
            box = np.array(stored_box(one, task.target.attributes))
            inside = ((centres >= box[:2] - slack) & (centres <= box[2:] + slack)).all(axis=1)
            taken[tuple(indices[inside].T)] = True
    return taken
