import dataclasses

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import boxes_bundle, brightest_bundle, dense_bundle, whole_image_bundle

from mammoviewer.base.errors import ArgumentError, Cancelled, ModelError, ModelRefused
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.imaging.voi import Window
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import predict_image, predict_prepared, prepare_frame
from mammoviewer.inference.result_cache import ResultCache

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


def test_the_scores_tell_the_largest_of_the_map(model):
    prediction = predict_image(spot_image(), 0, model)
    assert prediction.scores == {"finding": prediction.heatmap.maximum}
    assert prediction.score("finding") == prediction.heatmap.maximum
    assert np.isnan(prediction.score("normal"))


def test_a_model_of_whole_images_gives_a_score_for_each_class(tmp_path):
    model = OnnxModel(whole_image_bundle(tmp_path / "whole"))
    image = spot_image()
    prediction = predict_image(image, 0, model)
    assert prediction.heatmap is None
    assert prediction.detections == ()
    assert list(prediction.scores) == ["dense", "bright", "even"]
    values = prepare_frame(image, 0, model.manifest).values[0]
    brightest = values.reshape(20, 2, 15, 2).mean(axis=(1, 3)).max()
    assert prediction.scores["bright"] == pytest.approx(1 / (1 + np.exp(-20 * (brightest - 0.5))), abs=1e-5)
    assert prediction.scores["even"] == pytest.approx(0.5)
    with pytest.raises(ModelError, match="no heatmap"):
        _ = prediction.map
    for wrong in ({"mode": "coarse"}, {"stride": 4}):
        with pytest.raises(ModelError, match="whole images"):
            predict_image(image, 0, model, **wrong)


def test_a_detection_model_gives_boxes_with_class_and_score(tmp_path):
    model = OnnxModel(boxes_bundle(tmp_path / "boxes"))
    prediction = predict_image(spot_image(), 0, model)
    first, second = prediction.detections
    assert {first.class_name, second.class_name} == {"mass"}
    assert first.score > second.score > 0.5
    np.testing.assert_allclose(first.box, np.array([10, 20, 30, 44]) * 2 - 0.5)
    np.testing.assert_allclose(second.box, np.array([102, 82, 121, 111]) * 2 - 0.5)
    assert (first.row, first.column) == (39.5, 63.5)
    assert prediction.scores == pytest.approx({"mass": first.score})
    heatmap = prediction.heatmap
    assert heatmap.mode == "boxes"
    assert heatmap.maximum == pytest.approx(first.score)
    picture = heatmap.resampled()
    assert picture[223, 190] == pytest.approx(second.score, abs=1e-3)
    assert picture[150, 200] == 0.0
    higher = predict_image(spot_image(), 0, model, threshold=0.999)
    assert len(higher.detections) == 1
    assert higher.heatmap.resampled()[223, 190] == 0.0
    assert higher.heatmap.maximum == pytest.approx(first.score)


def test_a_model_of_another_size_says_so(tmp_path):
    model = OnnxModel(whole_image_bundle(tmp_path / "whole"))
    spots = OnnxModel(brightest_bundle(tmp_path / "spots"))
    prepared = prepare_frame(spot_image(), 0, spots.manifest)
    with pytest.raises(ModelError, match="takes"):
        predict_prepared(prepared, model)


@pytest.fixture
def cache(tmp_path):
    return ResultCache(tmp_path / "results")


def counted(monkeypatch):
    ran = []
    for name in ("scores", "boxes", "dense_logits"):
        original = getattr(OnnxModel, name)
        monkeypatch.setattr(
            OnnxModel,
            name,
            lambda self, batch, original=original, **how: ran.append(len(batch)) or original(self, batch, **how),
        )
    return ran


@pytest.mark.parametrize(
    ("make", "mode"),
    [
        (brightest_bundle, "patches"),
        (brightest_bundle, "coarse"),
        (dense_bundle, "dense"),
        (whole_image_bundle, "patches"),
        (boxes_bundle, "patches"),
    ],
)
def test_what_was_found_once_is_not_asked_again(tmp_path, cache, monkeypatch, make, mode):
    model = OnnxModel(make(tmp_path / "m"))
    first = predict_image(spot_image(), 0, model, mode=mode, cache=cache)
    ran = counted(monkeypatch)
    told = []
    again = predict_image(
        spot_image(), 0, model, mode=mode, cache=cache, progress=lambda fraction, message: told.append(message)
    )
    assert ran == []
    assert told == ["kept from before"]
    assert again.scores == first.scores
    assert again.detections == first.detections
    if first.heatmap is not None:
        for name in ("values", "scores", "mask"):
            np.testing.assert_array_equal(getattr(again.heatmap, name), getattr(first.heatmap, name))
        for name in ("origin", "step", "shape", "image_uid", "frame", "model", "class_name", "patch_px", "mode"):
            assert getattr(again.heatmap, name) == getattr(first.heatmap, name)
        assert (again.heatmap.complete, again.heatmap.share) == (True, first.heatmap.share)
    predict_image(spot_image(), 0, model, mode=mode)
    assert ran, "without the cache it runs"


def test_kept_results_are_of_one_way_of_looking(model, cache, monkeypatch):
    predict_image(spot_image(), 0, model, cache=cache)
    ran = counted(monkeypatch)
    predict_image(spot_image(), 0, model, cache=cache, threshold=0.1)
    assert ran == []
    for other in ({"stride": 4}, {"mode": "coarse"}):
        ran.clear()
        predict_image(spot_image(), 0, model, cache=cache, **other)
        assert ran


def test_a_coarse_result_is_kept_for_the_share_it_was_made_with(model, cache, monkeypatch):
    predict_image(spot_image(), 0, model, cache=cache, mode="coarse")
    ran = counted(monkeypatch)
    predict_image(spot_image(), 0, model, cache=cache, mode="coarse")
    assert ran == []
    monkeypatch.setattr("mammoviewer.inference.tiling.REFINE_SHARE", 0.7)
    predict_image(spot_image(), 0, model, cache=cache, mode="coarse")
    assert ran


def test_a_kept_result_of_a_refused_image_is_not_shown(model, cache):
    predict_image(spot_image(), 0, model, cache=cache)
    with pytest.raises(ModelRefused):
        predict_image(spot_image(kind=ImageKind.MAMMOGRAM_RAW), 0, model, cache=cache)


@pytest.mark.parametrize("mode", ["patches", "coarse"])
def test_a_run_that_was_stopped_goes_on_another_day(tmp_path, cache, monkeypatch, mode):
    manifest = brightest_bundle(tmp_path / "wide", patch=(32, 32), stride=4)
    whole = predict_image(spot_image(), 0, OnnxModel(manifest), mode=mode)

    def cancel(fraction, message):
        if fraction > 0.5:
            raise Cancelled

    seen = []
    with pytest.raises(Cancelled):
        predict_image(
            spot_image(), 0, OnnxModel(manifest), mode=mode, cache=cache, progress=cancel, on_partial=seen.append
        )
    done = int(np.isfinite(seen[-1].scores).sum())
    ran = counted(monkeypatch)
    rest = predict_image(spot_image(), 0, OnnxModel(manifest), mode=mode, cache=cache)
    assert sum(ran) == np.isfinite(whole.heatmap.scores).sum() - done > 0
    assert done > 0
    np.testing.assert_array_equal(rest.heatmap.scores, whole.heatmap.scores)
    np.testing.assert_array_equal(rest.heatmap.values, whole.heatmap.values)


def test_a_run_that_is_killed_has_kept_what_it_had(tmp_path, cache, monkeypatch):
    from mammoviewer.inference import predict

    monkeypatch.setattr(predict, "PARTIAL_KEPT_EVERY_S", 0.0)
    monkeypatch.setattr("mammoviewer.inference.tiling.PARTIAL_INTERVAL_S", 0.0)
    model = OnnxModel(brightest_bundle(tmp_path / "wide", patch=(32, 32), stride=4))
    sizes = []
    predict_image(spot_image(), 0, model, cache=cache, on_partial=lambda heatmap: sizes.append(cache.size_bytes))
    assert sizes[0] > 0


def test_an_entry_that_is_not_what_it_should_be_is_run_anew(model, cache):
    first = predict_image(spot_image(), 0, model, cache=cache)
    (path,) = cache.folder.iterdir()
    path.write_bytes(path.read_bytes()[:200])
    again = predict_image(spot_image(), 0, model, cache=cache)
    np.testing.assert_array_equal(again.heatmap.values, first.heatmap.values)
    assert path.stat().st_size > 200


@pytest.mark.parametrize("loaded", [True, False])
def test_what_was_kept_is_not_told_in_the_name_of_a_damaged_file(tmp_path, loaded):
    manifest, cache = brightest_bundle(tmp_path / "spots"), ResultCache(tmp_path / "kept")
    model = OnnxModel(manifest)
    predict_image(spot_image(), 0, model, cache=cache)
    path = manifest.file_path("model")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="SHA-256 differs") as told:
        predict_image(spot_image(), 0, model if loaded else OnnxModel(manifest), cache=cache)
    assert told.value.path == path
    assert "install the model again" in told.value.hint


def test_the_dense_file_counts_where_it_is_the_one_that_answers(tmp_path):
    manifest, cache = dense_bundle(tmp_path / "dense"), ResultCache(tmp_path / "kept")
    model = OnnxModel(manifest)
    for mode in ("patches", "dense"):
        predict_image(spot_image(), 0, model, cache=cache, mode=mode)
    manifest.file_path("dense").write_bytes(b"no model")
    assert predict_image(spot_image(), 0, model, cache=cache).heatmap is not None
    with pytest.raises(ModelError, match="8 bytes where the manifest says"):
        predict_image(spot_image(), 0, model, cache=cache, mode="dense")
