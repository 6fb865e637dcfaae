from __future__ import annotations

import json

import cv2
import numpy as np
import pydicom
import pytest
import tifffile
from helpers.dicom_makers import texture
from helpers.images import make_image
from helpers.model_makers import brightest_bundle
from helpers.sco_maker import save_sco

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.json_document import read_json
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import predict_image
from mammoviewer.session.demo_run import LABELS, NORMAL, REGIONS_PER_CLASS, truth_findings
from mammoviewer.session.exporting import TOMOSYNTHESIS, ExportContent, export, offered_formats
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering

EVERY = ("png8", "png16", "tiff", "seg", "json", "coco")


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return write_exam(tmp_path_factory.mktemp("exam"), seed=3, scale=0.125, frames=40)


@pytest.fixture(scope="module")
def content(exam, tmp_path_factory):
    """Return one view of a phantom with a heatmap and a finding."""
    image = open_paths([exam.views["LCC"]]).images[0]
    model = OnnxModel(brightest_bundle(tmp_path_factory.mktemp("models") / "spots"))
    heatmap = predict_image(image, 0, model, override=True, pixel_size_mm=0.8).heatmap
    state = first_view(image)
    finding = new_finding(image.attributes.identity, 0, Roi(RoiKind.ELLIPSE, ((90, 20), (130, 60))), "Mass")
    view = Rendering(image, 0, state.voi, heat=heatmap.resampled(), findings=(finding,))
    return ExportContent(view, {0: heatmap}, (finding,))


def test_every_format_is_written_and_holds_what_it_says(content, tmp_path):
    files = dict(zip(EVERY, export(content, EVERY, tmp_path, "view").paths, strict=True))
    shape = content.view.image.attributes.shape
    assert cv2.imread(str(files["png8"]), -1).shape == (*shape, 3)
    assert cv2.imread(str(files["png16"]), -1).dtype == np.uint16
    heat = content.heatmaps[0].resampled()
    np.testing.assert_array_equal(tifffile.imread(files["tiff"]), heat)
    segment = pydicom.dcmread(files["seg"])
    assert segment.SegmentationType == "FRACTIONAL"
    source = segment.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    assert source.ReferencedSOPInstanceUID == content.view.image.attributes.SOPInstanceUID
    assert tuple(read_json(files["json"])) == content.findings
    assert len(json.loads(files["coco"].read_text())["annotations"]) == 1


def test_only_what_is_chosen_is_written(content, tmp_path):
    assert [path.name for path in export(content, ("json",), tmp_path, "a b").paths] == ["a b-json.json"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("key", ["tiff", "seg"])
def test_a_missing_heatmap_is_told(key, tmp_path):
    image = make_image()
    empty = ExportContent(Rendering(image, 0, first_view(image).voi), {}, ())
    with pytest.raises(ExportError, match="no heatmap"):
        export(empty, (key,), tmp_path, "x")


def test_a_folder_that_cannot_be_written_is_told(content, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        export(content, ("png8",), tmp_path / "file", "x")


def test_truth_becomes_regions_on_the_lesions_and_as_many_normal_ones(exam):
    images = open_paths([exam.directory]).images
    truth = json.loads(exam.truth.read_text())
    findings = truth_findings(truth, images)
    counts = {label: sum(f.label == label for f in findings) for label in (*LABELS.values(), NORMAL)}
    assert counts[NORMAL] == counts[LABELS["cluster"]] == REGIONS_PER_CLASS
    lesion = next(one for one in truth["lesions"] if one["type"] == "mass")
    place = next(iter(lesion["views"].values()))
    image = next(image for image in images if image.attributes.path.name == place["file"])
    assert any(
        f.image_uid == image.attributes.identity and f.roi.contains(place["row"], place["column"]) for f in findings
    )
    normal = [f for f in findings if f.label == NORMAL]
    by_uid = {image.attributes.identity: image for image in images}
    for finding in normal:
        row, column = finding.roi.centre
        pixels = by_uid[finding.image_uid].frame(finding.frame)
        assert pixels[round(row), round(column)] > 0, "normal regions lie inside the breast"
    assert truth_findings(truth, images)[-1].roi == findings[-1].roi, "the same places at every call"


def test_only_a_private_volume_is_offered_as_tomosynthesis(content, tmp_path):
    assert TOMOSYNTHESIS not in [form.key for form in offered_formats(content)]
    volume = np.stack([texture(10, 14, bits=10, seed=seed) for seed in range(3)])
    (image,) = open_paths([save_sco(tmp_path / "sco.dcm", volume)]).images
    of_sco = ExportContent(Rendering(image, 0, first_view(image).voi), {}, ())
    assert TOMOSYNTHESIS in [form.key for form in offered_formats(of_sco)]
    (written,) = export(of_sco, (TOMOSYNTHESIS,), tmp_path, "LCC").paths
    assert pydicom.dcmread(written).SOPClassUID == "1.2.840.10008.5.1.4.1.1.13.1.3"


def test_a_file_that_is_there_stays_when_asked(content, tmp_path):
    first = export(content, ("json", "png8"), tmp_path, "RCC", replace_files=False).paths
    second = export(content, ("json", "png8"), tmp_path, "RCC", replace_files=False).paths
    assert [path.name for path in second] == ["RCC-png8-2.png", "RCC-json-2.json"]
    assert all(path.is_file() for path in (*first, *second))
    assert export(content, ("png8",), tmp_path, "RCC").paths == (tmp_path / "RCC-png8.png",)
