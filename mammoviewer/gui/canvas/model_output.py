"""What a model says about the frame on screen, as far as the reader wants to see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mammoviewer.base.errors import ModelError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.inference.cam import Cam
from mammoviewer.inference.cam_methods import GRADIENT_METHODS, METHODS, TITLES
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest_schema import DETECTION, WHOLE_IMAGE
from mammoviewer.inference.model_records import ModelManifest
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.heatmap_runs import CamChoice
from mammoviewer.session.marks import MarkLink, mark_links, marks_of
from mammoviewer.session.model_scores import LARGEST, largest_over_slices
from mammoviewer.session.viewer_state import Overlay, ViewerState
from mammoviewer.session.workspace import Workspace

SHARE: Final = "share of the strongest"
"""What the values of an explanation are."""
HIDDEN = Notice(Severity.INFO, "AI is hidden: you are reading blind", "sign the first read (Ctrl+J) to see it")


@dataclass(frozen=True)
class ModelOutput:
    """The map over the picture, its marks and where they are matched, and the patch that it explains, if of one."""

    scores: Heatmap | None = None
    detections: tuple[Detection, ...] = ()
    cam: Cam | None = None
    coming: bool = False
    links: Mapping[Detection, MarkLink] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return model, class and kind of map, one line each; empty without a map."""
        if self.scores is None:
            return ""
        if self.cam is not None:
            way = TITLES.get(self.cam.method, self.cam.method)
            return f"{self.scores.model}\n{self.cam.class_name} {self.cam.score:.2f}\n{way}, one patch\n{SHARE}"
        kind = _kind(self.scores)
        state = "" if self.scores.complete else ", coming in" if self.coming else ", stopped"
        unit = f"\n{SHARE}" if self.scores.mode.startswith("cam:") else ""
        return f"{self.scores.model}\n{self.scores.class_name}\n{kind}{state}{unit}"


def _kind(heatmap: Heatmap) -> str:
    """Return what the values of a map are."""
    if heatmap.mode.startswith(("cam:", LARGEST)):
        method = heatmap.mode.removeprefix("cam:")
        return TITLES.get(method, method)
    return f"score, {heatmap.share:.0%} of the windows" if heatmap.mode == "coarse" else "score"


def shown_output(workspace: Workspace, state: ViewerState, frame: int) -> ModelOutput:
    """Return what is there for a frame of the view, in the overlay that is switched on."""
    if ai_hidden(workspace, state.image):
        return ModelOutput()
    identity, model = state.image.attributes.identity, workspace.desk.model
    runs = workspace.heatmaps
    if state.overlay is Overlay.HEATMAP and workspace.desk.largest_over_slices and state.frames > 1:
        coming = any(runs.is_coming(identity, other, model) for other in range(state.frames))
        return ModelOutput(largest_over_slices(runs, state.image, frame, model), coming=coming)
    if state.overlay is Overlay.HEATMAP:
        found = runs.heatmap(identity, frame, model)
        marks = marks_of(workspace, state.image)
        here = tuple(mark for mark in marks if mark.first_frame <= frame <= mark.last_frame)
        links = mark_links(workspace, state.image) if here else {}
        return ModelOutput(found, here, coming=runs.is_coming(identity, frame, model), links=links)
    if state.overlay is Overlay.DRAFT:
        return ModelOutput(workspace.quick.heatmap(identity, frame), coming=workspace.quick.busy)
    if state.overlay is Overlay.CAM:
        cam = runs.cam(identity, frame, model)
        return ModelOutput(cam.overlay, cam=cam) if isinstance(cam, Cam) else ModelOutput(cam)
    return ModelOutput()


def missing_output(workspace: Workspace, state: ViewerState) -> str:
    """Return why the overlay that is switched on has nothing to show."""
    if ai_hidden(workspace, state.image):
        return "AI is hidden until the first read is signed"
    if state.overlay is Overlay.DRAFT:
        return "no draft of this frame yet"
    if not workspace.desk.model:
        return "no model is chosen"
    if state.overlay is Overlay.HEATMAP and _gives_scores_alone(workspace):
        return "this model gives scores and no map"
    return "no map of this frame yet"


def _gives_scores_alone(workspace: Workspace) -> bool:
    try:
        return workspace.registry.get(workspace.desk.model).task == WHOLE_IMAGE
    except ModelError:
        return False


def cam_choice(workspace: Workspace) -> CamChoice:
    """Return how the reader wants scores explained; a method that the chosen model cannot have is left to the model."""
    desk = workspace.desk
    try:
        manifest = workspace.registry.get(desk.model)
    except ModelError:
        return CamChoice()
    fits = desk.cam_method in fitting_methods(manifest)
    return CamChoice(desk.cam_method if fits else "", desk.cam_above_noise)


def fitting_methods(manifest: ModelManifest) -> tuple[str, ...]:
    """Return the methods that a model's files allow; none for one that gives boxes."""
    if manifest.task == DETECTION:
        return ()
    return METHODS if manifest.cam.head_grad else tuple(m for m in METHODS if m not in GRADIENT_METHODS)


def ask_for_cam(workspace: Workspace, state: ViewerState, frame: int, point: tuple[float, float]) -> None:
    """Ask for the CAM of the patch at a stored (row, column) and show it, or say that no model is chosen.

    Where there is none to be had the overlay from before comes back.
    """
    model = workspace.desk.model
    if ai_hidden(workspace, state.image):
        workspace.notice.emit(HIDDEN)
        return
    if not model:
        workspace.notice.emit(Notice(Severity.INFO, "No model is chosen", "choose one in the bar on top"))
        return
    before, state.overlay = state.overlay, Overlay.CAM

    def settle(job: Job) -> None:
        if job.state is JobState.FAILED and state.overlay is Overlay.CAM:
            state.overlay = before

    job = workspace.heatmaps.explain_patch(state.image, frame, model, point, cam_choice(workspace))
    job.finished.connect(settle)
    # It may have been over before anybody listened.
    settle(job)
