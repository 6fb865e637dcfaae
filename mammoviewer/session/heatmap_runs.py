"""Classifier runs over the open images: heatmaps, peaks and explanations, made in the background and kept."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from psygnal import Signal

from mammoviewer.base.errors import ModelRefused
from mammoviewer.base.notices import Notice
from mammoviewer.base.progress import Progress, subprogress
from mammoviewer.dicom.image import Image
from mammoviewer.inference.cam import Cam, cam_for_image, cam_for_patch
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import Mode, predict_image, prepare_frame
from mammoviewer.inference.preprocess import PreparedImage, refusals
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.jobs.job import Job
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.loaded_models import LoadedModels
from mammoviewer.session.mark_groups import MarkGroups
from mammoviewer.session.outcome import notice_of

_Key = tuple[str, int, str]
_T = TypeVar("_T")
_MakesCam = Callable[[PreparedImage, OnnxModel, Progress], Cam | Heatmap]


@dataclass(frozen=True)
class RunRequest:
    """One run: an image, its frames in the order in which they are wanted, and a model by name.

    A model that does not have the ``mode`` runs in its own.
    """

    image: Image
    frames: tuple[int, ...]
    model: str
    override: bool = False
    mode: Mode = "patches"


@dataclass(frozen=True)
class CamChoice:
    """How scores are explained: a method, empty for the model's own, and whether only above the mean plus one sd."""

    method: str = ""
    above_noise: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """Return it as the functions that explain take it."""
        return {"method": self.method or None, "quiet": self.above_noise}


class _Run:
    """A run that has been started: which frames still wait, and the job that works them off."""

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self.job: Job | None = None
        self._lock = threading.Lock()
        self._waiting = deque(request.frames)

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.job is None or self.job.state.final or self.job.cancel_requested

    def take(self, request: RunRequest) -> bool:
        """Bring the frames of a request forward; return False where this run does not do what it asks for."""
        mine = self.request
        fits = replace(request, frames=()) == replace(mine, frames=())
        if self.over or not fits or not set(request.frames) <= set(mine.frames):
            return False
        with self._lock:
            first = [frame for frame in request.frames if frame in self._waiting]
            self._waiting = deque([*first, *(frame for frame in self._waiting if frame not in first)])
        return True

    def frames(self) -> Iterator[int]:
        """Yield the frames as they are wanted."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                frame = self._waiting.popleft()
            yield frame


class HeatmapRuns:
    """Starts runs and keeps what they found, by image, frame and model.

    Runs and explanations have runners of their own, so that a patch is explained while a volume is being looked at.

    Signals (emitted on a worker's thread): ``changed(identity, frame)`` when there is a new or more complete heatmap,
    CAM or list of detections; ``notice(Notice)`` when something should be said.
    """

    changed = Signal(str, int)
    notice = Signal(Notice)

    def __init__(
        self,
        runner: ThreadRunner,
        explaining: ThreadRunner,
        registry: ModelRegistry,
        *,
        threads: int = 0,
        int8: bool = False,
        cache: ResultCache | None = None,
    ) -> None:
        self.cache = cache
        self._runner = runner
        self._explaining = explaining
        self.models = LoadedModels(registry, threads=threads, int8=int8)
        self._heatmaps: dict[_Key, Heatmap] = {}
        self._detections: dict[_Key, tuple[Detection, ...]] = {}
        self._scores: dict[_Key, tuple[str, Mapping[str, float]]] = {}
        self._cams: dict[_Key, Cam | Heatmap] = {}
        self._groups = MarkGroups()
        self._started: dict[str, _Run] = {}
        self._forgotten: Counter[str] = Counter()
        self._forced: set[tuple[str, str]] = set()
        self._keeping = threading.Lock()

    def model(self, name: str) -> OnnxModel:
        """Return the loaded model, as :meth:`mammoviewer.session.loaded_models.LoadedModels.get`."""
        return self.models.get(name)

    def heatmap(self, identity: str, frame: int, model: str) -> Heatmap | None:
        """Return the heatmap there is now; it may be partial."""
        return self._heatmaps.get((identity, frame, model))

    def detections(self, identity: str, frame: int, model: str) -> tuple[Detection, ...]:
        """Return the peaks of a finished heatmap."""
        return self._detections.get((identity, frame, model), ())

    def marks(self, image: Image, model: str) -> tuple[Detection, ...]:
        """Return the places of an image that its finished heatmaps point at, the highest first.

        In a volume a place is told once, in the slice where its score is highest and with the slices it is seen in.
        """
        identity, frames = image.attributes.identity, image.attributes.frames
        if frames == 1:
            return self.detections(identity, 0, model)
        found = [self.detections(identity, frame, model) for frame in range(frames)]
        return self._groups.of((identity, model), found)

    def scores(self, identity: str, frame: int, model: str) -> Mapping[str, float]:
        """Return the score of each class that a finished run found on a frame, empty before."""
        return self._scores.get((identity, frame, model), ("", {}))[1]

    def cam(self, identity: str, frame: int, model: str) -> Cam | Heatmap | None:
        """Return the explanation asked for last on this frame."""
        return self._cams.get((identity, frame, model))

    def slice_scores(self, image: Image, model: str) -> tuple[float | None, ...]:
        """Return per frame the score of the positive class, of a partial heatmap the largest; None without either."""
        keys = [(image.attributes.identity, frame, model) for frame in range(image.attributes.frames)]
        return tuple(_score(self._heatmaps.get(key), *self._scores.get(key, ("", {}))) for key in keys)

    def start(self, request: RunRequest) -> Job:
        """Run a model over the frames of an image.

        Where a run that is under way will come to these frames, they are brought forward in it; else a newer run on
        the same image replaces this one.
        """
        identity = request.image.attributes.identity
        going = self._started.get(identity)
        if going is not None and going.job is not None and going.take(request):
            return going.job
        run = self._started[identity] = _Run(request)
        age = self._age(identity, request.model)

        def work(progress: Progress) -> None:
            model = self.model(request.model)
            if request.override and refusals(request.image.attributes, model.manifest):
                self._forced.add((identity, request.model))
            for number, frame in enumerate(run.frames()):
                part = subprogress(progress, number / len(request.frames), (number + 1) / len(request.frames))
                self._run_frame(request, model, frame, age, part)

        name = f"Heatmap {request.image.attributes.view.label}".strip()

        def ended(job: Job) -> None:
            self._tell(job, identity)
            for frame in request.frames:
                self.changed.emit(identity, frame)

        run.job = self._runner.submit(name, work, key=("heatmap", identity), priority=1, on_done=ended)
        return run.job

    def was_forced(self, identity: str, model: str) -> bool:
        """Return whether a model was run on an image that it was not made for."""
        return (identity, model) in self._forced

    def is_coming(self, identity: str, frame: int, model: str) -> bool:
        """Return whether a run that is not over will bring (the rest of) this heatmap."""
        run = self._started.get(identity)
        return run is not None and not run.over and run.request.model == model and frame in run.request.frames

    def finished_model(self, identity: str) -> str:
        """Return the model that was last run on an image, empty while it runs and where none was."""
        run = self._started.get(identity)
        return run.request.model if run is not None and run.over else ""

    def stop(self, model: str) -> None:
        """Cancel the runs of a model; call before it is removed."""
        for run in list(self._started.values()):
            if run.request.model == model and run.job is not None:
                run.job.cancel()

    def _age(self, identity: str, model: str) -> tuple[int, int]:
        return self._forgotten[identity], self._forgotten[model]

    def _keep(self, found: dict[_Key, _T], key: _Key, value: _T, age: tuple[int, int]) -> None:
        """Keep what was found, unless the image or the model was forgotten since the work on it began."""
        with self._keeping:
            if self._age(key[0], key[2]) == age:
                found[key] = value

    def _run_frame(
        self, request: RunRequest, model: OnnxModel, frame: int, age: tuple[int, int], progress: Progress
    ) -> None:
        identity = request.image.attributes.identity
        key = (identity, frame, request.model)

        def partial(heatmap: Heatmap) -> None:
            self._keep(self._heatmaps, key, heatmap, age)
            self.changed.emit(identity, frame)

        before = self._heatmaps.get(key)
        prediction = predict_image(
            request.image,
            frame,
            model,
            mode=_mode(request, model),
            known=before if before is not None and not before.complete else None,
            cache=self.cache,
            on_partial=partial,
            progress=progress,
            override=request.override,
        )
        if prediction.heatmap is not None:
            self._keep(self._heatmaps, key, prediction.heatmap, age)
        self._keep(self._detections, key, prediction.detections, age)
        self._keep(self._scores, key, (model.manifest.outputs.positive_class, prediction.scores), age)
        self.changed.emit(identity, frame)

    def explain_patch(
        self, image: Image, frame: int, model: str, point: tuple[float, float], how: CamChoice | None = None
    ) -> Job:
        """Explain the patch centred on a stored (row, column) of the breast; the newest request wins."""
        way = (how or CamChoice()).options

        def make(prepared: PreparedImage, loaded: OnnxModel, _progress: Progress) -> Cam:
            if not prepared.on_breast(*point):
                # A score of air means nothing, and a map of it looks as if it did.
                raise ModelRefused("that is not breast", hint="point at the breast to have a patch explained")
            return cam_for_patch(prepared, loaded, *point, **way)

        return self._explain("Explain a patch", image, (frame, model), make, priority=3)

    def explain_image(self, image: Image, frame: int, model: str, how: CamChoice | None = None) -> Job:
        """Explain the whole image, from the heatmap that is there or is made for it."""
        way = (how or CamChoice()).options
        known = self.heatmap(image.attributes.identity, frame, model)

        def make(prepared: PreparedImage, loaded: OnnxModel, progress: Progress) -> Heatmap:
            there = known if known is not None and known.complete else None
            return cam_for_image(prepared, loaded, there, progress=progress, **way)

        return self._explain("Explain the image", image, (frame, model), make, priority=2)

    def _explain(self, name: str, image: Image, on: tuple[int, str], make: _MakesCam, *, priority: int) -> Job:
        (frame, model), identity = on, image.attributes.identity
        age = self._age(identity, model)

        def work(progress: Progress) -> None:
            loaded = self.model(model)
            loaded.check_file()
            progress(0.1, "prepare")
            forced = self.was_forced(identity, model)
            part = subprogress(progress, 0.1, 0.1)
            prepared = prepare_frame(image, frame, loaded.manifest, override=forced, progress=part)
            self._keep(self._cams, (identity, frame, model), make(prepared, loaded, progress), age)
            self.changed.emit(identity, frame)

        return self._explaining.submit(name, work, key="cam", priority=priority, on_done=self._tell)

    def forget(self, identity: str) -> None:
        """Drop what was found on an image, whose pixels have changed, and stop what is under way on it."""
        run = self._started.pop(identity, None)
        if run is not None and run.job is not None:
            run.job.cancel()
        self._drop(identity, lambda key: key[0] == identity)

    def forget_model(self, model: str) -> None:
        """Drop a model that was removed, and all that it found."""
        self.models.forget(model)
        self._drop(model, lambda key: key[2] == model)

    def _drop(self, name: str, unwanted: Callable[[_Key], bool]) -> None:
        found: dict[_Key, Any]
        with self._keeping:
            self._forgotten[name] += 1
            for found in (self._heatmaps, self._detections, self._scores, self._cams):
                for key in [key for key in found if unwanted(key)]:
                    del found[key]
            self._forced = {key for key in self._forced if not unwanted((key[0], 0, key[1]))}

    def _tell(self, job: Job, identity: str = "") -> None:
        """Emit the notice of a job that failed; ``identity`` is the image that a refused model could be forced on."""
        notice = _notice(job, identity)
        if notice is not None:
            self.notice.emit(notice)


def _notice(job: Job, identity: str) -> Notice | None:
    notice = notice_of(job)
    if notice is not None and identity and isinstance(job.error, ModelRefused) and job.error.overridable:
        # The window offers a button where the command line has an option.
        return replace(notice, refused_image=identity, hint="" if "--force" in notice.hint else notice.hint)
    return notice


def _mode(request: RunRequest, model: OnnxModel) -> Mode:
    """Return the mode asked for, or that of the model where it does not have it."""
    tiling = model.manifest.tiling
    fits = tiling is not None and (request.mode != "dense" or not tiling.lacks_dense)
    return request.mode if fits else "patches"


def _score(heatmap: Heatmap | None, positive: str, scores: Mapping[str, float]) -> float | None:
    return heatmap.maximum if heatmap is not None else scores.get(positive)
