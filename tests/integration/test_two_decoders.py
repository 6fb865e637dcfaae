"""Every transfer syntax through this program and through a decoder that shares no code with it: the same bits.

JPEG 2000 is the exception: what is free to use of it is OpenJPEG in two builds, so the source is the second witness.
Where coding is irreversible the standard does not fix every bit: JPEG's and JPEG-LS's decoders agree all the same, two
of HTJ2K within one level.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from helpers import dicom_makers as makers

from mammoviewer.dicom.codestream import CODEC_OF_SYNTAX, NATIVE_SYNTAXES
from mammoviewer.dicom.reader import open_paths

pytestmark = pytest.mark.integration
JPEG_BASELINE, JPEG_EXTENDED, JPEG_PROCESS_14 = (f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 57))
JPEG_LS_NEAR, JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"
DEFLATED = "1.2.840.10008.1.2.1.99"
HTJ2K_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{last}" for last in (201, 202, 203))
UNCOMPRESSED = (makers.NATIVE, makers.IMPLICIT, makers.BIG_ENDIAN)
WITNESSED = {
    JPEG_BASELINE, JPEG_EXTENDED, JPEG_PROCESS_14, makers.JPEG_LOSSLESS, makers.JPEG_LS, JPEG_LS_NEAR, makers.JPEG_2000,
    JPEG_2000_LOSSY, *HTJ2K_SYNTAXES, makers.RLE, *UNCOMPRESSED, DEFLATED,
}  # fmt: skip
"""Those that the tests below go through."""
SMOOTH = (np.add.outer(np.arange(48) ** 1.5, np.arange(64) * 3) * 4).astype(np.uint16)
PIXELS = makers.texture(bits=12)


def test_no_syntax_that_is_read_is_without_a_witness() -> None:
    assert {*CODEC_OF_SYNTAX, *NATIVE_SYNTAXES, DEFLATED} == WITNESSED


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} (dcmtk) is not installed")
    return found


def ours(path: Path) -> np.ndarray:
    result = open_paths([path])
    assert not result.rejected, result.rejected
    return result.images[0].frame(0)


def decompressed(path: Path, program: str) -> np.ndarray:
    """Return the pixels as dcmtk decodes them."""
    out = path.with_suffix(".raw.dcm")
    done = subprocess.run([tool(program), str(path), str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pydicom.dcmread(out).pixel_array


def compressed(path: Path, program: str, *options: str) -> Path:
    """Write the texture natively and let dcmtk compress it."""
    native = makers.save(path.with_suffix(".native.dcm"), makers.mammogram(PIXELS), PIXELS)
    done = subprocess.run(
        [tool(program), *options, str(native), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize(
    ("syntax", "pixels", "bits", "options"),
    [
        (JPEG_BASELINE, (SMOOTH >> 4).astype(np.uint8), 8, {"level": 90}),
        (JPEG_EXTENDED, SMOOTH, 12, {"level": 90, "bitspersample": 12}),
        (JPEG_PROCESS_14, PIXELS, 12, {"lossless": True, "predictor": 6, "bitspersample": 12}),
        (makers.JPEG_LOSSLESS, PIXELS, 12, {"lossless": True, "predictor": 1, "bitspersample": 12}),
        (makers.JPEG_LOSSLESS, PIXELS, 16, {"lossless": True, "predictor": 1, "bitspersample": 16}),
    ],
    ids=["baseline", "extended-12", "lossless-57", "lossless-70", "lossless-70-16"],
)
def test_jpeg_equals_dcmtk(tmp_path: Path, syntax: str, pixels: np.ndarray, bits: int, options: dict) -> None:
    value = makers.pixel_items(bytes(imagecodecs.jpeg8_encode(pixels, **options)))
    path = makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(pixels, bits=bits), syntax, value)
    np.testing.assert_array_equal(ours(path), decompressed(path, "dcmdjpeg"))


@pytest.mark.parametrize("option", ["+e1", "+el", "+ee"])
def test_jpeg_of_dcmtk_is_read(tmp_path: Path, option: str) -> None:
    path = compressed(tmp_path / "a.dcm", "dcmcjpeg", option)
    shown = ours(path)
    np.testing.assert_array_equal(shown, decompressed(path, "dcmdjpeg"))
    if option != "+ee":
        np.testing.assert_array_equal(shown, PIXELS)


@pytest.mark.parametrize(("syntax", "near"), [(makers.JPEG_LS, 0), (JPEG_LS_NEAR, 3)])
def test_jpeg_ls_equals_dcmtk(tmp_path: Path, syntax: str, near: int) -> None:
    value = makers.pixel_items(bytes(imagecodecs.jpegls_encode(PIXELS, level=near)))
    path = makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(PIXELS), syntax, value)
    np.testing.assert_array_equal(ours(path), decompressed(path, "dcmdjpls"))


def test_jpeg_ls_of_dcmtk_is_read(tmp_path: Path) -> None:
    np.testing.assert_array_equal(ours(compressed(tmp_path / "a.dcm", "dcmcjpls")), PIXELS)


@pytest.mark.parametrize("syntax", HTJ2K_SYNTAXES)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_htj2k_equals_openjpeg(tmp_path: Path, bits: int, syntax: str) -> None:
    pixels = makers.texture(bits=bits)
    stream = makers.compress(pixels, makers.HTJ2K)
    dataset = makers.mammogram(pixels, bits=bits)
    path = makers.save_fragments(tmp_path / "a.dcm", dataset, syntax, makers.pixel_items(stream))
    np.testing.assert_array_equal(ours(path), imagecodecs.jpeg2k_decode(stream))
    np.testing.assert_array_equal(ours(path), pixels)


def test_lossy_htj2k_is_within_one_level_of_openjpeg(tmp_path: Path) -> None:
    """The irreversible wavelet is one of real numbers: the standard leaves their rounding to the decoder."""
    stream = bytes(imagecodecs.htj2k_encode(SMOOTH, reversible=False, level=0.001))
    path = makers.save_fragments(
        tmp_path / "a.dcm", makers.mammogram(SMOOTH), HTJ2K_SYNTAXES[-1], makers.pixel_items(stream)
    )
    other = imagecodecs.jpeg2k_decode(stream)
    assert np.abs(ours(path).astype(int) - np.minimum(other, 4095)).max() <= 1
    assert not np.array_equal(ours(path), SMOOTH)


@pytest.mark.parametrize(("syntax", "level"), [(makers.JPEG_2000, 0), (JPEG_2000_LOSSY, 60)])
def test_jpeg_2000_equals_the_other_build_and_the_source(tmp_path: Path, syntax: str, level: int) -> None:
    import openjpeg

    stream = bytes(imagecodecs.jpeg2k_encode(PIXELS, level=level, codecformat="j2k", reversible=level == 0))
    path = makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(PIXELS), syntax, makers.pixel_items(stream))
    np.testing.assert_array_equal(ours(path), openjpeg.decode(stream))
    if level == 0:
        np.testing.assert_array_equal(ours(path), PIXELS)


@pytest.mark.parametrize("bits", [8, 12])
def test_run_length_equals_dcmtk_and_pydicom(tmp_path: Path, bits: int) -> None:
    pixels = makers.ramp(bits=bits)
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(pixels, bits=bits), pixels, syntax=makers.RLE)
    np.testing.assert_array_equal(ours(path), decompressed(path, "dcmdrle"))
    decoder = pydicom.pixels.get_decoder(makers.RLE)
    np.testing.assert_array_equal(ours(path), decoder.as_array(pydicom.dcmread(path), decoding_plugin="pydicom")[0])


@pytest.mark.parametrize("syntax", UNCOMPRESSED)
def test_uncompressed_equals_pydicom(tmp_path: Path, syntax: str) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(PIXELS), PIXELS, syntax=syntax)
    np.testing.assert_array_equal(ours(path), pydicom.dcmread(path).pixel_array)


def test_deflated_equals_dcmtk(tmp_path: Path) -> None:
    native = makers.save(tmp_path / "n.dcm", makers.mammogram(PIXELS), PIXELS)
    path, back = tmp_path / "a.dcm", tmp_path / "b.dcm"
    subprocess.run([tool("dcmconv"), "+td", str(native), str(path)], check=True)
    assert pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID == DEFLATED
    subprocess.run([tool("dcmconv"), "+te", str(path), str(back)], check=True)
    np.testing.assert_array_equal(ours(path), pydicom.dcmread(back).pixel_array)
