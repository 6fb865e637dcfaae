from itertools import product

import cv2
import numpy as np
import pytest
from helpers.images import make_image
from PySide6.QtGui import QImage

from mammoviewer.gui.canvas import grey_layer
from mammoviewer.gui.canvas.grey_layer import GreyLayer
from mammoviewer.gui.canvas.view_transform import Region, ViewTransform, view_transform
from mammoviewer.gui.canvas.viewport_painter import Pace
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import IDENTITY, Padding, Window
from mammoviewer.session.pictures import Picture, plain_picture

ORIENTATIONS = [Orientation(*flags) for flags in product((False, True), repeat=3)]
VOI = Window(2048.0, 4096.0)


def picture(pixels: np.ndarray) -> Picture:
    return plain_picture(make_image(pixels=pixels).attributes, pixels)


def greys(image: QImage) -> np.ndarray:
    assert image.format() == QImage.Format.Format_Grayscale8
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return flat[:, : image.width()].copy()


def look(layer: GreyLayer, *seen: object, **how: object) -> tuple[QImage, Region] | None:
    region = layer.see(*seen, **how)
    return None if region is None else (layer.image(), region)


def seen(shown: Picture, view: ViewTransform) -> np.ndarray:
    found = look(GreyLayer(), shown, view, VOI, inverse=False)
    assert found is not None
    return greys(found[0])


def random_pixels(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4096, shape, dtype=np.uint16)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_one_to_one_shows_every_pixel_as_it_is(orientation: Orientation) -> None:
    shown = picture(random_pixels((61, 43)))
    rows, columns = orientation.display_shape((61, 43))
    view = view_transform((61, 43), orientation, size=(columns, rows), dpr=1.0, zoom=1.0, centre=(30.0, 21.0))
    expected = shown.lookup(VOI, inverse=False)[orientation.apply(shown.pixels)]
    np.testing.assert_array_equal(seen(shown, view), expected)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_fitted_picture_is_averaged_and_turned(orientation: Orientation) -> None:
    pixels = np.kron(random_pixels((30, 20)), np.ones((2, 2), np.uint16))
    rows, columns = orientation.display_shape((30, 20))
    view = view_transform((60, 40), orientation, size=(columns, rows), dpr=1.0)
    shown = picture(pixels)
    expected = shown.lookup(VOI, inverse=False)[orientation.apply(pixels[::2, ::2])]
    np.testing.assert_array_equal(seen(shown, view), expected)


def test_specks_survive_shrinking() -> None:
    pixels = np.zeros((200, 200), np.uint16)
    pixels[5::10, 5::10] = 4000
    view = view_transform((200, 200), Orientation(), size=(80, 80), dpr=1.0)
    block = seen(picture(pixels), view).reshape(20, 4, 20, 4).max(axis=(1, 3))
    assert block.min() > 20


def test_a_pan_at_reduced_size_moves_whole_pixels_only() -> None:
    shown = picture(random_pixels((300, 300)))
    layer = GreyLayer()
    cuts = []
    for column in (150.0, 160.0):
        view = view_transform((300, 300), Orientation(), size=(60, 60), dpr=1.0, zoom=0.5, centre=(150.0, column))
        found = look(layer, shown, view, VOI, inverse=False)
        assert found is not None
        cuts.append(greys(found[0]))
    np.testing.assert_array_equal(cuts[0][:, 5:], cuts[1][:, :-5])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(("zoom", "inverse"), [(0.4, False), (1.0, True), (1.7, False), (8.0, False)])
def test_a_pan_gives_what_a_fresh_picture_gives(orientation: Orientation, zoom: float, inverse: bool) -> None:
    shape = (301, 260)
    shown, layer = picture(cv2.GaussianBlur(random_pixels(shape), (0, 0), 2.0)), GreyLayer()
    for centre in ((150.0, 130.0), (153.0, 122.0), (149.0, 190.0), (20.0, 191.0), (290.0, 10.0)):
        view = view_transform(shape, orientation, size=(90, 70), dpr=1.0, zoom=zoom, centre=centre)
        fresh = look(GreyLayer(), shown, view, VOI, inverse=inverse)
        found = look(layer, shown, view, VOI, inverse=inverse)
        assert found is not None
        assert fresh is not None
        assert found[1] == fresh[1]
        # Where a region is cut off by the edge of the image its pixels are stretched by a fraction of one.
        np.testing.assert_allclose(greys(found[0]).astype(int), greys(fresh[0]).astype(int), atol=2)


@pytest.mark.parametrize("zoom", [1.0, 2.1, 7.0])
def test_squares_of_pixels_do_not_depend_on_the_pans_before(zoom: float) -> None:
    shown, layer = picture(random_pixels((301, 260))), GreyLayer()
    for centre in ((150.0, 130.0), (151.0, 133.0), (149.0, 128.0)):
        view = view_transform((301, 260), Orientation(), size=(90, 70), dpr=1.0, zoom=zoom, centre=centre)
        found = look(layer, shown, view, VOI, inverse=False, interpolation="nearest")
        fresh = look(GreyLayer(), shown, view, VOI, inverse=False, interpolation="nearest")
        assert found is not None
        assert fresh is not None
        np.testing.assert_array_equal(greys(found[0]), greys(fresh[0]))


def test_a_window_drag_after_a_pan_shows_the_new_window(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, layer = picture(random_pixels((300, 300))), GreyLayer()
    for centre, voi in (((150.0, 150.0), VOI), ((150.0, 160.0), VOI), ((150.0, 160.0), Window(1000.0, 900.0))):
        view = view_transform((300, 300), Orientation(), size=(60, 60), dpr=1.0, zoom=1.0, centre=centre)
        found = look(layer, shown, view, voi, inverse=False)
        fresh = look(GreyLayer(), shown, view, voi, inverse=False)
        assert found is not None
        assert fresh is not None
        np.testing.assert_array_equal(greys(found[0]), greys(fresh[0]))


def test_zooming_is_quick_first_and_exact_at_rest() -> None:
    shown = picture(cv2.GaussianBlur(random_pixels((400, 300)), (0, 0), 3.0))
    layer = GreyLayer()
    for zoom, quick in ((0.6, False), (0.63, True), (0.63, False)):
        view = view_transform((400, 300), Orientation(), size=(90, 70), dpr=1.0, zoom=zoom, centre=(190.0, 140.0))
        found = look(layer, shown, view, VOI, inverse=False, quick=quick)
        assert found is not None
        assert layer.rough == quick
        exact = seen(shown, view).astype(int)
        off = np.abs(greys(found[0]).astype(int) - exact).max()
        assert off <= (8 if quick else 0)


def test_zooming_into_an_enlarged_picture_is_quick_first_and_exact_at_rest() -> None:
    shown = picture(cv2.GaussianBlur(random_pixels((400, 300)), (0, 0), 3.0))
    layer = GreyLayer()
    for zoom, quick in ((1.3, False), (1.34, True), (1.34, False), (2.5, True)):
        view = view_transform((400, 300), Orientation(), size=(90, 70), dpr=1.0, zoom=zoom, centre=(190.3, 140.6))
        found = look(layer, shown, view, VOI, inverse=False, quick=quick)
        assert found is not None
        assert layer.rough == (quick and zoom < 2.0)
        off = np.abs(greys(found[0]).astype(int) - seen(shown, view).astype(int)).max()
        assert off <= (8 if layer.rough else 0)


def test_squares_that_were_chosen_are_never_blurred_for_speed() -> None:
    shown, layer = picture(random_pixels((400, 300))), GreyLayer()
    for zoom, quick in ((1.3, False), (1.34, True)):
        view = view_transform((400, 300), Orientation(), size=(90, 70), dpr=1.0, zoom=zoom, centre=(190.3, 140.6))
        look(layer, shown, view, VOI, inverse=False, quick=quick, interpolation="nearest")
    assert not layer.rough


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32])
def test_window_pixels_are_filled_with_the_same_greys(dtype: type) -> None:
    pixels = np.random.default_rng(2).integers(0, 120, (50, 40)).astype(dtype)
    shown = Picture(pixels, 1.0, 0, 100, IDENTITY, None)
    layer = GreyLayer()
    view = view_transform((50, 40), Orientation(), size=(40, 50), dpr=1.0, zoom=1.0, centre=(24.5, 19.5))
    assert layer.see(shown, view, Window(50.0, 80.0), inverse=False) is not None
    words = np.zeros((30, 60), np.int32)
    layer.fill(words[:, 10:30], 5, 7)
    grey = layer.greys()[5:35, 7:27].astype(np.uint32)
    np.testing.assert_array_equal(words[:, 10:30].view(np.uint32), 0xFF000000 + 0x010101 * grey)
    assert not words[:, :10].any()
    assert not words[:, 30:].any()


@pytest.mark.parametrize("zoom", [0.4, 1.0, 1.7])
def test_window_pixels_are_right_at_every_step_of_pans_and_window_drags(zoom: float) -> None:
    shown, layer = picture(random_pixels((301, 260))), GreyLayer()
    generator = np.random.default_rng(5)
    for step in range(40):
        centre = (150.0 + float(generator.integers(-40, 40)), 130.0 + float(generator.integers(-40, 40)))
        voi = Window(2000.0 + 100 * (step // 4 if step < 20 else step), 1500.0)
        view = view_transform((301, 260), Orientation(), size=(90, 70), dpr=1.0, zoom=zoom, centre=centre)
        words, fresh = np.zeros((2, 70, 90), np.int32)
        layer.see(shown, view, voi, inverse=False)
        layer.fill(words[10:60, 5:80], 10, 5)
        other = GreyLayer()
        other.see(shown, view, voi, inverse=False)
        other.fill(fresh[10:60, 5:80], 10, 5)
        difference = (words & 255).astype(int) - (fresh & 255)
        assert np.abs(difference).max() <= (1 if zoom > 1.0 else 0)


def test_a_pan_of_stored_pixels_copies_none() -> None:
    shown, layer = picture(random_pixels((300, 300))), GreyLayer()
    for column in (150.0, 160.0):
        view = view_transform((300, 300), Orientation(), size=(60, 60), dpr=1.0, zoom=1.0, centre=(150.0, column))
        layer.see(shown, view, VOI, inverse=False)
        assert np.shares_memory(layer._pixels, shown.pixels)


def test_a_window_drag_resamples_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = grey_layer.shrink
    monkeypatch.setattr(grey_layer, "shrink", lambda *a, **k: calls.append(1) or original(*a, **k))
    shown, layer = picture(random_pixels((120, 100))), GreyLayer()
    view = view_transform((120, 100), Orientation(), size=(50, 60), dpr=1.0)
    first = look(layer, shown, view, VOI, inverse=False)
    before = greys(first[0]) if first else None
    second = look(layer, shown, view, Window(1000.0, 500.0), inverse=False)
    assert len(calls) == 1
    assert second is not None
    assert before is not None
    assert (greys(second[0]) != before).any()


def test_inverse_keeps_air_black() -> None:
    image = make_image(pixels=random_pixels((20, 20)), inverse=False)
    pixels = image.frame(0).copy()
    pixels[:, :10] = 0
    attributes = make_image(pixels=pixels, padding=Padding(0, 0)).attributes
    view = view_transform((20, 20), Orientation(), size=(20, 20), dpr=1.0, zoom=1.0, centre=(9.5, 9.5))
    found = look(GreyLayer(), plain_picture(attributes, pixels), view, VOI, inverse=True)
    assert found is not None
    assert (greys(found[0])[:, :10] == 0).all()


def test_single_pixels_are_squares_when_near() -> None:
    pixels = np.array([[0, 4095], [4095, 0]], np.uint16)
    view = view_transform((2, 2), Orientation(), size=(20, 20), dpr=1.0, zoom=10.0, centre=(0.5, 0.5))
    expected = np.kron(np.array([[0, 255], [255, 0]]), np.ones((10, 10)))
    np.testing.assert_array_equal(seen(picture(pixels), view), expected)


def test_a_coarse_preview_fills_the_same_place() -> None:
    full = picture(np.kron(random_pixels((20, 20)), np.ones((4, 4), np.uint16)))
    coarse = Picture(full.pixels[::4, ::4].copy(), 0.25, full.first, full.count, full.rescale, None)
    view = view_transform((80, 80), Orientation(), size=(20, 20), dpr=1.0)
    np.testing.assert_array_equal(seen(full, view), seen(coarse, view))


def test_the_value_on_screen_is_told() -> None:
    shown, layer = picture(random_pixels((20, 20))), GreyLayer()
    assert layer.grey_at(3.0, 3.0) is None
    view = view_transform((20, 20), Orientation(), size=(40, 20), dpr=1.0)
    found = look(layer, shown, view, VOI, inverse=False)
    assert found is not None
    assert layer.grey_at(15.5, 7.5) == greys(found[0])[7, 5]
    assert layer.grey_at(2.0, 7.0) is None


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("zoom", [3.0, 8.0])
def test_the_chosen_interpolation_is_used_at_any_zoom(orientation: Orientation, kind: str, zoom: float) -> None:
    pixels = random_pixels((12, 10))
    rows, columns = orientation.display_shape((12, 10))
    size = round(columns * zoom), round(rows * zoom)
    view = view_transform((12, 10), orientation, size=size, dpr=1.0, zoom=zoom, centre=(5.5, 4.5))
    shown = picture(pixels)
    found = look(GreyLayer(), shown, view, VOI, inverse=False, interpolation=kind)
    assert found is not None
    flag = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}[kind]
    larger = cv2.resize(pixels, None, fx=zoom, fy=zoom, interpolation=flag)
    expected = shown.lookup(VOI, inverse=False)[np.clip(orientation.apply(larger), 0, 4095)]
    np.testing.assert_array_equal(greys(found[0]), expected)


def test_another_interpolation_is_shown_at_once() -> None:
    shown, layer = picture(random_pixels((12, 10))), GreyLayer()
    view = view_transform((12, 10), Orientation(), size=(30, 36), dpr=1.0, zoom=3.0, centre=(5.5, 4.5))
    seen_ = []
    for kind in ("nearest", "cubic", "linear"):
        found = look(layer, shown, view, VOI, inverse=False, interpolation=kind)
        assert found is not None
        seen_.append(greys(found[0]))
    assert (seen_[0] != seen_[1]).any()
    assert (seen_[1] != seen_[2]).any()


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_no_bright_rim_around_the_breast_when_an_inverted_picture_is_enlarged(kind: str) -> None:
    pixels = np.full((20, 20), 3800, np.uint16)
    pixels[:, :10] = 0
    attributes = make_image(pixels=pixels, padding=Padding(0, 0)).attributes
    view = view_transform((20, 20), Orientation(), size=(60, 60), dpr=1.0, zoom=3.0, centre=(9.5, 9.5))
    found = look(GreyLayer(), plain_picture(attributes, pixels), view, VOI, inverse=True, interpolation=kind)
    assert found is not None
    assert len(np.unique(greys(found[0]))) == 2


def test_a_quick_picture_is_near_the_exact_one_and_is_made_exact_when_asked():
    pixels = np.random.default_rng(1).integers(900, 3000, (700, 500)).astype(np.uint16)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 2.0)
    shown = picture(pixels)
    view = view_transform(pixels.shape, Orientation(), size=(400, 600), dpr=1.0, zoom=0.7)
    layer, exact = GreyLayer(), GreyLayer()
    look(layer, shown, view, VOI, inverse=False, quick=True)
    assert layer.rough
    quick = layer.greys().copy()
    look(exact, shown, view, VOI, inverse=False)
    assert not exact.rough
    assert np.abs(quick.astype(int) - exact.greys()).mean() < 2.0
    look(layer, shown, view, VOI, inverse=False)
    assert not layer.rough
    np.testing.assert_array_equal(layer.greys(), exact.greys())


def test_where_pixels_would_be_left_out_quick_is_exact():
    pixels = np.zeros((900, 900), np.uint16)
    pixels[::7, ::7] = 4000
    shown = picture(pixels)
    view = view_transform(pixels.shape, Orientation(), size=(300, 300), dpr=1.0, zoom=0.3)
    quick, exact = GreyLayer(), GreyLayer()
    look(quick, shown, view, VOI, inverse=False, quick=True)
    look(exact, shown, view, VOI, inverse=False)
    np.testing.assert_array_equal(quick.greys(), exact.greys())


def test_a_view_that_rests_is_made_exact():
    time = [10.0]
    pace = Pace(lambda: time[0])
    assert not pace.quick("one", rough=False), "the first picture is exact"
    time[0] += 0.05
    assert pace.quick("two", rough=False)
    time[0] += 0.05
    assert pace.quick("two", rough=True), "a repaint in between leaves it"
    time[0] += 0.2
    assert not pace.quick("two", rough=True)
    time[0] += 0.05
    assert pace.quick("three", rough=False) is False


def test_a_zoom_to_one_to_one_is_exact_at_once() -> None:
    shown, layer = picture(random_pixels((90, 90))), GreyLayer()
    for zoom in (1.3, 1.0):
        view = view_transform((90, 90), Orientation(), size=(50, 50), dpr=1.0, zoom=zoom, centre=(45.0, 45.0))
        assert layer.see(shown, view, VOI, inverse=False, quick=zoom == 1.0) is not None
    assert not layer.rough
    np.testing.assert_array_equal(layer.greys(), shown.lookup(VOI, inverse=False)[shown.pixels[20:70, 20:70]])


@pytest.mark.parametrize("seed", range(6))
def test_what_was_seen_before_never_shows_through(seed: int) -> None:
    """Pictures, zooms, places and haste at random: at rest it is what a fresh layer shows, quickly made or not."""
    generator = np.random.default_rng(seed)
    shown = [
        picture(cv2.GaussianBlur(generator.integers(0, 4096, (301, 260), dtype=np.uint16), (0, 0), 2.0))
        for _ in range(3)
    ]
    layer, number, zoom, centre = GreyLayer(), 0, 0.4, (150.0, 130.0)
    for _ in range(80):
        act = generator.integers(0, 4)
        if act == 0:
            number = int(generator.integers(0, 3))
        elif act == 1:
            zoom = float(generator.choice([0.4, 0.6, 0.8, 1.0, 2.0]))
        elif act == 2:
            # Now and then out of sight.
            centre = (float(generator.integers(-250, 500)), float(generator.integers(0, 260)))
        view = view_transform((301, 260), Orientation(), size=(90, 70), dpr=1.0, zoom=zoom, centre=centre)
        layer.see(shown[number], view, VOI, inverse=False, quick=bool(generator.integers(0, 2)))
        if generator.integers(0, 2):
            continue
        fresh = GreyLayer()
        rough = layer.rough
        region = layer.see(shown[number], view, VOI, inverse=False)
        assert region == fresh.see(shown[number], view, VOI, inverse=False)
        if region is not None:
            difference = layer.greys().astype(int) - fresh.greys()
            assert np.abs(difference).max() <= 3, f"after a {'rough' if rough else 'fine'} one at {zoom}"
