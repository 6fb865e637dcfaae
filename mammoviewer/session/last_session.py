"""What was open and how it was looked at, kept in a file so that a crash or a power cut loses none of it.

The file lies beside the settings while the program runs and goes away when the window is closed. It holds places,
UIDs and view settings; never pixels or names. A file that cannot be used is passed over with a line in the log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from mammoviewer.annotations.density import examination_of
from mammoviewer.annotations.rows import DENSITY
from mammoviewer.annotations.undo_log import replayed
from mammoviewer.base.errors import AnnotationError, ArgumentError, SettingsError
from mammoviewer.base.paths import user_dir, write_text_atomically
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.imaging.filter_chain import format_filter, parse_filter
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.slab import SlabMode
from mammoviewer.imaging.voi import Voi, VoiFunction, Window
from mammoviewer.session.edit_stack import LIMIT
from mammoviewer.session.opened import Opened, PictureView
from mammoviewer.session.viewer_state import FIT, LARGEST_SLAB_MM, ViewerState
from mammoviewer.session.workspace import Workspace

SCHEMA_VERSION = 1
ATTEMPTS = 2
"""A session that was taken up so often without the program getting through is not taken up again."""
LARGEST_ZOOM = 64.0

_UNFIT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, ArgumentError)
"""What a document raises that ``write_session`` did not write."""

_LOGGER = logging.getLogger(__name__)
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class KeptView:
    """The view of one image, as plain values.

    ``window`` is (centre, width, function, explanation); ``lut`` is the place of a VOI LUT among those of the frame.
    Both are None while the image has no window of its own yet.
    """

    frame: int = 0
    window: tuple[float, float, str, str] | None = None
    lut: int | None = None
    inverted: bool = False
    orientation: tuple[bool, bool, bool] = (False, False, False)
    zoom: float = FIT
    centre: tuple[float, float] = (0.0, 0.0)
    filters: tuple[str, ...] = ()
    slab_mm: float = 0.0
    slab_mode: str = SlabMode.MEAN.value
    linked: bool = False


@dataclass(frozen=True)
class LastSession:
    """What was opened, which image of which stage was active, with which model, and every view by image identity.

    ``edits`` marks the changes to findings that were made in it and in those that it went on with, the oldest first,
    see :class:`annotations.change_log.Change`.
    """

    opened: tuple[Opened, ...] = ()
    stage: int = 0
    active: str = ""
    model: str = ""
    views: Mapping[str, KeptView] = field(default_factory=dict)
    edits: tuple[str, ...] = ()
    attempts: int = 0
    linked_cursor: bool = False


def last_session_path() -> Path:
    """Return the file in which the session is kept."""
    return user_dir() / "last-session.json"


def capture(workspace: Workspace) -> LastSession:
    """Return what is open now; quick, no file is touched."""
    states = [workspace.state(image.attributes.identity) for image in workspace.images]
    return LastSession(
        opened=workspace.opened,
        stage=workspace.stage_index,
        active=workspace.desk.active_identity,
        model=workspace.desk.model,
        views={state.image.attributes.identity: _kept(state) for state in states},
        edits=(*workspace.store.earlier, workspace.store.session),
        linked_cursor=workspace.desk.linked_cursor,
    )


def apply(workspace: Workspace, session: LastSession) -> None:
    """Bring open images back to the views, the stage and the model of a session; what is not open is left out."""
    states = {image.attributes.identity: workspace.state(image.attributes.identity) for image in workspace.images}
    for identity, view in session.views.items():
        if identity in states:
            _restore(states[identity], view)
    # Linked before, they would follow one another while each comes back to its own view.
    for identity, state in states.items():
        state.linked = identity in session.views and session.views[identity].linked
    workspace.desk.linked_cursor = session.linked_cursor
    workspace.history.clear()
    if session.edits:
        restore_undo(workspace, session.edits)
    if any(model.identity == session.model for model in workspace.registry.models):
        workspace.desk.model = session.model
    if session.active not in states:
        return
    study = next(s for s in workspace.studies if any(i.attributes.identity == session.active for i in s.images))
    if study is not workspace.study:
        workspace.choose_study(study)
    if session.stage < len(workspace.stages) and session.active in workspace.stages[session.stage].cells:
        workspace.show_stage(session.stage)
    else:
        workspace.show_single(session.active)
    workspace.desk.active_identity = session.active


def restore_undo(workspace: Workspace, edits: tuple[str, ...]) -> None:
    """Let what was changed in earlier sessions be undone, and what was undone made again; go on with their log.

    What is not open is left out, and what others have changed since: undo leaves it alone, as it does while they work.
    """
    store = workspace.store
    open_images = {image.attributes.identity for image in workspace.images}
    examinations = {examination_of(image.attributes) for image in workspace.images}

    def is_open(kind: str, uid: str) -> bool:
        return uid in (examinations if kind == DENSITY else open_images)

    try:
        stacks = replayed(store.logged(*edits), LIMIT, is_open, store.logged_by_others(*edits))
    except AnnotationError:
        _LOGGER.warning("the changes of the last session cannot be read")
        return
    store.earlier = edits
    workspace.edits.restore(stacks)


def write_session(path: Path, session: LastSession) -> None:
    """Write a session, so that a crash leaves the file before or this one.

    Raises
    ------
    SettingsError
        If the file cannot be written.
    """
    document = {"schema_version": SCHEMA_VERSION, **asdict(replace(session, opened=()))}
    document["opened"] = [{**asdict(entry), "paths": [str(path) for path in entry.paths]} for entry in session.opened]
    try:
        write_text_atomically(path, json.dumps(document))
    except (OSError, UnicodeEncodeError) as error:
        hint = "check that the folder can be written and the disk is not full"
        raise SettingsError("what is open cannot be kept for the next start", hint=hint, path=path) from error


def read_session(path: Path) -> LastSession | None:
    """Return the session of a file; None when there is none or it cannot be used."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _session(document)
    except FileNotFoundError:
        return None
    except (OSError, *_UNFIT) as error:
        _LOGGER.warning("the last session cannot be used: %s", type(error).__name__)
        return None


def take_up(path: Path, edits: str = "") -> LastSession | None:
    """Return the session to go on with, and note the attempt; None when there is none to go on with.

    The note keeps a file on which the program fails from stopping it at every start.

    Parameters
    ----------
    path
        The file.
    edits
        Marks the changes that are made from now on: should the program be stopped before it is through, they count.

    Raises
    ------
    SettingsError
        If the attempt cannot be noted.
    """
    session = read_session(path)
    if session is None or not session.opened:
        return None
    if session.attempts >= ATTEMPTS:
        _LOGGER.warning("the last session was tried %d times and is left alone", session.attempts)
        return None
    marks = (*session.edits, edits) if edits else session.edits
    write_session(path, replace(session, edits=marks, attempts=session.attempts + 1))
    return session


def _kept(state: ViewerState) -> KeptView:
    window, lut = None, None
    if isinstance(state.voi, Window):
        if not state.window_pending:
            window = (state.voi.center, state.voi.width, state.voi.function.value, state.voi.explanation)
    else:
        offered = state.image.attributes.vois_for_frame(state.frame)
        lut = next((place for place, voi in enumerate(offered) if voi is state.voi), None)
    turned = state.orientation
    return KeptView(
        frame=state.frame,
        window=window,
        lut=lut,
        inverted=state.inverted,
        orientation=(turned.transpose, turned.flip_rows, turned.flip_columns),
        zoom=state.zoom,
        centre=state.centre,
        filters=tuple(format_filter(step) for step in state.filters),
        slab_mm=state.slab_mm,
        slab_mode=state.slab_mode.value,
        linked=state.linked,
    )


def _restore(state: ViewerState, view: KeptView) -> None:
    attributes = state.image.attributes
    state.frame = min(view.frame, attributes.frames - 1)
    voi = _voi(view, attributes, state.frame)
    if voi is not None:
        state.window_pending = False
        state.voi = voi
    state.inverted = view.inverted
    state.orientation = Orientation(*view.orientation)
    # Far off the image there is nothing to be seen.
    row, column = (min(max(at, -size), 2.0 * size) for at, size in zip(view.centre, attributes.shape, strict=True))
    state.centre = (row, column)
    state.zoom = view.zoom
    state.filters = tuple(parse_filter(text) for text in view.filters)
    state.slab_mode, state.slab_mm = SlabMode(view.slab_mode), view.slab_mm


def _voi(view: KeptView, attributes: ImageAttributes, frame: int) -> Voi | None:
    offered = attributes.vois_for_frame(frame)
    if view.lut is not None:
        return offered[view.lut] if view.lut < len(offered) else None
    if view.window is None:
        return None
    center, width, function, explanation = view.window
    return Window(center, width, VoiFunction(function), explanation)


def _session(document: Any) -> LastSession:
    """Return the session of a JSON document.

    Raises
    ------
    one of _UNFIT
        If the document is not what ``write_session`` writes.
    """
    if document["schema_version"] != SCHEMA_VERSION:
        raise ValueError("the schema is another one")
    return LastSession(
        opened=tuple(_opened(entry) for entry in document["opened"]),
        stage=_whole(document["stage"]),
        active=_text(document["active"]),
        model=_text(document["model"]),
        views={_text(identity): _view(values) for identity, values in document["views"].items()},
        edits=_edits(document.get("edits", ())),
        attempts=_whole(document["attempts"]),
        linked_cursor=_flag(document.get("linked_cursor", False)),
    )


def _edits(marks: Any) -> tuple[str, ...]:
    # An earlier version wrote one session, or "" for none.
    return tuple(_text(mark) for mark in ([marks] if isinstance(marks, str) else marks) if mark != "")


def _opened(entry: Any) -> Opened:
    spacing = entry["pixel_spacing_mm"]
    paths = tuple(Path(_text(text)) for text in entry["paths"])
    # A session that an earlier version wrote has no other options.
    charset, duke = entry.get("charset"), entry.get("duke_convention", False)
    pictures = tuple(
        PictureView(_text(p["path"]), _text(p["view"]), None if p["mirrored"] is None else _flag(p["mirrored"]))
        for p in entry.get("pictures", ())
    )
    return Opened(
        paths,
        None if spacing is None else _between(float(spacing), 1e-6, 1e3),
        None if charset is None else _text(charset),
        _flag(duke),
        pictures,
    )


def _view(values: Any) -> KeptView:
    window, lut = values["window"], values["lut"]
    if window is not None:
        center, width, function, explanation = window
        made = Window(float(center), float(width), VoiFunction(function), _text(explanation))
        window = (made.center, made.width, made.function.value, made.explanation)
    transpose, flip_rows, flip_columns = (_flag(value) for value in values["orientation"])
    row, column = (_between(float(value), -1e9, 1e9) for value in values["centre"])
    filters = tuple(format_filter(parse_filter(_text(text))) for text in values["filters"])
    return KeptView(
        frame=_whole(values["frame"]),
        window=window,
        lut=None if lut is None else _whole(lut),
        inverted=_flag(values["inverted"]),
        orientation=(transpose, flip_rows, flip_columns),
        zoom=_between(float(values["zoom"]), FIT, LARGEST_ZOOM),
        centre=(row, column),
        filters=filters,
        slab_mm=_between(float(values.get("slab_mm", 0.0)), 0.0, LARGEST_SLAB_MM),
        slab_mode=SlabMode(values.get("slab_mode", SlabMode.MEAN.value)).value,
        linked=_flag(values.get("linked", False)),
    )


def _checked(kind: type[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}")
        return value

    return check


_text: Callable[[Any], str] = _checked(str)
_flag: Callable[[Any], bool] = _checked(bool)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("expected a whole number")
    return _between(value, 0, 1_000_000)


def _between(value: _Number, low: float, high: float) -> _Number:
    # A NaN is between nothing.
    if not low <= value <= high:
        raise ValueError("a number is out of its range")
    return value
