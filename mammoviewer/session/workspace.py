"""The open work: studies, the view of each image, findings with their edits, model runs, training, notices.

One workspace serves a window, a notebook or the command line. It starts background work and never waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from psygnal import Signal

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import Edit
from mammoviewer.annotations.journal import Journal
from mammoviewer.annotations.recovery import open_store
from mammoviewer.base.notices import Notice
from mammoviewer.base.paths import bundled_models_dir, library_path, user_models_dir
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.companions.records import Companion
from mammoviewer.dicom.duplicates import arrivals
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.dicom.study import Study, group_studies
from mammoviewer.imaging.preparation_plugins import allow_plugins
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.job import Job
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.air import AirMasks
from mammoviewer.session.augmentation_samples import AugmentationSamples
from mammoviewer.session.blind import FirstReads
from mammoviewer.session.companions import CompanionShelf
from mammoviewer.session.edit_stack import EditStack
from mammoviewer.session.first_view import first_view, renewed_view
from mammoviewer.session.hanging import Stage
from mammoviewer.session.heatmap_runs import HeatmapRuns
from mammoviewer.session.hung import Hung
from mammoviewer.session.image_facts import side_is_stated
from mammoviewer.session.landmarks import Nipples
from mammoviewer.session.library_watch import LibraryWatch
from mammoviewer.session.measuring import Measures
from mammoviewer.session.opened import Opened, PictureView
from mammoviewer.session.opening import open_again, open_entry
from mammoviewer.session.opening_notices import opening_notices
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.painting import Painting
from mammoviewer.session.patient_recorder import WRITE_PATIENCE_S, PatientRecorder
from mammoviewer.session.pictures import PictureSource
from mammoviewer.session.priors import current_of
from mammoviewer.session.quick_learning import QuickLearning
from mammoviewer.session.recipe_queue import RecipeQueue
from mammoviewer.session.screens import Screens
from mammoviewer.session.settings import Settings, kept_results
from mammoviewer.session.side_check import can_be_checked, check_side
from mammoviewer.session.sidecars import Sidecars
from mammoviewer.session.training_runs import TrainingRuns
from mammoviewer.session.view_history import ViewHistory
from mammoviewer.session.view_links import ViewLinks
from mammoviewer.session.viewer_state import ViewerState, desk_of, style_of


class Workspace:
    """All state of a session.

    Signals: ``studies_changed()``, ``stage_changed()``, ``facts_changed()`` when more is known of an open image,
    ``notice(Notice)``. Those that follow from background work are emitted on a worker's thread.

    Parameters
    ----------
    settings
        The user's settings.
    library
        The SQLite file of annotations; the user's library when None.
    """

    studies_changed = Signal()
    stage_changed = Signal()
    facts_changed = Signal()
    notice = Signal(Notice)

    def __init__(self, settings: Settings, *, library: Path | None = None) -> None:
        self.settings = settings
        self.desk, self.style = desk_of(settings.window), style_of(settings.window)
        self.screens = Screens(settings.screens)
        self.registry = ModelRegistry([bundled_models_dir(), user_models_dir()])
        self.cache = FrameCache(settings.performance.cache_bytes)
        self.decoding = ThreadRunner(2, "decode")
        self.computing = ThreadRunner(1, "compute")
        self.explaining = ThreadRunner(1, "explain")
        self.pictures = PictureSource(self.decoding, self.cache)
        self.nipples = Nipples(self.decoding)
        self.air = AirMasks(self.decoding)
        self.measures = Measures(self, self.decoding)
        self.shelf = CompanionShelf(self.decoding)
        allow_plugins(settings.models.plugins)
        threads, int8, kept = settings.performance.threads, settings.models.int8, kept_results(settings)
        self.heatmaps = HeatmapRuns(
            self.computing, self.explaining, self.registry, threads=threads, int8=int8, cache=kept
        )
        self.annotations = AnnotationSet()
        self.edits = EditStack(self.annotations)
        self.store, self.library_notice = open_store(library or library_path(), write_patience_s=WRITE_PATIENCE_S)
        self.store.reader = settings.reader
        self.journal = Journal(self.store.path, self.store.session)
        self.recorder = PatientRecorder(self.store, self.journal)
        self.annotations.record_with(self.recorder.record)
        self.painting = Painting(self)
        self.watch = LibraryWatch(self)
        self.sidecars = Sidecars(self)
        self.reads = FirstReads()
        self.training = TrainingRuns(self.registry)
        self.quick = QuickLearning(self.explaining, self.registry, self.heatmaps)
        self.recipes = RecipeQueue()
        self.samples = AugmentationSamples()
        self.studies: tuple[Study, ...] = ()
        self.opened: tuple[Opened, ...] = ()
        self.hung = Hung(settings.window.protocol)
        self._states: dict[str, ViewerState] = {}
        self.links = ViewLinks(self)
        self.history = ViewHistory(self.state, lambda: self.stage.cells if self.stage is not None else ())
        self.adding = threading.RLock()
        for source in (self.heatmaps, self.recorder, self.shelf):
            source.notice.connect(self.notice.emit)
        self.pictures.failed.connect(lambda identity, frame, notice: self.notice.emit(notice))

    @property
    def images(self) -> tuple[Image, ...]:
        """Return every open image, study by study."""
        return tuple(image for study in self.studies for image in study.images)

    @property
    def study(self) -> Study | None:
        """Return the study that is hung, None when nothing is open."""
        return self.hung.study

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages of the study."""
        return self.hung.stages

    @property
    def stage_index(self) -> int:
        """Return which stage is hung."""
        return self.hung.stage_index

    @property
    def stage(self) -> Stage | None:
        """Return the stage that is hung, None when nothing is open."""
        return self.stages[self.stage_index] if self.stages else None

    @property
    def active(self) -> ViewerState | None:
        """Return the state of the image the reader works on."""
        return self._states.get(self.desk.active_identity)

    def state(self, identity: str) -> ViewerState:
        """Return the view of an open image, by its identity."""
        return self._states[identity]

    def companions(self, identity: str) -> tuple[Companion, ...]:
        """Return what other objects, and the header's overlays and shutters, say about an open image."""
        return self.shelf.of(self._states[identity].image)

    def is_open(self, identity: str) -> bool:
        """Return whether an image is open, by its identity."""
        return identity in self._states

    def open(
        self,
        paths: Sequence[Path],
        *,
        pixel_spacing_mm: float | None = None,
        charset: str | None = None,
        duke_convention: bool = False,
        pictures: tuple[PictureView, ...] = (),
    ) -> Job:
        """Read headers in the background, then add what can be shown and tell what cannot."""
        whole = tuple(path.absolute() for path in paths)
        entry = Opened(whole, pixel_spacing_mm, charset, duke_convention, pictures)
        return self._in_background(lambda progress: open_entry(self, entry, progress))

    def reopen(self, opened: Sequence[Opened]) -> Job:
        """Open again what was open in another session, one after the other; the result is how many images there are."""
        return self._in_background(lambda progress: open_again(self, opened, progress))

    def _in_background(self, work: Callable[[Progress], object]) -> Job:
        return self.decoding.submit("Open", work, priority=4, on_done=self.tell)

    def add(self, result: OpenResult) -> None:
        """Take opened images in, hang the first new study, and say what was left out."""
        # Several openings may end at once, each on a worker's thread.
        with self.adding:
            wanted = [image.attributes.identity for image in result.images]
            came = arrivals(self.images, result.images)
            fresh = came.new
            for image in fresh:
                self._keep(first_view(image))
            self._renew(came.renewed)
            self.shelf.add(result.companions)
            for notice in opening_notices(result, (*self.images, *fresh)):
                self.notice.emit(notice)
            if not result.images:
                return
            self.pictures.forget_failures([image.attributes.identity for image in self.images])
            self.store.show_in(self.annotations, [image.attributes for image in fresh])
            before = self.images
            self.studies = group_studies((*before, *fresh))
            self._hang_new(fresh[0].attributes.identity if fresh else wanted[0], set(before))
            for image in (*fresh, *(newer for _, newer in came.renewed)):
                if can_be_checked(image) and not side_is_stated(self, image):
                    check_side(self, image)

    def _hang_new(self, identity: str, before: set[Image]) -> None:
        """Hang the study of an image that came, or the newer one it is a prior of; an open study where the image is."""
        came = next(s for s in self.studies if any(image.attributes.identity == identity for image in s.images))
        study = current_of(came, self.studies)
        self.choose_study(study)
        if study is came and not before.isdisjoint(study.images):
            self.show_stage(next(n for n, stage in enumerate(self.stages) if identity in stage.cells))

    def _keep(self, state: ViewerState) -> None:
        self._states[state.image.attributes.identity] = state
        self.history.follow(state)

    def _renew(self, pairs: Sequence[tuple[Image, Image]]) -> None:
        """Put images in the place of those whose file has changed since it was opened, in the view they were in."""
        if not pairs:
            return
        for before, image in pairs:
            identity = image.attributes.identity
            self._keep(renewed_view(self._states[identity], image))
            self.heatmaps.forget(identity)
            self.quick.forget(identity)
            self.pictures.forget(identity)
            before.close()
        newer = dict(pairs)
        self.studies = group_studies([newer.get(image, image) for image in self.images])

    def choose_study(self, study: Study) -> None:
        """Hang a study from its first stage, with the newest prior that is open."""
        self.hung.take(study, self.studies)
        self._turn_to_stage()
        self.studies_changed.emit()
        self.stage_changed.emit()

    def hang_again(self) -> None:
        """Hang the study anew, because its prior or the protocol has changed; stay where the reader is if possible."""
        if self.study is not None:
            self.hung.hang_again(self.desk.active_identity)
            self._turn_to_stage()
            self.studies_changed.emit()
            self.stage_changed.emit()

    def show_stage(self, index: int) -> None:
        """Hang another stage of the protocol; the index wraps around."""
        if self.stages:
            self.hung.stage_index = index % len(self.stages)
            self._turn_to_stage()
            self.stage_changed.emit()

    def put_into_cell(self, cell: int, identity: str) -> None:
        """Show an open image in a cell of the stage that is hung, as the reader wishes for the moment."""
        self.hung.put(cell, identity)
        self.desk.active_identity = identity
        self._turn_to_stage()
        self.stage_changed.emit()

    def show_single(self, identity: str) -> None:
        """Hang one image alone; the protocol's stages stay where they are and come back with ``show_stage``."""
        self.show_stage(self.hung.alone(self._states[identity].image))

    def edit(self, edit: Edit) -> None:
        """Change the annotations in a way that can be undone; stored before this returns, or as soon as it can be."""
        self.edits.push(edit)

    def close(self) -> None:
        """Stop background work and close files; call once."""
        self.watch.close()
        self.painting.close()
        self.training.close()
        self.samples.close()
        self.computing.shutdown()
        self.explaining.shutdown()
        self.decoding.shutdown()
        self.recorder.close()
        self.sidecars.close()
        self.store.close()
        self.journal.close()
        for image in self.images:
            image.close()

    def _turn_to_stage(self) -> None:
        """Make an image of the stage the active one, and try again what could not be shown of it."""
        stage = self.stage
        if stage is None:
            return
        self.pictures.forget_failures(stage.cells)
        self.pictures.look_only_at(stage.cells)
        # An empty cell has the empty identity, so "in" alone would take "none active" for a hung image.
        if not self.desk.active_identity or self.desk.active_identity not in stage.cells:
            self.desk.active_identity = next(cell for cell in stage.cells if cell)

    def tell(self, job: Job) -> None:
        """Tell why a job failed, if it did."""
        notice = notice_of(job)
        if notice is not None:
            self.notice.emit(notice)
