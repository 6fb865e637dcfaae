import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle, linear_bundle, linear_head_weights

from mammoviewer.base.errors import ArgumentError, Cancelled, ModelError
from mammoviewer.imaging.voi import Window
from mammoviewer.inference.cam import cam_for_image, cam_for_patch, class_map, eigen_map, patch_cam
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.tiling import run_patches


def random_patch(seed=0):
    return np.random.default_rng(seed).random((1, 16, 16), dtype=np.float32)


def parts(model, patch, class_index=1):
    logits = model.class_logits(model.logits(patch[None]))[0]
    _, features = model.run(patch[None])
    return features[0], model.head_gradient(features, class_index)[0], float(logits[class_index])


def prepared_for(model, pixels):
    image = make_image(pixels=pixels, vois=(Window(2047.5, 4095.0),))
    return prepare(pixels, image.attributes, model.manifest)


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
    for method in ("gradcam", "hirescam", "eigencam", "occlusion"):
        values, score = patch_cam(model, patch, 1, method)
        assert values.shape == (4, 4)
        assert values.min() >= 0
        assert score == pytest.approx(float(model.scores(patch[None])[0, 1]))


def test_the_eigen_map_follows_the_activation():
    pattern = np.array([[0.0, 0.0], [0.0, 5.0]], dtype=np.float32)
    features = np.stack([pattern, 2 * pattern, 0.5 * pattern])
    values = eigen_map(features)
    assert values[1, 1] > 0
    np.testing.assert_allclose(values / values[1, 1], pattern / 5.0, atol=1e-6)


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
    with pytest.raises(ModelError, match="eigencam or occlusion"):
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
