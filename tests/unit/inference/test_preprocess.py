from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle

from mammoviewer.base.errors import ModelRefused
from mammoviewer.dicom.attributes import ImageKind, PixelSpacing
from mammoviewer.dicom.raster import open_raster
from mammoviewer.imaging.voi import Padding
from mammoviewer.inference.manifest import Acceptance
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import predict_image
from mammoviewer.inference.preprocess import assumptions, check_suitable, prepare, refusals


@pytest.fixture
def manifest(tmp_path):
    return brightest_bundle(tmp_path / "m")


def raster(pixels, **changes):
    facts = {"kind": ImageKind.RASTER, "vois": (), "BitsStored": 8, "pixel_spacing": None, "PresentationIntentType": ""}
    return make_image("", pixels=pixels, **{**facts, **changes})


def test_which_places_lie_on_the_breast(manifest):
    image = make_image("RCC", pixels=breast_like(320, 240))
    prepared = prepare(image.frame(0), image.attributes, manifest)
    assert prepared.on_breast(160.0, 200.0)
    assert not prepared.on_breast(160.0, 10.0)
    assert not prepared.on_breast(-3.0, 200.0)
    assert not prepared.on_breast(160.0, 245.0)


def test_a_mammogram_for_presentation_fits(manifest):
    assert refusals(make_image().attributes, manifest) == ()
    check_suitable(make_image().attributes, manifest)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": ImageKind.MAMMOGRAM_RAW, "PresentationIntentType": "FOR PROCESSING"}, "FOR PROCESSING"),
        ({"kind": ImageKind.SECONDARY}, "SECONDARY"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "FOR PROCESSING"),
        ({"pixel_spacing": None}, "pixel size is not known"),
        ({"samples": 3}, "colour"),
    ],
)
def test_an_image_that_does_not_fit_is_refused_with_the_reason(manifest, changes, said):
    attributes = make_image(**changes).attributes
    with pytest.raises(ModelRefused, match=said) as caught:
        check_suitable(attributes, manifest)
    assert caught.value.hint
    assert caught.value.path == attributes.path
    check_suitable(attributes, manifest, override=True)


@pytest.mark.parametrize(("size", "fits"), [(0.05, True), (0.1, True), (0.15, True), (0.16, False), (0.5, False)])
def test_pixels_that_are_too_coarse_are_refused(manifest, size, fits):
    attributes = make_image(pixel_spacing=PixelSpacing(0.1, size, "mm")).attributes
    assert bool(refusals(attributes, manifest)) is not fits
    if not fits:
        with pytest.raises(ModelRefused, match=rf"pixels of {size:g} mm are too coarse, .* 0\.1 mm") as caught:
            check_suitable(attributes, manifest)
        assert caught.value.overridable
        assert "--force" in caught.value.hint
        check_suitable(attributes, manifest, override=True)
    without = make_image(pixel_spacing=None).attributes
    assert bool(refusals(without, manifest, pixel_size_mm=size)) is not fits


def test_a_view_the_model_was_not_made_for_is_refused(manifest):
    only_mlo = replace(manifest, accepts=Acceptance(("MAMMOGRAM",), views=("MLO",)))
    check_suitable(make_image("LMLO").attributes, only_mlo)
    with pytest.raises(ModelRefused, match="view is CC"):
        check_suitable(make_image("LCC").attributes, only_mlo)


def test_a_stated_pixel_size_stands_in_for_a_missing_one(manifest):
    attributes = make_image(pixel_spacing=None).attributes
    check_suitable(attributes, manifest, pixel_size_mm=0.07)
    prepared = prepare(breast_like(), attributes, manifest, pixel_size_mm=0.2)
    assert prepared.shape == (320, 240)


def test_the_pixel_size_of_the_file_is_not_overruled(manifest):
    prepared = prepare(breast_like(), make_image().attributes, manifest, pixel_size_mm=0.2)
    assert prepared.shape == (160, 120)


def test_without_any_pixel_size_the_pixels_are_taken_as_the_models(manifest):
    prepared = prepare(breast_like(), make_image(pixel_spacing=None).attributes, manifest)
    assert prepared.scale == (1.0, 1.0)


def test_a_byte_picture_without_a_window_is_shown_as_it_is(manifest):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    prepared = prepare(pixels, raster(pixels).attributes, manifest)
    np.testing.assert_allclose(prepared.values[0], pixels / 255, atol=1e-6)
    assert prepared.mask.all()


def test_every_pixel_of_a_cut_out_counts_but_a_breast_has_an_outline(manifest):
    dark = np.zeros((60, 60), dtype=np.uint8)
    dark[20:40, 20:40] = 200
    assert prepare(dark, raster(dark).attributes, manifest).mask.all()
    whole = breast_like(400, 300)
    mask = prepare(whole, make_image(pixels=whole).attributes, manifest).mask
    assert 0.2 < mask.mean() < 0.8
    assert not mask[0, 0]


def test_padding_of_a_cut_out_is_no_breast(manifest):
    pixels = np.full((20, 20), 100, dtype=np.uint16)
    pixels[:, :10] = 0
    image = make_image(pixels=pixels, padding=Padding(0, 0))
    mask = prepare(pixels, image.attributes, manifest).mask
    np.testing.assert_array_equal(mask, pixels > 0)


def test_values_stay_in_the_range_of_the_model_when_enlarged(manifest):
    pixels = breast_like(100, 100)
    image = make_image(pixels=pixels, pixel_spacing=PixelSpacing(0.25, 0.15, "mm"))
    prepared = prepare(pixels, image.attributes, manifest)
    assert prepared.shape == (250, 150)
    assert prepared.scale == pytest.approx((0.4, 100 / 150))
    assert prepared.values.min() >= 0.0
    assert prepared.values.max() <= 1.0


def test_points_go_there_and_back(manifest):
    pixels = breast_like(100, 100)
    image = make_image(pixels=pixels, pixel_spacing=PixelSpacing(0.2, 0.1, "mm"))
    prepared = prepare(pixels, image.attributes, manifest)
    assert prepared.to_model(-0.5, -0.5) == (-0.5, -0.5)
    assert prepared.to_model(99.5, 99.5) == pytest.approx((199.5, 99.5))
    assert prepared.to_stored(*prepared.to_model(12.25, 34.5)) == pytest.approx((12.25, 34.5))


def test_the_window_of_the_frame_is_used(manifest):
    from mammoviewer.imaging.voi import Window

    pixels = np.full((16, 16), 1000, dtype=np.uint16)
    image = make_image(
        pixels=np.stack([pixels, pixels]),
        kind=ImageKind.TOMO,
        frame_vois=((Window(1000, 500),), (Window(500, 400),)),
    )
    dim = prepare(pixels, image.attributes, manifest, frame=0).values.max()
    bright = prepare(pixels, image.attributes, manifest, frame=1).values.max()
    assert dim == pytest.approx(0.5, abs=0.01)
    assert bright == 1.0


def test_a_colour_frame_is_refused_readably(manifest):
    with pytest.raises(ModelRefused, match="grey"):
        prepare(np.zeros((8, 8, 3), dtype=np.uint8), make_image().attributes, manifest, frame=0)


def test_a_chain_that_cannot_run_is_refused_readably(manifest):
    steps = ({"op": "resample_pixel_size"}, {"op": "voi", "window": "default"})
    wrong = replace(manifest, preprocessing=steps)
    pixels = breast_like(100, 100)
    image = make_image(pixels=pixels, pixel_spacing=PixelSpacing(0.2, 0.2, "mm"))
    with pytest.raises(ModelRefused, match="before resample_pixel_size"):
        prepare(pixels, image.attributes, wrong)


@pytest.mark.parametrize("top", [255, 180, 40])
def test_a_picture_gives_the_same_with_8_bits_and_with_16(tmp_path, manifest, top):
    pixels = (np.random.default_rng(1).random((16, 16)) * top).astype(np.uint8)
    assert cv2.imwrite(str(tmp_path / "a.png"), pixels)
    assert cv2.imwrite(str(tmp_path / "b.png"), pixels.astype(np.uint16) * 257)
    (tmp_path / "c.pgm").write_bytes(b"P5 16 16 255\n" + pixels.tobytes())
    (tmp_path / "d.pgm").write_bytes(b"P5 16 16 65535\n" + (pixels.astype(np.uint16) * 257).astype(">u2").tobytes())
    model = OnnxModel(manifest)
    scores = [
        predict_image(open_raster(tmp_path / name), 0, model, threshold=0.0).heatmap.maximum
        for name in ("a.png", "b.png", "c.pgm", "d.pgm")
    ]
    assert scores == pytest.approx([scores[0]] * 4, abs=1e-3)


@pytest.mark.parametrize(("bits", "largest"), [(10, 1023), (12, 4095), (14, 16383), (16, 65535)])
def test_a_deep_picture_without_a_window_spans_its_depth(manifest, bits, largest):
    pixels = np.linspace(0, largest, 256).astype(np.uint16).reshape(16, 16)
    prepared = prepare(pixels, raster(pixels, BitsStored=bits).attributes, manifest)
    np.testing.assert_allclose(prepared.values[0], pixels / largest, atol=1e-5)


def test_a_picture_of_the_shape_of_the_patch_is_taken_at_the_models_pixel_size(manifest):
    patch = raster(np.zeros((16, 16), np.uint8)).attributes
    other = raster(np.zeros((16, 17), np.uint8)).attributes
    check_suitable(patch, manifest)
    assert assumptions(patch, manifest) == (
        "pixel size 0.1 mm, that of the model: the picture has the size of its patch",
    )
    assert assumptions(patch, manifest, pixel_size_mm=0.2) == ()
    assert refusals(other, manifest) == ("its pixel size is not known",)
    assert assumptions(other, manifest) == ("pixel size 0.1 mm, that of the model",)
    assert assumptions(make_image().attributes, manifest) == ()


def test_points_and_the_mask_stay_right_when_the_breast_is_cut_out(manifest):
    pixels = breast_like(320, 240)
    image = make_image("RCC", pixels=pixels)
    steps = ({"op": "voi", "window": "default"}, {"op": "crop_breast", "margin": 4})
    cut = prepare(pixels, image.attributes, replace(manifest, preprocessing=steps))
    whole = prepare(pixels, image.attributes, replace(manifest, preprocessing=steps[:1]))
    assert cut.shape != whole.shape
    assert cut.to_stored(*cut.to_model(160.0, 200.0)) == pytest.approx((160.0, 200.0))
    assert cut.to_model(160.0, 200.0) != whole.to_model(160.0, 200.0)
    row, column = (round(place) for place in cut.to_model(160.0, 200.0))
    assert cut.values[0, row, column] == whole.values[0, 160, 200]
    assert cut.on_breast(160.0, 200.0)
    assert not cut.on_breast(2.0, 2.0)
    on_image = cut.on_image(cut.mask)
    assert on_image.shape == (320, 240)
    inside = np.zeros((320, 240), dtype=bool)
    top, left = (round(edge + 0.5) for edge in cut.origin)
    inside[top : top + cut.shape[0], left : left + cut.shape[1]] = True
    np.testing.assert_array_equal(on_image, whole.mask & inside)


def test_a_mask_of_a_padded_picture_covers_the_image_alone(manifest):
    pixels = breast_like(320, 240)
    steps = ({"op": "voi", "window": "default"}, {"op": "resize", "rows": 100, "columns": 160, "keep_aspect": True})
    square = prepare(pixels, make_image(pixels=pixels).attributes, replace(manifest, preprocessing=steps))
    assert square.origin[1] < -100
    whole = prepare(pixels, make_image(pixels=pixels).attributes, manifest).mask
    on_image = square.on_image(square.mask)
    enlarged = cv2.resize(on_image.astype(np.uint8), (240, 320), interpolation=cv2.INTER_NEAREST).astype(bool)
    assert (enlarged != whole).mean() < 0.02
