import dataclasses
import json

import numpy as np
import pytest
import tifffile
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle, dense_bundle

from mammoviewer.base.errors import ArgumentError, ExportError, ModelError, ModelRefused
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.imaging.voi import Window
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import (
    ImagePredictions,
    heatmap_tiff,
    predict_image,
    predict_prepared,
    prepare_frame,
    write_predictions,
)

GREY = (Window(2047.5, 4095.0),)


@pytest.fixture
def model(tmp_path):
    return OnnxModel(brightest_bundle(tmp_path / "spots"))


def spot_image(**changes):
    pixels = (breast_like(400, 300) * 0.3).astype(np.uint16)
    pixels[200:204, 240:244] = 4000
    return make_image(pixels=pixels, **{"vois": GREY, **changes})


def test_a_frame_gives_a_heatmap_and_its_peaks(model):
    image = spot_image()
    prediction = predict_image(image, 0, model)
    assert prediction.heatmap.image_uid == image.attributes.SOPInstanceUID
    assert prediction.heatmap.model == "spots.1"
    assert prediction.detections
    assert all(abs(one.row - 201) < 16 and abs(one.column - 241) < 16 for one in prediction.detections)


def test_the_threshold_can_be_chosen(model):
    assert predict_image(spot_image(), 0, model, threshold=1.0).detections == ()
    many = predict_image(spot_image(), 0, model, threshold=0.0).detections
    assert len(many) == 20


def test_whole_images_are_marked_from_a_threshold_of_their_own(tmp_path):
    manifest = brightest_bundle(tmp_path / "spots")
    outputs = dataclasses.replace(manifest.outputs, operating_threshold=0.0, marking_threshold=1.0)
    model = OnnxModel(dataclasses.replace(manifest, outputs=outputs))
    assert predict_image(spot_image(), 0, model).detections == ()
    patch = make_image("", pixels=np.full((16, 16), 1000, np.uint16), kind=ImageKind.RASTER, vois=GREY)
    assert len(predict_image(patch, 0, model, pixel_size_mm=0.1).detections) == 1


def test_the_two_ways_give_the_same_numbers(model):
    image = spot_image()
    prepared = prepare_frame(image, 0, model.manifest)
    first, second = predict_image(image, 0, model), predict_prepared(prepared, model)
    np.testing.assert_array_equal(first.heatmap.values, second.heatmap.values)
    assert first.detections == second.detections


def test_frames_of_a_volume_count_from_zero(model):
    stack = np.stack([(breast_like(400, 300) * 0.3).astype(np.uint16)] * 3)
    stack[2, 200:204, 240:244] = 4000
    image = make_image("LCC", pixels=stack, kind=ImageKind.TOMO, vois=GREY)
    assert predict_image(image, 0, model).detections == ()
    assert {one.frame for one in predict_image(image, 2, model).detections} == {2}
    for frame in (3, -1):
        with pytest.raises(ArgumentError, match="3, counted from 0"):
            predict_image(image, frame, model)


def test_an_unsuitable_image_is_refused_unless_overridden(model):
    raw = spot_image(kind=ImageKind.MAMMOGRAM_RAW)
    with pytest.raises(ModelRefused, match="FOR PROCESSING"):
        predict_image(raw, 0, model)
    assert predict_image(raw, 0, model, override=True).detections


def test_the_dense_mode_runs_only_where_declared(model, tmp_path):
    with pytest.raises(ModelError, match="dense"):
        predict_image(spot_image(), 0, model, mode="dense")
    dense = OnnxModel(dense_bundle(tmp_path / "dense"))
    assert predict_image(spot_image(), 0, dense, mode="dense").heatmap.mode == "dense"


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


def test_predictions_are_written_in_the_agreed_form(tmp_path, model):
    detection = Detection(12.5, 30.25, 1, 0.875, (2.5, 20.25, 22.5, 40.25), "mass", (0, 1))
    entry = ImagePredictions(spot_image().attributes, (0, 1), (float("nan"), 0.875), (detection,), "heatmap_0.tif")
    write_predictions(tmp_path / "predictions.json", model.manifest, [entry])
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


def test_predictions_that_cannot_be_written_are_an_export_error(tmp_path, model):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError):
        write_predictions(tmp_path / "file" / "predictions.json", model.manifest, [])
