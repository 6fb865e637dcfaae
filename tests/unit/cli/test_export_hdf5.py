"""Patches in HDF5 hold exactly the stored pixels of their regions, however the image is hung and its frames lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.exchange import mammogram_file, opened, volume_file

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.cli.main import run
from mammoviewer.datasets.patch_file import read_patch_file

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

SIDE = 12
REGIONS = (
    (Roi(RoiKind.RECTANGLE, ((10.5, 20.5), (20.5, 30.5))), "Mass", (10, 20)),
    (Roi(RoiKind.ELLIPSE, ((30.0, 40.0), (39.0, 49.0))), "Calcifications", (29, 39)),
    (Roi(RoiKind.POINT, ((2.0, 61.0),)), "", (-4, 56)),
    (Roi(RoiKind.FREEHAND, ((40.0, 1.0), (46.0, 1.0), (46.0, 8.0))), "Mass", (38, -1)),
)
"""Regions of images of 48 rows and 64 columns, and the first pixel of a patch of 12 about them, counted by hand: half a
pixel goes to the even one."""


def exported(path: Path, tmp_path: Path):
    """Export a finding for each region, on one frame after the other; return them, the stored frames and the file."""
    (image,) = opened(path)
    facts = image.attributes
    findings = [
        new_finding(facts.identity, number % facts.frames, roi, label) for number, (roi, label, _) in enumerate(REGIONS)
    ]
    measure = new_finding(facts.identity, 0, Roi(RoiKind.DISTANCE, ((1.0, 1.0), (9.0, 9.0))), "")
    write_json(tmp_path / "mine.json", [*findings, measure])
    mine, out = tmp_path / "mine.json", tmp_path / "out"
    options = ("--format", "hdf5", "--annotations", mine, "--patch-size", SIDE, "--out", out)
    assert run([str(part) for part in ("export", path, *options)], show=pytest.fail) == 0
    (written,) = out.iterdir()
    stored = pydicom.dcmread(path).pixel_array.reshape(facts.frames, facts.rows, facts.columns)
    order = facts.frame_order or tuple(range(facts.frames))
    return findings, [order[finding.frame] for finding in findings], stored, written


def cut_by_hand(frame: np.ndarray, first: tuple[int, int]) -> np.ndarray:
    padded = np.pad(frame, SIDE, mode="edge")
    row, column = first[0] + SIDE, first[1] + SIDE
    return padded[row : row + SIDE, column : column + SIDE]


@pytest.mark.parametrize("orientation", [["P", "F"], ["A", "F"], ["P", "H"], ["A", "H"], ["F", "P"]])
def test_patches_of_a_mammogram_are_its_stored_pixels_whichever_way_it_is_hung(orientation, tmp_path):
    path = mammogram_file(tmp_path / "a.dcm", PatientOrientation=orientation)
    check(*exported(path, tmp_path))


@pytest.mark.parametrize("shuffled", [False, True])
def test_patches_of_a_volume_are_of_the_frame_that_the_finding_is_on(shuffled, tmp_path):
    path = volume_file(tmp_path / "b.dcm", shuffled=shuffled)
    findings, frames, stored, written = exported(path, tmp_path)
    assert len(set(frames)) == len(REGIONS)
    assert (frames != [finding.frame for finding in findings]) == shuffled
    check(findings, frames, stored, written)


def check(findings, frames, stored, written) -> None:
    patches = read_patch_file(written)
    at = {name: number for number, name in enumerate(patches.names)}
    assert set(at) == {finding.id for finding in findings}
    assert len(patches) == len(findings), "the measure is no label"
    with h5py.File(written) as file:
        places = file["places"][()]
    for finding, frame, (_, label, first) in zip(findings, frames, REGIONS, strict=True):
        number = at[finding.id]
        np.testing.assert_array_equal(patches.images[number], cut_by_hand(stored[frame], first))
        assert patches.classes[patches.labels[number]] == (label or "unlabelled")
        assert tuple(places[number]) == (frame, *first)
    assert len(set(patches.groups)) == 1, "one patient"
    assert not set(patches.groups) & {"Doe^Jane", "P1"}
