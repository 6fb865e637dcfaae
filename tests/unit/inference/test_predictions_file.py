import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.images import make_image
from helpers.model_makers import brightest_bundle, whole_image_bundle

from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import View
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.predictions_file import (
    ImagePredictions,
    Rules,
    heatmap_tiff,
    predictions_json,
    write_predictions,
)


@pytest.fixture
def manifest(tmp_path):
    return brightest_bundle(tmp_path / "spots")


def test_the_tiff_holds_the_values_and_the_gaps(tmp_path):
    values = np.array([[0.25, np.nan], [1.0, 0.0]], dtype=np.float32)
    heatmap_tiff(tmp_path / "sub" / "h.tif", values)
    read = tifffile.imread(tmp_path / "sub" / "h.tif")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values)


def test_a_tiff_that_cannot_be_written_is_an_export_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError):
        heatmap_tiff(tmp_path / "file" / "h.tif", np.zeros((2, 2), dtype=np.float32))


def test_predictions_are_written_in_the_agreed_form(tmp_path, manifest):
    detection = Detection(12.5, 30.25, 1, 0.875, (2.5, 20.25, 22.5, 40.25), "mass", (0, 1))
    entry = ImagePredictions(make_image().attributes, (0, 1), (float("nan"), 0.875), (detection,), "heatmap_0.tif")
    write_predictions(tmp_path / "predictions.json", manifest, [entry])
    document = json.loads((tmp_path / "predictions.json").read_text())
    assert document["schema_version"] == 1
    assert document["model"] == "spots.1"
    (image,) = document["images"]
    assert document["mode"] == "patches"
    assert image["SOPInstanceUID"] == entry.attributes.SOPInstanceUID
    assert image["uid"] == entry.attributes.identity
    assert image["frames"] == [0, 1]
    assert image["frame_scores"] == [None, 0.875]
    assert image["score"] == 0.875
    assert image["heatmap"] == "heatmap_0.tif"
    assert "cam" not in image
    place = {"row": 12.5, "column": 30.25, "frame": 1, "score": 0.875, "box": [2.5, 20.25, 22.5, 40.25]}
    assert image["detections"] == [{**place, "class_name": "mass", "first_frame": 0, "last_frame": 1}]


def test_predictions_that_cannot_be_written_are_an_export_error(tmp_path, manifest):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError):
        write_predictions(tmp_path / "file" / "predictions.json", manifest, [])


def entry(label, *scores, study="1.2", patient="A", path="x.dcm"):
    attributes = replace(
        make_image(label).attributes, StudyInstanceUID=study, PatientID=patient, path=Path(path), frames=len(scores)
    )
    return ImagePredictions(attributes, tuple(range(len(scores))), scores, (), "")


def test_breasts_and_patients_are_told_with_their_rule(manifest):
    images = [
        entry("RCC", 0.2),
        entry("RMLO", 0.5),
        entry("LCC", 0.1, 0.4, 0.3, float("nan")),
        entry("LCC", 0.9, study="1.3", patient="B"),
    ]
    document = predictions_json(manifest, images, rules=Rules("top-2", "s3"))
    assert document["aggregation"] == {"slices": "top-2", "images": "s3", "breasts": "max"}
    assert [image["score"] for image in document["images"]] == [0.2, 0.5, 0.35, 0.9]
    first, second = document["examinations"]
    assert first["StudyInstanceUID"] == "1.2"
    right, left = first["breasts"]
    assert (right["laterality"], left["laterality"]) == ("R", "L")
    assert right["score"] == pytest.approx(1 - (1 - (0.04 + 0.25) / 2) ** 2, abs=1e-6)
    assert left["score"] == pytest.approx(0.35**2, abs=1e-6)
    assert first["score"] == right["score"]
    assert right["images"] == [images[0].attributes.identity, images[1].attributes.identity]
    assert second["score"] == pytest.approx(0.81)


def test_pictures_without_a_study_are_put_together_by_folder(manifest, tmp_path):
    images = [entry("RCC", 0.2, study="", path=tmp_path / name / "a.png") for name in ("one", "one", "two")]
    document = predictions_json(manifest, images)
    assert [len(part["breasts"][0]["images"]) for part in document["examinations"]] == [2, 1]


def test_a_model_of_whole_images_has_scores_and_no_mode(tmp_path):
    manifest = whole_image_bundle(tmp_path / "whole")
    one = ImagePredictions(
        replace(make_image().attributes, view=View()), (0,), (0.25,), (), "", scores={"dense": 0.5, "bright": 0.25}
    )
    document = predictions_json(manifest, [one])
    assert document["task"] == "image-classification"
    assert "mode" not in document
    assert document["images"][0]["scores"] == {"dense": 0.5, "bright": 0.25}
    assert "heatmap" not in document["images"][0]
