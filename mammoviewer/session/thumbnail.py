"""The small picture of an image, as it is first hung."""

from __future__ import annotations

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.resample import extract
from mammoviewer.imaging.voi import apply_lut, auto_window
from mammoviewer.session.pictures import plain_picture

SIDE = 168
"""Longest side of a thumbnail in pixels; it is shown smaller, so that it is sharp at twice the scale."""


def thumbnail(image: Image, side: int = SIDE) -> ByteArray:
    """Return the middle frame as it is first hung, small; greys 0 to 255, shape (rows, columns)."""
    attributes = image.attributes
    middle = attributes.frames // 2
    stored = image.frame(middle)
    rows, columns = stored.shape
    factor = side / max(rows, columns)
    size = (max(1, round(rows * factor)), max(1, round(columns * factor)))
    small = extract(stored, (0.0, float(rows)), (0.0, float(columns)), size, interpolation="linear")
    offered = attributes.vois_for_frame(middle)
    rescale = attributes.rescale_for_frame(middle)
    voi = offered[0] if offered else auto_window(small, padding=attributes.padding, rescale=rescale)
    picture = plain_picture(attributes, small, frame=middle)
    grey = apply_lut(small, picture.lookup(voi, inverse=attributes.inverse), picture.first)
    return np.ascontiguousarray(attributes.orientation.apply(grey), dtype=np.uint8)


def as_png(grey: ByteArray) -> bytes:
    """Return an 8-bit picture as the bytes of a PNG file."""
    _, encoded = cv2.imencode(".png", grey)
    return encoded.tobytes()
