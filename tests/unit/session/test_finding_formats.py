"""The forms of findings as the window writes them: one image, its findings, a name."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.exchange import MEASURES, REGIONS, mammogram_file, opened, spread, volume_file

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.session.exporting import FORMATS, ExportContent, export, why_not
from mammoviewer.session.finding_formats import FINDING_FORMATS, Batch, Scope, parts_of
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering


def _view(image) -> Rendering:
    state = first_view(image)
    return Rendering(image, state.frame, state.voi, orientation=state.orientation)


@pytest.fixture
def images(tmp_path: Path):
    return opened(mammogram_file(tmp_path / "in" / "a.dcm"), volume_file(tmp_path / "in" / "b.dcm"))


def test_whatever_is_offered_can_be_written(images, tmp_path: Path) -> None:
    for image in images:
        findings = spread(image.attributes, (*REGIONS, *MEASURES))
        content = ExportContent(_view(image), {}, findings, stem="view")
        for form in FORMATS:
            if form.key in {one.key for one in FINDING_FORMATS} and not why_not(form, content):
                written = export(content, (form.key,), tmp_path / "out", "view")
                assert written.paths
                assert all(path.is_file() for path in written.paths), form.key


def test_reasons_are_told_in_a_few_words(images) -> None:
    by_key = {form.key: form for form in FORMATS}
    nothing, measured = (
        ExportContent(_view(images[0]), {}, findings) for findings in ((), spread(images[0].attributes, MEASURES))
    )
    assert why_not(by_key["sr"], nothing) == "nothing is marked"
    assert why_not(by_key["sr"], measured) == ""
    assert why_not(by_key["seg-findings"], measured) == "there are no regions"
    assert why_not(by_key["dbtex"], measured) == "not a tomosynthesis"
    for form in FORMATS:
        for content in (nothing, measured):
            assert len(f"{form.title} - {why_not(form, content)}") <= 70


def test_pictures_of_frames_do_not_replace_those_that_are_there(images, tmp_path: Path) -> None:
    findings = spread(images[1].attributes, REGIONS[:2])
    content = ExportContent(_view(images[1]), {}, findings)
    first, second = (export(content, ("sc",), tmp_path / "out", "RCC", replace_files=False).paths for _ in range(2))
    assert len(set(first) | set(second)) == 4


def test_the_picture_shows_marks_and_the_warning(images, tmp_path: Path) -> None:
    pixels = []
    for rois in (REGIONS[:1], REGIONS[1:2]):
        content = ExportContent(_view(images[0]), {}, spread(images[0].attributes, rois))
        (path,) = export(content, ("sc",), tmp_path / rois[0].kind, "x").paths
        pixels.append(pydicom.dcmread(path).pixel_array.astype(int))
    assert (pixels[0] != pixels[1]).any()
    corner = pixels[0][-12:, :20]
    # Bright letters on black.
    assert corner.max() > 180
    assert np.median(corner) == 0


def test_files_are_of_images_studies_or_everything(tmp_path: Path) -> None:
    images = opened(
        mammogram_file(tmp_path / "a.dcm"),
        mammogram_file(tmp_path / "b.dcm"),
        mammogram_file(tmp_path / "c.dcm", StudyInstanceUID="1.2.3.88"),
    )
    box = Roi(RoiKind.RECTANGLE, ((2, 2), (9, 9)))
    findings = tuple(new_finding(image.attributes.identity, 0, box, "Mass") for image in images)
    batch = Batch(tuple(map(_view, images)), ("a", "b", "c"), findings)
    wanted = {Scope.IMAGE: ["a", "b", "c"], Scope.STUDY: ["a", "c"], Scope.EVERYTHING: ["findings"]}
    for form in FINDING_FORMATS:
        if form.key in ("dbtex", "hdf5"):
            continue
        parts, losses = parts_of(form, batch)
        assert [stem for stem, _ in parts] == wanted[form.scope]
        assert sum(len(part.findings) for _, part in parts) == 3
        assert not losses
    dbtex = next(form for form in FINDING_FORMATS if form.key == "dbtex")
    assert parts_of(dbtex, batch) == ([], {"findings of images that are left out: not a tomosynthesis": 3})
