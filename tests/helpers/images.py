"""Images in memory: attributes and arrays without a file behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.voi import Window


class ArrayFrames:
    """A frame source over an array (frames, rows, columns); frames listed in ``bad`` cannot be decoded."""

    def __init__(self, frames: StoredArray, bad: tuple[int, ...] = ()) -> None:
        self.frames = frames
        self.bad = bad
        self.reads: list[int] = []

    def read(self, index: int) -> tuple[StoredArray, str]:
        self.reads.append(index)
        if index in self.bad:
            raise DecodeError("frame is damaged")
        return self.frames[index].copy(), "array"


def make_image(
    label: str = "RCC",
    *,
    kind: ImageKind = ImageKind.MAMMOGRAM,
    pixels: StoredArray | None = None,
    uid: str = "",
    bad: tuple[int, ...] = (),
    cache: FrameCache | None = None,
    **changes: Any,
) -> Image:
    """Return an image of one view; ``changes`` replace attributes."""
    if pixels is None:
        pixels = breast_like()
    stack = pixels if pixels.ndim == 3 else pixels[None]
    facts: dict[str, Any] = {
        "path": Path(f"{label or 'image'}.dcm"),
        "kind": kind,
        "rows": stack.shape[1],
        "columns": stack.shape[2],
        "frames": stack.shape[0],
        "SOPInstanceUID": uid or f"1.2.3.{abs(hash((label, str(kind)))) % 10**9}",
        "StudyInstanceUID": "1.2.3",
        "BitsStored": 12,
        "view": View(label[:1], label[1:]) if label else View(),
        "pixel_spacing": PixelSpacing(0.1, 0.1, "mm at detector"),
        "vois": (Window(2000.0, 3000.0, explanation="NORMAL"),),
        "PresentationIntentType": "FOR PRESENTATION",
    }
    facts.update(changes)
    attributes = ImageAttributes(**facts)
    return Image(attributes, ArrayFrames(stack, bad), cache or FrameCache(), lambda: [])


def breast_like(rows: int = 160, columns: int = 120, frames: int | None = None, seed: int = 0) -> StoredArray:
    """Return a bright half ellipse with texture on black air, 12 bits, chest wall at the right."""
    generator = np.random.default_rng(seed)
    row, column = np.mgrid[0:rows, 0:columns]
    inside = ((row - rows / 2) / (0.45 * rows)) ** 2 + ((columns - 1 - column) / (0.8 * columns)) ** 2 < 1
    shape = (rows, columns) if frames is None else (frames, rows, columns)
    texture = generator.normal(2000, 150, shape)
    return np.where(inside, np.clip(texture, 500, 4000), 0).astype(np.uint16)
