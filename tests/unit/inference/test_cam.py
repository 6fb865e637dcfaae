from dataclasses import replace

import numpy as np
import onnx
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle, linear_bundle, linear_head_weights, make_bundle, onnx_bytes
from onnx import helper

from mammoviewer.base.errors import ArgumentError, Cancelled, ModelError
from mammoviewer.imaging.voi import Window
from mammoviewer.inference import cam
from mammoviewer.inference.cam import cam_for_image, cam_for_patch
from mammoviewer.inference.cam_maps import Explainer, is_linear
from mammoviewer.inference.cam_methods import METHODS, class_map
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.tiling import run_patches
from mammoviewer.inference.window_grid import window_grid


def random_patch(seed=0):
    return np.random.default_rng(seed).random((1, 16, 16), dtype=np.float32)


def parts(model, patch, class_index=1):
    logits = model.class_logits(model.logits(patch[None]))[0]
    _, features = model.run(patch[None])
    return features[0], model.head_gradient(features, class_index)[0], float(logits[class_index])


def prepared_for(model, pixels):
    image = make_image(pixels=pixels, vois=(Window(2047.5, 4095.0),))
    return prepare(pixels, image.attributes, model.manifest)


def patch_cam(model, patch, class_index, method):
    maps, scores = Explainer(model, method, class_index).maps(patch[None])
    return maps[0], float(scores[0])


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_of_the_cam_plus_the_bias_is_the_logit(tmp_path, seed):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    features, gradient, logit = parts(model, random_patch(seed))
    _, bias = linear_head_weights("gap")
    assert class_map(features, gradient, "cam").mean() + bias[0] == pytest.approx(logit, abs=1e-5)
    values, _ = patch_cam(model, random_patch(seed), 1, "cam")
    assert values.mean() + bias[0] == pytest.approx(logit, abs=1e-5)


def test_on_global_average_pooling_all_gradient_methods_are_proportional(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    features, gradient, _ = parts(model, random_patch())
    cam = class_map(features, gradient, "cam")
    for method in ("gradcam", "hirescam"):
        np.testing.assert_allclose(class_map(features, gradient, method) * 16, cam, rtol=1e-4, atol=1e-5)


def test_hirescam_of_a_linear_head_adds_up_to_the_logit(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m", head="flatten", classes=3))
    _, bias = linear_head_weights("flatten", 3)
    for index in range(3):
        features, gradient, logit = parts(model, random_patch(), index)
        assert class_map(features, gradient, "hirescam").sum() + bias[index] == pytest.approx(logit, abs=1e-4)
    with pytest.raises(ModelError, match="global average pooling"):
        class_map(features, gradient, "cam")


def test_maps_are_cut_at_zero_and_come_with_the_probability(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m", head="flatten"))
    patch = random_patch(2)
    for method in [method for method in METHODS if method != "cam"]:
        values, score = patch_cam(model, patch, 1, method)
        assert values.shape == (4, 4)
        assert values.min() >= 0
        assert score == pytest.approx(float(model.scores(patch[None])[0, 1]))


def test_occlusion_falls_where_the_evidence_lies(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    patch = np.zeros((1, 16, 16), dtype=np.float32)
    patch[0, 12:14, 2:4] = 1.0
    values, score = patch_cam(model, patch, 1, "occlusion")
    assert score > 0.99
    assert np.unravel_index(values.argmax(), values.shape) in {(5, 1), (6, 1), (7, 1), (5, 0), (6, 0), (6, 2), (5, 2)}
    assert values[0, 7] == pytest.approx(0.0, abs=1e-4)


def test_a_model_without_a_gradient_says_what_can_be_used(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    with pytest.raises(ModelError, match="eigencam, ablationcam or occlusion"):
        patch_cam(model, random_patch(), 1, "gradcam")
    with pytest.raises(ArgumentError, match="no method"):
        patch_cam(model, random_patch(), 1, "other")


def test_the_patch_under_a_point_is_explained_where_it_lies(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(200, 160))
    cam = cam_for_patch(prepared, model, 100.0, 120.0, class_index=0)
    assert cam.method == "hirescam"
    assert cam.class_name == "normal"
    top, left = round(100.0 - 7.5), round(120.0 - 7.5)
    expected, score = patch_cam(model, prepared.values[:, top : top + 16, left : left + 16], 0, "hirescam")
    assert expected.max() > 0
    np.testing.assert_array_equal(cam.values, expected)
    assert cam.score == score
    assert cam.box == (top - 0.5, left - 0.5, top + 15.5, left + 15.5)
    picture = cam.overlay.resampled()
    inside = np.zeros(picture.shape, dtype=bool)
    inside[top : top + 16, left : left + 16] = True
    np.testing.assert_array_equal(np.isfinite(picture), inside)
    row, column = np.unravel_index(expected.argmax(), expected.shape)
    assert cam.overlay.at(top + row * 4 + 1.5, left + column * 4 + 1.5) == pytest.approx(1.0)


def test_a_patch_at_the_corner_is_mirrored_and_one_outside_is_refused(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(200, 160))
    cam = cam_for_patch(prepared, model, 0.0, 0.0)
    padded = np.pad(prepared.values[0], 16, mode="symmetric")[None]
    expected, _ = patch_cam(model, padded[:, 16 - 8 : 16 + 8, 16 - 8 : 16 + 8], 1, "hirescam")
    np.testing.assert_allclose(cam.values, expected, rtol=1e-6)
    with pytest.raises(ArgumentError, match="outside"):
        cam_for_patch(prepared, model, 200.0, 0.0)


def test_the_whole_image_is_explained_inside_the_breast(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    pixels = breast_like(400, 300, seed=5)
    prepared = prepared_for(model, pixels)
    heatmap = run_patches(prepared, model)
    reports = []
    cam = cam_for_image(prepared, model, heatmap, progress=lambda fraction, _: reports.append(fraction))
    assert cam.mode == "cam:hirescam"
    assert cam.maximum == pytest.approx(1.0)
    picture = cam.resampled()
    assert picture.shape == (400, 300)
    assert np.isnan(picture[~prepared.mask]).all()
    assert np.isfinite(picture[prepared.mask]).mean() > 0.97
    assert reports[-1] == 1.0
    np.testing.assert_array_equal(cam_for_image(prepared, model).resampled(), picture)


def test_evidence_of_one_window_stands_out_where_the_spot_is(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m"))
    pixels = (breast_like(400, 300) * 0.3).astype(np.uint16)
    pixels[200:204, 240:244] = 4000
    prepared = prepared_for(model, pixels)
    cam = cam_for_image(prepared, model, method="occlusion")
    row, column = np.unravel_index(np.nanargmax(cam.resampled()), pixels.shape)
    assert abs(row - 201.5) < 4
    assert abs(column - 241.5) < 4


def test_explaining_an_image_can_be_cancelled(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(200, 160))
    heatmap = run_patches(prepared, model)

    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        cam_for_image(prepared, model, heatmap, progress=cancel)


def test_the_heatmap_of_another_image_is_refused(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    heatmap = run_patches(prepared_for(model, breast_like(200, 160)), model)
    with pytest.raises(ArgumentError, match="not made from this image"):
        cam_for_image(prepared_for(model, breast_like(300, 160)), model, heatmap)


def test_ablation_is_the_fall_of_the_logit_without_a_channel(tmp_path):
    for head, classes, index in (("gap", 1, 1), ("gap", 1, 0), ("flatten", 3, 2)):
        model = OnnxModel(linear_bundle(tmp_path / f"{head}{classes}{index}", head=head, classes=classes))
        features, gradient, logit = parts(model, random_patch(), index)
        # Of a linear head the fall is the sum of gradient times feature over the channel.
        falls = (gradient * features).sum(axis=(1, 2)) / abs(logit)
        expected = np.maximum(np.tensordot(falls, features, axes=1), 0)
        values, _ = patch_cam(model, random_patch(), index, "ablationcam")
        np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-4)


def test_patches_in_a_batch_are_explained_as_one_by_one(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m", head="flatten"))
    batch = np.stack([random_patch(seed) for seed in range(5)])
    for method in [method for method in METHODS if method != "cam"]:
        together, scores = Explainer(model, method).maps(batch)
        alone = [patch_cam(model, patch, 1, method) for patch in batch]
        np.testing.assert_allclose(together, [values for values, _ in alone], atol=1e-5)
        np.testing.assert_allclose(scores, [score for _, score in alone], atol=1e-6)


def test_a_head_with_a_rectifier_is_not_taken_for_linear(tmp_path):
    assert is_linear(OnnxModel(linear_bundle(tmp_path / "gap")))
    assert is_linear(OnnxModel(linear_bundle(tmp_path / "flat", head="flatten", classes=3)))
    assert not is_linear(OnnxModel(brightest_bundle(tmp_path / "peak")))


def test_the_quiet_overlay_keeps_what_rises_above_mean_plus_one_sd(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(400, 300, seed=5))
    whole, quiet = cam_for_image(prepared, model), cam_for_image(prepared, model, quiet=True)
    inside = whole.values[np.isfinite(whole.values)]
    kept = np.nan_to_num(quiet.values) > 0
    assert 0 < kept.sum() < 0.4 * inside.size
    np.testing.assert_array_equal(quiet.values[kept], whole.values[kept])
    assert whole.values[kept].min() > inside.mean()
    assert np.isnan(quiet.resampled()[~prepared.mask]).all()
    patch = cam_for_patch(prepared, model, 200.0, 250.0, class_index=0, quiet=True)
    full = cam_for_patch(prepared, model, 200.0, 250.0, class_index=0)
    assert full.values.max() > 0
    limit = full.values.mean() + full.values.std()
    np.testing.assert_array_equal(np.nan_to_num(patch.overlay.values) > 0, full.values >= limit)


def dense_gap_bundle(folder):
    """Return the linear model with average pooling, with its exact dense form of stride 4."""
    plain = linear_bundle(folder / "plain")
    weights, bias = linear_head_weights("gap")
    model = onnx.load_model_from_string(plain.file_path("model").read_bytes())
    kernel = onnx.numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "kernel"))
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["conv"], strides=[4, 4]),
        helper.make_node("Relu", ["conv"], ["cells"]),
        helper.make_node("AveragePool", ["cells"], ["pooled"], kernel_shape=[4, 4], strides=[1, 1]),
        helper.make_node("Conv", ["pooled", "weights", "bias"], ["logits"]),
    ]
    dense = onnx_bytes(
        nodes,
        {"input": ["n", 1, "rows", "columns"]},
        {"logits": ["n", 1, "r", "c"]},
        {"kernel": kernel, "weights": weights.T[:, :, None, None].copy(), "bias": bias},
    )
    return make_bundle(
        folder / "m",
        plain.file_path("model").read_bytes(),
        head_grad=plain.file_path("head_grad").read_bytes(),
        dense=dense,
        dense_stride=4,
        stride=4,
    )


@pytest.mark.parametrize("method", ["cam", "gradcam", "gradcam++", "hirescam", "eigencam", "ablationcam"])
def test_features_of_one_pass_explain_as_the_windows_do(tmp_path, monkeypatch, method):
    model = OnnxModel(dense_gap_bundle(tmp_path))
    prepared = prepared_for(model, breast_like(120, 100, seed=5))
    one_pass = cam_for_image(prepared, model, method=method)
    heatmap = run_patches(prepared, model, stride=4)
    calls = []
    monkeypatch.setattr("mammoviewer.inference.cam._Cut.of", lambda *_: calls.append(1))
    windows = cam_for_image(prepared, model, heatmap, method=method)
    assert calls
    assert one_pass.maximum == pytest.approx(1.0)
    np.testing.assert_allclose(one_pass.resampled(), windows.resampled(), atol=2e-4)


def test_a_model_of_whole_images_is_explained_on_all_it_sees(tmp_path):
    plain = linear_bundle(tmp_path / "plain", head="flatten")
    steps = ({"op": "voi", "window": "default"}, {"op": "resize", "rows": 16, "columns": 16, "keep_aspect": False})
    files = {role: plain.file_path(role).read_bytes() for role in ("model", "head_grad")}
    manifest = make_bundle(
        tmp_path / "m",
        files["model"],
        head_grad=files["head_grad"],
        pixel_size_mm=None,
        task="image-classification",
        tiling=None,
        preprocessing=(*steps, {"op": "scale", "divide_by": 255}),
    )
    model = OnnxModel(manifest)
    prepared = prepared_for(model, breast_like(200, 160))
    expected, score = patch_cam(model, prepared.values, 1, "hirescam")
    overlay = cam_for_image(prepared, model)
    np.testing.assert_allclose(overlay.values, expected / expected.max(), rtol=1e-5)
    assert overlay.step == (50.0, 40.0)
    assert overlay.origin == (24.5, 19.5)
    cam = cam_for_patch(prepared, model, 10.0, 10.0)
    np.testing.assert_array_equal(cam.values, expected)
    assert cam.score == pytest.approx(score)
    assert cam.box == (-0.5, -0.5, 199.5, 159.5)


def test_a_model_that_gives_boxes_is_not_explained(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    model.manifest = replace(model.manifest, task="detection")
    with pytest.raises(ModelError, match="classifiers"):
        Explainer(model)


def test_of_windows_close_together_the_highest_speaks() -> None:
    grid = window_grid((60, 60), (12, 12), 3)
    scores = np.random.default_rng(1).random(grid.counts).astype(np.float32)
    scores[4, 4] = np.nan
    speaking = cam._speaking(scores, grid)
    for top in range(0, grid.counts[0], 2):
        for left in range(0, grid.counts[1], 2):
            block, chosen = scores[top : top + 2, left : left + 2], speaking[top : top + 2, left : left + 2]
            assert chosen.sum() == 1
            assert block[chosen][0] == np.nanmax(block)
    far = window_grid((60, 60), (12, 12), 12)
    assert cam._speaking(np.ones(far.counts, np.float32), far).all()


def test_of_too_many_windows_the_strongest_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cam, "MOST_EXPLAINED", 3)
    scores = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert cam._strongest(scores > 5, scores).tolist() == [[2, 1], [2, 2], [2, 3]]
    assert cam._strongest(scores > 9, scores).tolist() == [[2, 2], [2, 3]]
