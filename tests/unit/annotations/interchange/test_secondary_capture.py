from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers import exchange
from helpers.exchange import mammogram_file, opened, volume_file

from mammoviewer.annotations.interchange.secondary_capture import displayed_orientation, write_secondary_capture
from mammoviewer.base.errors import ExportError
from mammoviewer.imaging.geometry import Orientation


def test_the_picture_says_that_it_is_burned_in_and_not_for_diagnosis(tmp_path: Path) -> None:
    path = volume_file(tmp_path / "b.dcm")
    facts = opened(path)[0].attributes
    picture = np.random.default_rng(1).integers(0, 256, (31, 41, 3), dtype=np.uint8)
    write_secondary_capture(tmp_path / "sc.dcm", picture, facts, frame=1, orientation=facts.orientation)
    made = pydicom.dcmread(tmp_path / "sc.dcm")
    np.testing.assert_array_equal(made.pixel_array, picture)
    assert (made.Modality, made.BurnedInAnnotation) == ("OT", "YES")
    assert "Not for diagnosis" in made.DerivationDescription
    source = made.SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID == facts.SOPInstanceUID
    assert source.ReferencedFrameNumber == facts.file_frame(1) + 1
    assert exchange.belongs_to(made, pydicom.dcmread(path))


@pytest.mark.parametrize(
    ("orientation", "wanted"),
    [
        (Orientation(), ["P", "FL"]),
        (Orientation(flip_columns=True), ["A", "FL"]),
        (Orientation(flip_rows=True), ["P", "HR"]),
        (Orientation(transpose=True), ["FL", "P"]),
        (Orientation().rotated(1), ["HR", "P"]),
    ],
)
def test_directions_are_those_of_the_picture(tmp_path: Path, orientation: Orientation, wanted: list[str]) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    assert displayed_orientation(facts, orientation) == wanted


def test_other_arrays_are_refused(tmp_path: Path) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    for shape in ((3,), (4, 4, 4)):
        with pytest.raises(ExportError, match="RGB"):
            write_secondary_capture(
                tmp_path / "sc.dcm", np.zeros(shape, np.uint8), facts, frame=0, orientation=Orientation()
            )
