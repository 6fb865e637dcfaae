"""What the window asks of the classifiers: run, explain, walk from mark to mark, accept a mark."""

from __future__ import annotations

from collections.abc import Sequence

from mammoviewer.base.errors import ModelRefused
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.canvas.model_output import HIDDEN, cam_choice
from mammoviewer.gui.navigation import show_place
from mammoviewer.inference.detections import Detection
from mammoviewer.jobs.job import Job
from mammoviewer.session.accepting import accept_edit, accepted
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.heatmap_runs import RunRequest
from mammoviewer.session.marks import marks_of, partner
from mammoviewer.session.viewer_state import Overlay, ViewerState
from mammoviewer.session.workspace import Workspace


def frames_from(frame: int, count: int) -> tuple[int, ...]:
    """Return all frames, the present one first and then outwards from it."""
    return tuple(sorted(range(count), key=lambda other: (abs(other - frame), other)))


def run_model(workspace: Workspace, *, all_slices: bool = False, frames: Sequence[int] = ()) -> Job | None:
    """Run the chosen model on the active image and show its heatmap; a notice says why when it cannot.

    On the present slice of a volume, on all of them, or on the ``frames`` named.
    """
    state = _ready(workspace)
    if state is None:
        return None
    outwards = frames_from(state.frame, state.frames)
    wanted = frames if frames else range(state.frames) if all_slices else (state.frame,)
    return _start(workspace, state, tuple(frame for frame in outwards if frame in wanted))


def force_model(workspace: Workspace, identity: str) -> Job | None:
    """Run the chosen model on an image that it does not fit, on the reader's word; a badge says so as long as it shows.

    ``identity`` is that of the image; nothing happens when it was closed.
    """
    if identity not in {image.attributes.identity for image in workspace.images}:
        return None
    state = workspace.state(identity)
    if ai_hidden(workspace, state.image):
        workspace.notice.emit(HIDDEN)
        return None
    return _start(workspace, state, (state.frame,), force=True)


def _start(workspace: Workspace, state: ViewerState, frames: tuple[int, ...], *, force: bool = False) -> Job:
    """Start a run and show what comes of it; a model that does not fit the image is a badge on it."""
    identity, model = state.image.attributes.identity, workspace.desk.model
    forced = force or workspace.heatmaps.was_forced(identity, model)
    state.overlay, state.model_refused, state.model_forced = Overlay.HEATMAP, False, forced
    job = workspace.heatmaps.start(RunRequest(state.image, frames, model, override=forced, mode=workspace.desk.mode))

    def settle(ended: Job) -> None:
        if isinstance(ended.error, ModelRefused):
            state.overlay, state.model_refused, state.model_forced = Overlay.NONE, True, False

    job.finished.connect(settle)
    # It may have been over before anybody listened.
    settle(job)
    return job


def show_heatmap(workspace: Workspace) -> Job | None:
    """Show the chosen model's heatmap on the active image; return the run that makes it where it is not there yet."""
    state = _ready(workspace)
    if state is None:
        return None
    state.overlay = Overlay.HEATMAP
    return _complete_heatmap(workspace, state)


def show_from_marks(workspace: Workspace) -> None:
    """Show scores from where the chosen model begins to mark: below that most of a breast would be tinted."""
    models = {model.identity: model for model in workspace.registry.models}
    model = models.get(workspace.desk.model)
    if model is not None:
        workspace.style.threshold = round(model.outputs.marks_from, 2)


def follow_model(workspace: Workspace) -> list[Job]:
    """Let the heatmaps on screen be those of the model that is now chosen."""
    stage = workspace.stage
    if stage is None or not workspace.desk.model:
        return []
    states = [workspace.state(identity) for identity in stage.cells if identity]
    jobs = [_complete_heatmap(workspace, state) for state in states if state.overlay is Overlay.HEATMAP]
    return [job for job in jobs if job is not None]


def _complete_heatmap(workspace: Workspace, state: ViewerState) -> Job | None:
    """Start a run on the slice in view unless its heatmap is there or under way."""
    identity, model, runs = state.image.attributes.identity, workspace.desk.model, workspace.heatmaps
    found = runs.heatmap(identity, state.frame, model)
    state.model_forced = runs.was_forced(identity, model)
    if (found is not None and found.complete) or runs.is_coming(identity, state.frame, model):
        return None
    return _start(workspace, state, (state.frame,))


def run_model_on_study(workspace: Workspace) -> list[Job]:
    """Run the chosen model on every flat image of the hung stage, and on the present slice of its volumes."""
    stage = workspace.stage
    if stage is None or _ready(workspace) is None:
        return []
    states = [workspace.state(identity) for identity in stage.cells if identity]
    return [_start(workspace, state, (state.frame,)) for state in states]


def explain_image(workspace: Workspace) -> Job | None:
    """Explain the whole present slice and show it."""
    state = _ready(workspace)
    if state is None:
        return None
    state.overlay = Overlay.CAM
    return workspace.heatmaps.explain_image(state.image, state.frame, workspace.desk.model, cam_choice(workspace))


def _ready(workspace: Workspace) -> ViewerState | None:
    state = workspace.active
    if state is None:
        workspace.notice.emit(Notice(Severity.INFO, "No image is open", "open one, or the demo exam, first"))
        return None
    if not workspace.desk.model:
        workspace.notice.emit(Notice(Severity.INFO, "No model is chosen", "put a model into the models folder"))
        return None
    if ai_hidden(workspace, state.image):
        workspace.notice.emit(HIDDEN)
        return None
    return state


def marks(workspace: Workspace) -> tuple[Detection, ...]:
    """Return the marks of the chosen model on all slices of the active image, the strongest first."""
    state = workspace.active
    return marks_of(workspace, state.image) if state is not None else ()


def show_mark(workspace: Workspace, mark: Detection) -> None:
    """Go to a mark of the active image and show the heatmap it comes from.

    The other projection, where the mark is matched there, shows its heatmap in the slice of the other mark.
    """
    state = workspace.active
    if state is None:
        return
    identity = state.image.attributes.identity
    workspace.desk.mark = mark
    show_place(workspace, identity, mark.frame, (mark.row, mark.column))
    if state.overlay is Overlay.NONE:
        state.overlay = Overlay.HEATMAP
    pair = partner(workspace, state.image, mark)
    other = pair.other(identity, mark) if pair is not None else None
    if other is not None:
        beside = workspace.state(other[0])
        beside.frame = other[1].frame
        if beside.overlay is Overlay.NONE:
            beside.overlay = Overlay.HEATMAP


def accept_mark(workspace: Workspace, mark: Detection) -> None:
    """Make a mark of the active image a selected finding of the reader; see :func:`accept_edit`.

    One that was accepted before is selected again.
    """
    state = workspace.active
    if state is None:
        return
    finding = accepted(workspace, state.image, mark)
    if finding is None:
        edit, finding = accept_edit(workspace, state.image, mark)
        workspace.edit(edit)
    workspace.desk.show_findings = True
    workspace.desk.selected_finding = finding.id


class MarkWalk:
    """Walks over the marks of the active image, the strongest first, around the end."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @property
    def current(self) -> Detection | None:
        """Return the mark gone to last, if it is still one of the active image's."""
        mark = self._workspace.desk.mark
        return mark if mark in marks(self._workspace) else None

    def go(self, step: int) -> Detection | None:
        """Go ``step`` marks on; None when there are none."""
        found = marks(self._workspace)
        if not found:
            return None
        current = self.current
        start = found.index(current) if current is not None else (-1 if step > 0 else 0)
        mark = found[(start + step) % len(found)]
        show_mark(self._workspace, mark)
        return mark


def clear_kept_results(workspace: Workspace) -> None:
    """Remove what models found from the disk and say how much it was; what is on screen stays."""
    cache = workspace.heatmaps.cache
    if cache is not None:
        size = cache.size_bytes / (1 << 20)
        cache.clear()
        workspace.notice.emit(Notice(Severity.INFO, f"Kept results of models were removed: {size:.1f} MiB"))
