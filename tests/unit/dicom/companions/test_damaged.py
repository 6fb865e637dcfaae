"""Damaged companions are read as far as they go or refused with a reason; nothing else is raised."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from helpers import companion_makers as makers
from helpers import dicom_makers
from pydicom.dataset import Dataset

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.dicom.reader import open_paths

CASES = 150


def cad() -> Dataset:
    place = makers.place("111041", "POLYLINE", [2.5, 1.5, 8.5, 1.5, 8.5, 6.5, 2.5, 1.5], makers.link(1, 1, 1))
    return makers.cad_report(["1.2"], makers.cad_finding("129769006", makers.REQUIRED, place, certainty=80))


def state() -> Dataset:
    return makers.presentation_state(
        "1.2", graphics=[makers.graphic("ELLIPSE", 1, 1, 5, 1, 3, 0, 3, 2)], window=(100, 200), area=((1, 1), (9, 9)),
        texts=[makers.text_object("here", box=(1, 1, 2, 2), anchor=(3, 3), visible="Y")], ImageRotation=90,
        ImageHorizontalFlip="Y", ShutterShape="CIRCULAR", CenterOfCircularShutter=[5, 5], RadiusOfCircularShutter=3,
    )  # fmt: skip


def overlaid() -> Dataset:
    pixels = dicom_makers.ramp(9, 11)
    made = makers.add_overlay(dicom_makers.mammogram(pixels), np.ones((3, 13)))
    makers.add_embedded_overlay(made, 13, 0x6002)
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OW"
    return made


@pytest.mark.parametrize(
    "make",
    [cad, state, overlaid, lambda: makers.segmentation("1.2", np.ones((3, 5, 7)))],
    ids=["cad", "state", "overlay", "segmentation"],
)
def test_changed_bytes(tmp_path: Path, make: object) -> None:
    original = makers.save(tmp_path / "whole.dcm", make()).read_bytes()  # type: ignore[operator]
    rng = random.Random(7)
    path = tmp_path / "damaged.dcm"
    told = 0
    for _ in range(CASES):
        data = bytearray(original)
        for _ in range(rng.choice((1, 2, 6))):
            place = rng.randrange(132, len(data))
            data[place : place + rng.randrange(1, 5)] = rng.randbytes(rng.randrange(5))
        path.write_bytes(data)
        result = open_paths([path])
        told += len(result.images) + len(result.companions) + len(result.rejected)
        for companion in (*result.companions, *(item for image in result.images for item in image.companions)):
            for plane in companion.planes[:4]:
                told_why = True
                try:
                    plane.read()
                except MammoViewerError as error:
                    told_why = bool(error.reason)
                assert told_why
    assert told == CASES
