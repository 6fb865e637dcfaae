import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle, dense_bundle, linear_bundle

from mammoviewer.base.errors import Cancelled, ModelError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.imaging.voi import Window
from mammoviewer.inference import tiling
from mammoviewer.inference.detections import find_peaks
from mammoviewer.inference.manifest import ModelInput
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.tiling import run_dense, run_patches

GREY = Window(2047.5, 4095.0)


def prepared_for(model, pixels, **changes):
    image = make_image(pixels=pixels, **{"vois": (GREY,), **changes})
    return prepare(pixels, image.attributes, model.manifest)


@pytest.fixture
def spots(tmp_path):
    return OnnxModel(brightest_bundle(tmp_path / "spots"))


def dim_breast(rows=400, columns=300):
    return (breast_like(rows, columns) * 0.3).astype(np.uint16)


def test_a_picture_of_one_patch_gives_the_probability_of_that_patch(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    pixels = np.random.default_rng(4).integers(0, 256, (16, 16), dtype=np.uint8)
    prepared = prepared_for(model, pixels, kind=ImageKind.RASTER, BitsStored=8, vois=())
    heatmap = run_patches(prepared, model)
    raw = (pixels / 255).astype(np.float32)[None, None]
    assert heatmap.scores.shape == (1, 1)
    assert heatmap.windows().shape == (1, 3)
    assert heatmap.scores[0, 0] == pytest.approx(float(model.scores(raw)[0, 1]), abs=1e-6)
    assert heatmap.values[0, 0] == pytest.approx(heatmap.scores[0, 0], abs=1e-7)
    assert heatmap.origin == (7.5, 7.5)
    assert np.isfinite(heatmap.resampled()).all()


def test_bright_spots_are_found_where_they_are(spots):
    pixels = dim_breast()
    for row, column in ((200, 250), (150, 200)):
        pixels[row - 1 : row + 3, column - 1 : column + 3] = 4000
    heatmap = run_patches(prepared_for(spots, pixels), spots)
    assert heatmap.complete
    assert heatmap.class_name == "finding"
    peaks = find_peaks(heatmap, threshold=0.9)
    for row, column in ((200, 250), (150, 200)):
        assert any(peak.box[0] <= row <= peak.box[2] and peak.box[1] <= column <= peak.box[3] for peak in peaks)
        assert heatmap.at(row, column) > 0.9
    assert all(min(abs(p.row - 200) + abs(p.column - 250), abs(p.row - 150) + abs(p.column - 200)) < 24 for p in peaks)


def test_every_score_is_the_models_own_for_that_window(spots):
    pixels = breast_like(200, 160, seed=3)
    prepared = prepared_for(spots, pixels)
    heatmap = run_patches(prepared, spots)
    ran = 0
    for row, column, score in heatmap.windows().tolist():
        top, left = round(row - 7.5), round(column - 7.5)
        if top < 0 or left < 0 or top + 16 > 200 or left + 16 > 160:
            continue
        patch = prepared.values[:, top : top + 16, left : left + 16]
        assert score == pytest.approx(float(spots.scores(patch[None])[0, 1]), abs=1e-6)
        ran += 1
    assert ran > 50


def test_windows_without_breast_do_not_run_and_the_map_ends_at_the_skin(spots):
    pixels = dim_breast()
    prepared = prepared_for(spots, pixels)
    heatmap = run_patches(prepared, spots)
    assert np.isnan(heatmap.scores[0, 0])
    assert 0.2 < np.isfinite(heatmap.scores).mean() < 0.9
    picture = heatmap.resampled()
    assert np.isnan(picture[~prepared.mask]).all()
    assert heatmap.coverage > 0.99


def test_a_smaller_stride_has_more_windows(spots):
    prepared = prepared_for(spots, dim_breast())
    assert len(run_patches(prepared, spots, stride=4).windows()) > 3 * len(run_patches(prepared, spots).windows())


def test_the_partial_map_spans_the_breast_early_and_grows(spots, monkeypatch):
    monkeypatch.setattr(tiling, "PARTIAL_INTERVAL_S", 0.0)
    monkeypatch.setattr(tiling, "BATCH", 8)
    seen = []
    prepared = prepared_for(spots, dim_breast())
    final = run_patches(prepared, spots, on_partial=seen.append)
    assert len(seen) > 20
    assert not any(heatmap.complete for heatmap in seen)
    counts = [len(heatmap.windows()) for heatmap in seen]
    assert counts == sorted(counts)
    total = len(final.windows())
    early = next(heatmap for heatmap in seen if len(heatmap.windows()) >= total / 12)
    assert early.coverage > 0.9
    np.testing.assert_array_equal(np.isfinite(early.values), np.isfinite(final.values))


def test_partial_maps_are_not_made_more_often_than_wanted(spots, monkeypatch):
    monkeypatch.setattr(tiling, "PARTIAL_INTERVAL_S", 3600.0)
    seen = []
    run_patches(prepared_for(spots, dim_breast()), spots, on_partial=seen.append)
    assert seen == []


def test_progress_ends_at_one_and_may_cancel(spots):
    reports = []
    prepared = prepared_for(spots, dim_breast())
    run_patches(prepared, spots, progress=lambda fraction, message: reports.append(fraction))
    assert reports == sorted(reports)
    assert reports[-1] == 1.0

    def cancel(fraction, message):
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_patches(prepared, spots, progress=cancel)


def test_an_image_of_nothing_gives_an_empty_map(spots):
    pixels = np.zeros((300, 300), dtype=np.uint16)
    from mammoviewer.imaging.voi import Padding

    heatmap = run_patches(prepared_for(spots, pixels, padding=Padding(0, 0)), spots)
    assert np.isnan(heatmap.values).all()
    assert find_peaks(heatmap, threshold=0.0) == ()


def test_another_class_can_be_mapped(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m", classes=3))
    prepared = prepared_for(model, breast_like())
    maps = [run_patches(prepared, model, class_index=index) for index in range(3)]
    assert [heatmap.class_name for heatmap in maps] == ["class0", "class1", "class2"]
    total = sum(heatmap.scores for heatmap in maps)
    np.testing.assert_allclose(total[np.isfinite(total)], 1.0, atol=1e-5)


def test_the_dense_mode_of_an_exact_model_equals_its_patches(tmp_path):
    model = OnnxModel(dense_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(203, 157))
    dense, patches = run_dense(prepared, model), run_patches(prepared, model)
    assert dense.mode == "dense"
    np.testing.assert_allclose(dense.scores, patches.scores, atol=1e-5)
    np.testing.assert_allclose(dense.values, patches.values, atol=1e-5)


def test_a_model_without_a_dense_form_says_so(spots):
    with pytest.raises(ModelError, match="no dense mode"):
        run_dense(prepared_for(spots, breast_like()), spots)


def test_windows_of_a_cropped_image_lie_where_they_are(tmp_path):
    steps = ({"op": "voi", "window": "default"}, {"op": "crop_breast"}, {"op": "scale", "divide_by": 255})
    model = OnnxModel(brightest_bundle(tmp_path / "m", pixel_size_mm=None, preprocessing=steps))
    pixels = dim_breast()
    pixels[199:203, 249:253] = 4000
    prepared = prepared_for(model, pixels)
    assert prepared.origin != (-0.5, -0.5)
    heatmap = run_patches(prepared, model)
    assert heatmap.mask.shape == (400, 300)
    (peak,) = find_peaks(heatmap, threshold=0.9)
    assert abs(peak.row - 200.5) < 8
    assert abs(peak.column - 250.5) < 8


def test_a_model_of_several_channels_sees_them_all(tmp_path):
    """The logit is a hundredth of the mean of the second channel, of two."""
    from helpers.model_makers import make_bundle, onnx_bytes
    from onnx import helper

    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
    ]
    kernel = np.zeros((1, 2, 1, 1), dtype=np.float32)
    kernel[0, 1] = 0.01
    outputs = {"logits": ["n", 1], "features": ["n", 1, 16, 16]}
    data = onnx_bytes(nodes, {"input": ["n", 2, 16, 16]}, outputs, {"kernel": kernel})
    steps = ({"op": "voi", "window": "default"}, {"op": "clahe_channels", "tiles": "4"})
    entry = ModelInput("input", (None, 2, 16, 16), None, (0.0, 255.0))
    model = OnnxModel(make_bundle(tmp_path / "m", data, pixel_size_mm=None, preprocessing=steps, input=entry))
    prepared = prepared_for(model, breast_like())
    assert prepared.values.shape == (2, 160, 120)
    heatmap = run_patches(prepared, model)
    row, column, score = heatmap.windows()[40]
    patch = prepared.values[1, round(row - 7.5) : round(row + 8.5), round(column - 7.5) : round(column + 8.5)]
    assert patch.shape == (16, 16)
    assert np.log(score / (1 - score)) == pytest.approx(float(patch.mean()) / 100, abs=0.001)


def test_a_model_of_whole_images_does_not_slide(tmp_path):
    steps = ({"op": "voi", "window": "default"}, {"op": "resize", "rows": 16, "columns": 16})
    changes = {"task": "image-classification", "tiling": None, "preprocessing": steps, "pixel_size_mm": None}
    model = OnnxModel(brightest_bundle(tmp_path / "m", **changes))
    with pytest.raises(ModelError, match="no windows"):
        run_patches(prepared_for(model, breast_like()), model)
