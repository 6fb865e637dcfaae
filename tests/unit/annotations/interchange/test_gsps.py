from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers import exchange
from helpers.exchange import (
    MEASURES,
    REGIONS,
    WORDS,
    assert_same_places,
    mammogram_file,
    opened,
    spread,
    volume_file,
)

from mammoviewer.annotations.interchange.gsps import Shown, write_gsps
from mammoviewer.annotations.interchange.gsps_import import read_gsps
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.base.errors import ExportError, InputError
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import VoiFunction, VoiLut, Window

EIGHT = [Orientation(t, r, c) for t in (False, True) for r in (False, True) for c in (False, True)]
DRAWN = (*REGIONS, *MEASURES[:2], WORDS[0].moved(2, 1), WORDS[1])


@pytest.mark.parametrize("orientation", EIGHT, ids=str)
def test_marks_come_back_however_the_picture_is_turned(tmp_path: Path, orientation: Orientation) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    findings = spread(facts, REGIONS, reader="Ann") + spread(facts, DRAWN[len(REGIONS) :], note="see here")
    losses = write_gsps(tmp_path / "pr.dcm", findings, facts, Shown(Window(2000, 3000), orientation))
    assert sum(losses.values()) == 2  # the notes of the measures
    found = read_gsps(tmp_path / "pr.dcm", [facts])
    assert found.losses == {}
    back = sorted(found.findings, key=lambda f: place_of(f, findings))
    assert [f.roi.kind for f in back] == [f.roi.kind for f in findings]
    assert_same_places(tuple(back), findings)
    assert [f.label for f in back[: len(REGIONS)]] == [f.label for f in findings[: len(REGIONS)]]
    assert [f.note for f in back[-2:]] == ["see here"] * 2
    shown = read_companion(tmp_path / "pr.dcm").presentation(facts.SOPInstanceUID, 0)
    assert shown.orientation == orientation


def place_of(found, findings):
    """Return which of the findings is the one at the place."""
    distances = [
        np.abs(np.subtract(f.roi.bounding_box(), found.roi.bounding_box())).sum() + 100 * (f.roi.kind != found.roi.kind)
        for f in findings
    ]
    return int(np.argmin(distances))


def test_marks_lie_on_their_frames_in_the_order_of_the_file(tmp_path: Path) -> None:
    facts = opened(volume_file(tmp_path / "b.dcm"))[0].attributes
    findings = spread(facts, REGIONS)
    write_gsps(tmp_path / "pr.dcm", findings, facts, Shown(Window(500, 800)))
    found = read_gsps(tmp_path / "pr.dcm", [facts]).findings
    assert [f.frame for f in found] == [f.frame for f in findings]
    assert_same_places(found, findings)
    numbers = [
        annotation.ReferencedImageSequence[0].ReferencedFrameNumber
        for annotation in pydicom.dcmread(tmp_path / "pr.dcm").GraphicAnnotationSequence
    ]
    assert numbers == [facts.file_frame(f.frame) + 1 for f in findings]


@pytest.mark.parametrize(
    "voi",
    [
        Window(1000.5, 20, VoiFunction.SIGMOID),
        Window(7, 1.5, VoiFunction.LINEAR_EXACT),
        VoiLut(np.arange(0, 4096, 16, dtype=np.uint16), 3, 12, "HARDER"),
    ],
    ids=["sigmoid", "exact", "lut"],
)
def test_the_window_goes_along(tmp_path: Path, voi) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    write_gsps(tmp_path / "pr.dcm", spread(facts, REGIONS), facts, Shown(voi, inverted=True))
    companion = read_companion(tmp_path / "pr.dcm")
    found = companion.presentation(facts.SOPInstanceUID, 0).voi
    assert companion.inverse is True
    if isinstance(voi, VoiLut):
        np.testing.assert_array_equal(found.data, voi.data)
        assert (found.first_mapped, found.bits) == (voi.first_mapped, voi.bits)
    else:
        assert (found.center, found.width, found.function) == (voi.center, voi.width, voi.function)


def test_what_stands_at_a_measure_can_be_given(tmp_path: Path) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    findings = spread(facts, MEASURES[:1])
    write_gsps(tmp_path / "pr.dcm", findings, facts, Shown(), {findings[0].id: "5.0 mm"})
    marks = read_companion(tmp_path / "pr.dcm").marks
    assert "5.0 mm" in [mark.text for mark in marks]
    (found,) = read_gsps(tmp_path / "pr.dcm", [facts]).findings
    assert (found.roi.kind, found.label, found.note) == (RoiKind.DISTANCE, "", "")


def test_nothing_to_draw_is_told(tmp_path: Path) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    with pytest.raises(ExportError, match="nothing"):
        write_gsps(tmp_path / "pr.dcm", [], facts, Shown())
    write_gsps(tmp_path / "pr.dcm", spread(facts, REGIONS), facts, Shown())
    assert exchange.belongs_to(pydicom.dcmread(tmp_path / "pr.dcm"), pydicom.dcmread(tmp_path / "a.dcm"))
    assert read_gsps(tmp_path / "pr.dcm", []).losses == {"graphics on images or frames that are not open": len(REGIONS)}
    with pytest.raises(InputError, match="nothing is drawn"):
        read_gsps(tmp_path / "a.dcm", [facts])
