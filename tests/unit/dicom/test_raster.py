from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from mammoviewer.base.errors import DecodeError, InputError, UnsupportedError
from mammoviewer.dicom.attributes import ImageKind, PixelSpacing, View
from mammoviewer.dicom.raster import open_raster, view_from_name
from mammoviewer.dicom.spacing import STATED

GREY = np.add.outer(np.arange(30), np.arange(40)).astype(np.uint8)
DEEP = GREY.astype(np.uint16) * 700


def write(path: Path, pixels: np.ndarray) -> Path:
    if path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, pixels, photometric="rgb" if pixels.shape[-1] == 3 else "minisblack")
    else:
        assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("pixels", [GREY, DEEP], ids=["8 bit", "16 bit"])
@pytest.mark.parametrize("name", ["a.png", "a.pgm", "a.tif"])
def test_lossless_pictures_are_read_exactly(tmp_path: Path, name: str, pixels: np.ndarray) -> None:
    image = open_raster(write(tmp_path / name, pixels))
    assert image.attributes.kind is ImageKind.RASTER
    assert image.attributes.BitsStored == pixels.dtype.itemsize * 8
    assert image.attributes.pixel_spacing is None
    assert not image.attributes.lossy
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.frame(0).dtype == pixels.dtype


def test_bmp_and_jpeg_are_read(tmp_path: Path) -> None:
    np.testing.assert_array_equal(open_raster(write(tmp_path / "a.bmp", GREY)).frame(0), GREY)
    image = open_raster(write(tmp_path / "a.jpg", GREY))
    assert image.attributes.lossy
    assert np.abs(image.frame(0).astype(int) - GREY).max() <= 4


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_colour_is_shown_as_luminance(tmp_path: Path, name: str) -> None:
    red = np.zeros((10, 12, 3), np.uint8)
    red[..., 0] = 255
    image = open_raster(write(tmp_path / name, red if name == "a.tif" else red[..., ::-1]))
    assert (image.frame(0) == 76).all()
    assert image.attributes.samples == 3
    assert "luminance" in image.attributes.warnings[0].text


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA"])
def test_every_mode_of_png_becomes_grey(tmp_path: Path, mode: str) -> None:
    PillowImage.fromarray(((GREY > 30) * 255).astype(np.uint8)).convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_raster(tmp_path / "a.png").frame(0), (GREY > 30) * 255)


def test_plain_pgm_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_text("P2\n# film\n3 2\n255\n0 1 2\n3 4 255\n")
    np.testing.assert_array_equal(open_raster(tmp_path / "a.pgm").frame(0), [[0, 1, 2], [3, 4, 255]])


@pytest.mark.parametrize(("top", "dtype"), [(1, np.uint8), (255, np.uint8), (256, np.uint16), (4095, np.uint16)])
def test_values_of_a_pgm_are_not_stretched(tmp_path: Path, top: int, dtype: type) -> None:
    pixels = np.array([[0, top // 2, top]], dtype)
    raw = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    (tmp_path / "a.pgm").write_bytes(b"P5 # made\n3 1\n# scanner\n%d\n" % top + raw)
    image = open_raster(tmp_path / "a.pgm")
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.frame(0).dtype == dtype


def test_pages_are_frames(tmp_path: Path) -> None:
    stack = np.stack([DEEP, DEEP + 1, DEEP + 2])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    image = open_raster(tmp_path / "a.tif")
    assert image.attributes.frames == 3
    np.testing.assert_array_equal(image.frame(2), DEEP + 2)


def test_a_film_whose_zero_is_white_is_inverted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="miniswhite")
    image = open_raster(tmp_path / "a.tif")
    assert image.attributes.inverse
    np.testing.assert_array_equal(image.frame(0), GREY)


def test_the_identity_is_that_of_the_pixels(tmp_path: Path) -> None:
    first = open_raster(write(tmp_path / "a.png", GREY)).attributes.identity
    shutil.copy(tmp_path / "a.png", tmp_path / "renamed.png")
    assert first.startswith("sha256:")
    assert open_raster(tmp_path / "renamed.png").attributes.identity == first
    assert open_raster(write(tmp_path / "same.bmp", GREY)).attributes.identity == first
    changed = GREY.copy()
    changed[0, 0] ^= 1
    assert open_raster(write(tmp_path / "b.png", changed)).attributes.identity != first
    assert open_raster(write(tmp_path / "c.png", GREY.reshape(40, 30))).attributes.identity != first


def test_the_stated_pixel_size_is_used(tmp_path: Path) -> None:
    image = open_raster(write(tmp_path / "a.png", GREY), pixel_spacing_mm=0.2)
    assert image.attributes.pixel_spacing == PixelSpacing(0.2, 0.2, STATED)
    assert image.attributes.warnings == ()


@pytest.mark.parametrize(
    ("stem", "view"),
    [
        ("L-CC", View("L", "CC")),
        ("RMLO", View("R", "MLO")),
        ("0_R_MLO", View("R", "MLO")),
        ("case 7 l mlo", View("L", "MLO")),
        ("mdb001", View()),
        ("colour_mlo", View()),
        ("RCC and LCC", View()),
        ("ARCC", View()),
        ("RMLO2", View()),
    ],
)
def test_the_view_is_taken_from_clear_names_only(stem: str, view: View) -> None:
    assert view_from_name(stem) == view


def test_a_picture_cut_short_is_an_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (60, 60)).astype(np.uint16)
    for name in ("a.png", "a.tif", "a.pgm"):
        path = write(tmp_path / name, noise)
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(InputError):
            open_raster(path)


@pytest.mark.parametrize("magic", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM", b"P5", b"P2"])
def test_garbage_behind_a_good_start_is_an_error(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "a").write_bytes(magic + b"\x07" * 300)
    with pytest.raises(InputError):
        open_raster(tmp_path / "a")


def test_a_picture_of_absurd_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = struct.pack(">LLBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    raw = b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + chunk + struct.pack(">L", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(raw + struct.pack(">L", 0) + b"IDAT" + struct.pack(">L", zlib.crc32(b"IDAT")))
    with pytest.raises(UnsupportedError, match="60000 x 60000"):
        open_raster(tmp_path / "a.png")


@pytest.mark.parametrize("pixels", [GREY.astype(np.float32), GREY.astype(np.int32)], ids=["float", "int32"])
def test_pixels_that_are_no_grey_of_8_or_16_bits_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    with pytest.raises(UnsupportedError, match="8 or 16 bit"):
        open_raster(tmp_path / "a.tif")


def test_pages_of_different_size_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GREY, photometric="minisblack")
        writer.write(GREY[:10], photometric="minisblack")
    with pytest.raises(UnsupportedError, match="differ in size"):
        open_raster(tmp_path / "a.tif")


def test_a_picture_that_goes_away_is_an_error(tmp_path: Path) -> None:
    image = open_raster(write(tmp_path / "a.png", GREY))
    (tmp_path / "a.png").unlink()
    with pytest.raises(DecodeError):
        image.frame(0)


def test_real_pictures_open_with_their_view(shared_data: Path) -> None:
    paths = sorted((shared_data / "nyu_four_view").glob("*.png"))
    labels = [open_raster(path).attributes.view.label for path in paths]
    assert sorted(labels) == ["LCC", "LMLO", "RCC", "RMLO"]


@pytest.mark.parametrize(
    "raw",
    [
        b"P2 3 1 255 0 300 20\n",
        b"P2 3 1 255 0 -1 20\n",
        b"P2 3 1 255 0 99999999999999999999999 20\n",
        b"P2 3 1 255 0 x 20\n",
        b"P2 3 1 255 0 1\n",
        b"P5 3 1 100\n\x00\x65\x10",
        b"P5 1 1 1000\n\xff\xff",
        b"P5 1 1 0\n\x00",
        b"P5 1 1 70000\n\x00\x00",
        b"P3 1 1 255 0 256 0\n",
        b"P6 1 1 15\n\x00\x10\x00",
    ],
)
def test_values_beyond_what_the_header_states_are_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.pgm").write_bytes(raw)
    with pytest.raises(InputError):
        open_raster(tmp_path / "a.pgm")


def test_the_reason_tells_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_text("P2 3 1 255 0 300 20\n")
    with pytest.raises(DecodeError, match="outside 0 to 255") as caught:
        open_raster(tmp_path / "a.pgm")
    assert caught.value.path == tmp_path / "a.pgm"


@pytest.mark.parametrize(
    "raw",
    [
        b"P6 2 1 255\n\xff\x00\x00\x00\x00\x00",
        b"P3\n# red\n2 1\n255\n255 0 0  0 0 0\n",
        b"P6 2 1 256\n" + bytes([0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ],
    ids=["binary", "plain", "16 bit"],
)
def test_ppm_is_opened_as_colour(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.ppm").write_bytes(raw)
    image = open_raster(tmp_path / "a.ppm")
    assert image.attributes.samples == 3
    np.testing.assert_array_equal(image.frame(0), [[76, 0]])


def grey_as_colour(path: Path) -> Path:
    grey = PillowImage.fromarray(GREY)
    if path.suffix == ".ppm":
        path.write_bytes(b"P6 40 30 255\n" + np.repeat(GREY[..., None], 3, axis=2).tobytes())
    else:
        grey.convert(path.stem).save(path)
    return path


@pytest.mark.parametrize("name", ["RGB.png", "RGBA.png", "RGB.tif", "RGB.bmp", "RGB.jpg", "a.ppm"])
def test_grey_that_is_stored_as_colour_is_grey(tmp_path: Path, name: str) -> None:
    image = open_raster(grey_as_colour(tmp_path / name))
    assert image.attributes.samples == 1
    assert not any("colour" in notice.text for notice in image.attributes.warnings)
    if not image.attributes.lossy:
        np.testing.assert_array_equal(image.frame(0), GREY)
        assert image.attributes.identity == open_raster(write(tmp_path / "plain.png", GREY)).attributes.identity


@pytest.mark.parametrize("name", ["palette.png", "palette.tif", "palette.bmp"])
def test_a_palette_is_applied(tmp_path: Path, name: str) -> None:
    made = PillowImage.fromarray(GREY).convert("P")
    made.putpalette([value for level in range(256) for value in (255 - level,) * 3])
    made.save(tmp_path / name)
    image = open_raster(tmp_path / name)
    assert image.attributes.samples == 1
    np.testing.assert_array_equal(image.frame(0), 255 - GREY)
    made.putpalette([value for level in range(256) for value in (level, 0, 0)])
    made.save(tmp_path / name)
    coloured = open_raster(tmp_path / name)
    assert coloured.attributes.samples == 3
    assert coloured.frame(0).max() == round(0.299 * GREY.max())


def test_transparent_grey_stays_colour(tmp_path: Path) -> None:
    veiled = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])
    veiled[3, 3, 3] = 10
    PillowImage.fromarray(veiled).save(tmp_path / "a.png")
    assert open_raster(tmp_path / "a.png").attributes.samples == 3


@pytest.mark.parametrize(
    ("largest", "bits"),
    [(200, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14), (20000, 16), (100 * 257, 16)],
)
def test_the_depth_is_what_the_values_need(tmp_path: Path, largest: int, bits: int) -> None:
    pixels = np.array([[0, largest]], np.uint16)
    assert open_raster(write(tmp_path / "a.png", pixels)).attributes.BitsStored == bits


def test_the_depth_of_a_pgm_is_the_stated_one_and_stretched_bytes_have_16(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 4095\n\x00\x10\x00\x00")
    assert open_raster(tmp_path / "a.pgm").attributes.BitsStored == 12
    stretched = np.array([[0, 7 * 257, 20 * 257]], np.uint16)
    assert open_raster(write(tmp_path / "a.png", stretched)).attributes.BitsStored == 16
