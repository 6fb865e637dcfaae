from __future__ import annotations

import cv2
import numpy as np
import pytest

from mammoviewer.cli.main import run
from mammoviewer.cli.values import choose_voi, describe_voi
from mammoviewer.imaging.voi import VoiFunction, Window


def never(request):
    raise AssertionError("the window must not be opened")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "ramp.png"
    cv2.imwrite(str(path), np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(4, 0).repeat(4, 1))
    return path


def test_a_picture_without_a_window_comes_out_as_it_is(picture, tmp_path):
    assert run(["render", str(picture), "--out", str(tmp_path / "o.png")], show=never) == 0
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "o.png"), -1), cv2.imread(str(picture), -1))


def test_size_bits_and_inversion(picture, tmp_path):
    out = tmp_path / "o.png"
    assert (
        run(["render", str(picture), "--out", str(out), "--bits", "16", "--size", "32x48", "--invert"], show=never) == 0
    )
    pixels = cv2.imread(str(out), -1)
    assert pixels.shape == (48, 32)
    assert pixels.dtype == np.uint16
    assert pixels[0, 0] > pixels[-1, -1]


def test_own_window(picture, tmp_path):
    out = tmp_path / "o.png"
    assert run(["render", str(picture), "--out", str(out), "--window", "128,2,LINEAR_EXACT"], show=never) == 0
    pixels = cv2.imread(str(out), -1)
    assert set(np.unique(pixels)) <= {0, 127, 128, 255}


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        (1, ["--window", "NOSUCH"]),
        (2, ["--window", "1,0"]),
        (2, ["--window", "-1,0"]),
        (2, ["--window", "1,nan"]),
        (1, ["--window", "\u00b2"]),
        (1, ["--lut", "NOSUCH"]),
        (1, ["--lut", "\u00b2"]),
        (1, ["--frame", "1"]),
        (1, ["--frame", "-1"]),
        (1, ["--out", "x.xyz"]),
        (1, ["--overlay", "heatmap", "--model", "nosuch"]),
        (0, ["--overlay", "findings"]),
    ],
)
def test_bad_options_are_one_line(picture, tmp_path, code, extra, capsys, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert run(["render", str(picture), "--out", str(tmp_path / "o.png"), *extra], show=never) == code
    told = [line for line in capsys.readouterr().err.splitlines() if "pixel size" not in line]
    assert len(told) == 1


@pytest.mark.parametrize(
    "extra",
    [
        ["--size", "0x5"],
        ["--size", "big"],
        ["--size", "\u00b2x\u00b2"],
        ["--filter", "nosuch"],
        ["--filter", "clahe:tiles=many"],
        ["--opacity", "nan"],
        ["--opacity", "-3"],
        ["--threshold", "7"],
        ["--colormap", "zzz"],
        ["--bits", "12"],
    ],
)
def test_malformed_options_are_usage(picture, tmp_path, extra, capsys):
    with pytest.raises(SystemExit) as stop:
        run(["render", str(picture), "--out", str(tmp_path / "o.png"), *extra], show=never)
    assert stop.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_window_may_begin_with_a_minus(picture, tmp_path):
    out = tmp_path / "o.png"
    assert run(["render", str(picture), "--out", str(out), "--window", "-100,5", "--size", "NATIVE"], show=never) == 0
    assert (cv2.imread(str(out), -1) == 255).all()


def test_own_values_take_the_function_of_the_file(shared_data):
    from mammoviewer.dicom.reader import open_paths

    image = open_paths([shared_data / "dicom" / "ge_essential_rmlo.dcm"]).images[0]
    assert choose_voi(image, 0, window="2653,900", lut=None).function is VoiFunction.SIGMOID
    assert choose_voi(image, 0, window="2653,900,LINEAR", lut=None).function is VoiFunction.LINEAR
    assert choose_voi(image, 0, window="Auto", lut=None).explanation != "NORMAL"


def test_windows_and_luts_are_found_by_their_explanation(shared_data):
    from mammoviewer.dicom.reader import open_paths

    image = open_paths([shared_data / "dicom" / "ge_essential_rmlo.dcm"]).images[0]
    harder = choose_voi(image, 0, window="harder", lut=None)
    assert isinstance(harder, Window)
    assert harder.function is VoiFunction.SIGMOID
    assert describe_voi(harder).endswith("HARDER")
    assert describe_voi(choose_voi(image, 0, window=None, lut="SOFTER")) == "VOI LUT SOFTER"
    assert choose_voi(image, 0, window="2", lut=None) is harder
