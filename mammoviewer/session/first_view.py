"""The view in which an image is first shown, and the window that is made where its file brings none."""

from __future__ import annotations

from dataclasses import fields

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.voi import auto_window, whole_window
from mammoviewer.session.viewer_state import ViewerState


def first_view(image: Image) -> ViewerState:
    """Return the state in which an image is first shown: hung, in its file's window, at the middle slice."""
    attributes = image.attributes
    middle = attributes.frames // 2
    offered = attributes.vois_for_frame(middle)
    first, count = attributes.value_range
    fallback = whole_window(first, count, attributes.rescale_for_frame(middle))
    return ViewerState(
        image=image,
        frame=middle,
        voi=offered[0] if offered else fallback,
        orientation=attributes.orientation,
        window_pending=lacks_window(image, middle),
    )


def renewed_view(state: ViewerState, image: Image) -> ViewerState:
    """Return the view of an image in the state in which another reading of the same file was looked at."""
    frame = min(state.frame, image.attributes.frames - 1)
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    of_the_other = {"playing": False, "side_doubted": False, "model_refused": False, "model_forced": False}
    return ViewerState(**{**values, **of_the_other, "image": image, "frame": frame})


def lacks_window(image: Image, frame: int) -> bool:
    """Return whether a frame brings no window of its own and its pixels are no ready-made 8-bit picture."""
    attributes = image.attributes
    ready_made = attributes.kind is ImageKind.RASTER and attributes.BitsStored == 8
    return not attributes.vois_for_frame(frame) and not ready_made


def set_auto_window(state: ViewerState) -> None:
    """Window an image by the grey values of its present frame, if that frame is decoded."""
    stored = state.image.cached_frame(state.frame)
    if stored is not None:
        attributes = state.image.attributes
        # The window first: who listens can tell one that was waited for from one that the reader asked for.
        rescale = attributes.rescale_for_frame(state.frame)
        state.voi = auto_window(stored, padding=attributes.padding, rescale=rescale)
        state.window_pending = False
