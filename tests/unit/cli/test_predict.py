import argparse
import io
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from helpers.images import breast_like
from helpers.model_makers import boxes_bundle, brightest_bundle, dense_bundle, linear_bundle, whole_image_bundle

from mammoviewer.base.errors import ArgumentError, ExportError, InputError, ModelError
from mammoviewer.cli import predict
from mammoviewer.dicom.reader import open_paths
from mammoviewer.inference.manifest import load_manifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import predict_image


def call(*arguments):
    parser = argparse.ArgumentParser()
    predict.add_parser(parser.add_subparsers(dest="command", required=True))
    return predict.run(parser.parse_args([predict.NAME, *map(str, arguments)]))


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    brightest_bundle(tmp_path / "home" / "models" / "spots")
    linear_bundle(tmp_path / "home" / "models" / "linear")
    return tmp_path / "home" / "models"


@pytest.fixture
def picture(tmp_path):
    pixels = (breast_like(400, 300) * 0.02).astype(np.uint8)
    pixels[200:204, 240:244] = 250
    path = tmp_path / "RCC.png"
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture
def volume(tmp_path):
    frames = np.stack([(breast_like(400, 300) * 0.02).astype(np.uint8)] * 3)
    frames[1, 200:204, 240:244] = 220
    frames[2, 200:204, 240:244] = 250
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, frames, photometric="minisblack")
    return path


def document(out):
    return json.loads((out / "predictions.json").read_text())


def test_one_picture_gives_a_line_a_document_and_a_heatmap(picture, tmp_path, capsys):
    assert call(picture, "--model", "spots", "--out", tmp_path / "out", "--pixel-size", 0.1) == 0
    output = capsys.readouterr()
    assert output.err == ""
    (line,) = output.out.splitlines()
    assert str(picture) in line
    assert "peak" in line
    (image,) = document(tmp_path / "out")["images"]
    assert image["path"] == str(picture)
    assert image["uid"].startswith("sha256:")
    assert image["frames"] == [0]
    assert "assumptions" not in image
    best = image["detections"][0]
    assert abs(best["row"] - 201.5) < 16
    assert abs(best["column"] - 241.5) < 16
    heat = tifffile.imread(tmp_path / "out" / image["heatmap"])
    assert heat.shape == (400, 300)
    assert heat.dtype == np.float32
    assert np.isnan(heat[0, 0])
    assert heat[round(best["row"]), round(best["column"])] == pytest.approx(best["score"], abs=0.1)


def test_the_numbers_are_those_of_the_function_that_the_window_calls(picture, models, tmp_path):
    call(picture, "--model", "spots", "--out", tmp_path / "out", "--pixel-size", 0.1)
    image = open_paths([picture], pixel_spacing_mm=0.1).images[0]
    prediction = predict_image(image, 0, OnnxModel(load_manifest(models / "spots")))
    (written,) = document(tmp_path / "out")["images"]
    assert [one["score"] for one in written["detections"]] == [round(d.score, 6) for d in prediction.detections]
    assert [one["row"] for one in written["detections"]] == [round(d.row, 2) for d in prediction.detections]
    heat = tifffile.imread(tmp_path / "out" / "heatmap_0.tif")
    np.testing.assert_array_equal(heat, prediction.heatmap.resampled())


def test_without_a_pixel_size_the_picture_is_refused_in_one_line(picture, tmp_path, capsys):
    assert call(picture, "--model", "spots", "--out", tmp_path / "out") == 1
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert "pixel size" in line
    assert "--pixel-size" in line
    assert document(tmp_path / "out")["images"] == []
    assert call(picture, "--model", "spots", "--out", tmp_path / "out", "--force") == 0


def test_a_volume_is_searched_in_all_frames_and_each_place_told_once(volume, tmp_path, capsys):
    assert call(volume, "--model", "spots", "--out", tmp_path / "out", "--pixel-size", 0.1) == 0
    assert "3 frames" in capsys.readouterr().out
    (image,) = document(tmp_path / "out")["images"]
    assert image["frames"] == [0, 1, 2]
    assert image["score"] == max(image["frame_scores"])
    assert image["frame_scores"][0] < 0.5 < image["frame_scores"][1] < image["frame_scores"][2]
    assert {one["frame"] for one in image["detections"]} == {2}
    heat = tifffile.imread(tmp_path / "out" / "heatmap_0.tif")
    assert np.nanmax(heat) <= image["score"] + 1e-6
    assert np.nanmax(heat) > 0.9


@pytest.mark.parametrize(
    ("option", "value", "frames"), [("--frame", 1, [1]), ("--frames", "0,2", [0, 2]), ("--frames", "1-2", [1, 2])]
)
def test_frames_can_be_chosen(volume, tmp_path, option, value, frames):
    assert call(volume, "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1, option, value) == 0
    assert document(tmp_path / "o")["images"][0]["frames"] == frames


@pytest.mark.parametrize("text", ["", "x", "3-1", "-1", "1-", "0,,1"])
def test_a_list_that_names_no_frames_is_an_argument_error(text):
    with pytest.raises(ArgumentError):
        predict.parse_frames(text, 4)


def test_a_frame_that_is_not_there_is_the_files_fault():
    with pytest.raises(InputError, match="no frame 5"):
        predict.parse_frames("5", 4)


def test_a_missing_frame_fails_that_image_alone(volume, picture, tmp_path, capsys):
    code = call(picture, volume, "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1, "--frame", 2)
    assert code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [Path(image["path"]) for image in document(tmp_path / "o")["images"]] == [volume]


def test_the_explanation_is_written_too(picture, tmp_path):
    options = ("--out", tmp_path / "o", "--pixel-size", 0.1, "--cam")
    assert call(picture, "--model", "linear", *options) == 0
    (image,) = document(tmp_path / "o")["images"]
    cam = tifffile.imread(tmp_path / "o" / image["cam"])
    assert cam.shape == (400, 300)
    assert np.nanmin(cam) >= 0
    assert np.nanmax(cam) <= 1
    assert np.isnan(cam[0, 0])


def test_json_is_all_that_is_written_on_stdout_when_asked(picture, tmp_path, capsys):
    assert call(picture, "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1, "--json") == 0
    assert json.loads(capsys.readouterr().out) == document(tmp_path / "o")


def test_what_is_no_image_is_told_and_the_rest_goes_on(picture, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no image")
    code = call(picture, tmp_path / "notes.txt", "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1)
    assert code == 1
    assert "notes.txt" in capsys.readouterr().err
    assert len(document(tmp_path / "o")["images"]) == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--model", "none"), ModelError),
        (("--model", "spots", "--stride", 0), ArgumentError),
        (("--model", "spots", "--pixel-size", 0), ArgumentError),
        (("--model", "spots", "--threshold", 2), ArgumentError),
    ],
)
def test_options_out_of_range_are_expected_failures(picture, tmp_path, options, error):
    with pytest.raises(error):
        call(picture, "--out", tmp_path / "o", *options)
    assert not (tmp_path / "o").exists()


def test_a_model_without_a_dense_mode_runs_patches_and_says_so(picture, models, tmp_path, capsys):
    options = ("--pixel-size", 0.1, "--mode", "dense")
    assert call(picture, "--model", "spots", "--out", tmp_path / "o", *options) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "no dense mode" in line
    assert document(tmp_path / "o")["mode"] == "patches"
    dense_bundle(models / "whole")
    assert call(picture, "--model", "whole", "--out", tmp_path / "d", *options) == 0
    assert capsys.readouterr().err == ""
    assert document(tmp_path / "d")["mode"] == "dense"


@pytest.mark.parametrize("stride", [17, 100, 10**6])
def test_a_stride_beyond_the_patch_is_allowed_with_a_warning(picture, tmp_path, capsys, stride):
    options = ("--out", tmp_path / "o", "--pixel-size", 0.1, "--stride", stride, "--cam")
    assert call(picture, "--model", "linear", *options) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert f"stride of {stride}" in line
    assert tifffile.imread(tmp_path / "o" / "heatmap_0.tif").shape == (400, 300)


def test_a_picture_of_the_shape_of_the_patch_needs_no_pixel_size(tmp_path, capsys):
    path = tmp_path / "patch.png"
    assert cv2.imwrite(str(path), np.full((16, 16), 200, np.uint8))
    assert call(path, "--model", "spots", "--out", tmp_path / "o") == 0
    assert capsys.readouterr().err == ""
    (image,) = document(tmp_path / "o")["images"]
    assert image["assumptions"] == ["pixel size 0.1 mm, that of the model: the picture has the size of its patch"]
    assert call(path, "--model", "spots", "--out", tmp_path / "s", "--pixel-size", 0.1) == 0
    assert "assumptions" not in document(tmp_path / "s")["images"][0]


def test_a_forced_pixel_size_is_told(picture, tmp_path):
    assert call(picture, "--model", "spots", "--out", tmp_path / "o", "--force") == 0
    assert document(tmp_path / "o")["images"][0]["assumptions"] == ["pixel size 0.1 mm, that of the model"]


def test_a_volume_has_at_most_twenty_marks_the_best_first(tmp_path):
    frames = np.full((3, 300, 300), 40, np.uint8)
    for frame in range(3):
        for number in range(15):
            row, column = 30 + 60 * (number // 3), 30 + 40 * (number % 3) + 110 * (frame % 2)
            frames[frame, row : row + 4, column : column + 4] = 160 + 10 * frame + number
    tifffile.imwrite(tmp_path / "stack.tif", frames, photometric="minisblack")
    assert call(tmp_path / "stack.tif", "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1) == 0
    scores = [one["score"] for one in document(tmp_path / "o")["images"][0]["detections"]]
    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_how_far_a_volume_is(volume, tmp_path, monkeypatch, capsys):
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert call(volume, "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1) == 0
    shown = [part.strip() for part in terminal.getvalue().split("\r")]
    percents = [int(part.split("%")[0].split()[-1]) for part in shown if "%" in part]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert percents[-1] == 100
    assert any("frame 2 of 3" in part for part in shown)
    assert shown[-1] == ""
    assert "%" not in capsys.readouterr().out


def test_a_folder_without_images_is_an_expected_failure(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert call(tmp_path / "empty", "--model", "spots", "--out", tmp_path / "o") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "empty") in line


def test_a_folder_that_cannot_be_made_is_told_before_the_work(picture, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be made"):
        call(picture, "--model", "spots", "--out", tmp_path / "file" / "o", "--pixel-size", 0.1)


def test_a_file_that_is_no_image_is_told_in_one_line(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no image")
    assert call(tmp_path / "notes.txt", "--model", "spots", "--out", tmp_path / "o") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_usage_errors_exit_with_two(capsys):
    with pytest.raises(SystemExit) as caught:
        call("x.dcm")
    assert caught.value.code == 2
    assert "--model" in capsys.readouterr().err


def test_results_are_kept_and_taken_from_the_cache_unless_that_is_unwanted(picture, tmp_path, monkeypatch):
    ran = []
    original = OnnxModel.scores
    monkeypatch.setattr(OnnxModel, "scores", lambda self, batch: ran.append(len(batch)) or original(self, batch))
    call(picture, "--model", "spots", "--out", tmp_path / "a", "--pixel-size", 0.1)
    first = sum(ran)
    call(picture, "--model", "spots", "--out", tmp_path / "b", "--pixel-size", 0.1)
    assert sum(ran) == first > 0
    assert document(tmp_path / "a")["images"] == document(tmp_path / "b")["images"]
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a" / "heatmap_0.tif"), tifffile.imread(tmp_path / "b" / "heatmap_0.tif")
    )
    call(picture, "--model", "spots", "--out", tmp_path / "c", "--pixel-size", 0.1, "--no-cache")
    assert sum(ran) == 2 * first


def test_the_coarse_mode_looks_closer_only_where_it_is_worth_it(picture, models, tmp_path):
    brightest_bundle(models / "wide", patch=(32, 32), stride=4)
    call(picture, "--model", "wide", "--out", tmp_path / "o", "--pixel-size", 0.1, "--mode", "coarse")
    found = document(tmp_path / "o")
    assert found["mode"] == "coarse"
    assert abs(found["images"][0]["detections"][0]["row"] - 201.5) < 32


def test_slices_images_and_breasts_are_put_together_by_the_rules_asked_for(volume, picture, tmp_path, capsys):
    folder = tmp_path / "case"
    folder.mkdir()
    for path, name in ((picture, "LCC.png"), (volume, "RCC.tif")):
        path.rename(folder / name)
    rules = ("--over-slices", "top-2", "--over-images", "s3")
    assert call(folder, "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1, *rules) == 0
    found = document(tmp_path / "o")
    assert found["aggregation"] == {"slices": "top-2", "images": "s3", "breasts": "max"}
    stack = next(image for image in found["images"] if len(image["frames"]) == 3)
    assert stack["score"] == pytest.approx(np.mean(sorted(stack["frame_scores"])[1:]), abs=1e-5)
    (examination,) = found["examinations"]
    assert examination["score"] == max(breast["score"] for breast in examination["breasts"])
    assert "2 images by s3" in capsys.readouterr().out
    with pytest.raises(ArgumentError, match="no rule"):
        call(folder, "--model", "spots", "--out", tmp_path / "o", "--pixel-size", 0.1, "--over-images", "median")


def test_models_of_whole_images_and_of_boxes_run_too(picture, models, tmp_path, capsys):
    whole_image_bundle(models / "whole")
    boxes_bundle(models / "boxes")
    assert call(picture, "--model", "whole", "--out", tmp_path / "w", "--pixel-size", 0.1, "--mode", "dense") == 0
    assert "left aside" in capsys.readouterr().err
    (image,) = document(tmp_path / "w")["images"]
    assert set(image["scores"]) == {"dense", "bright", "even"}
    assert image["score"] == image["scores"]["bright"]
    assert not list((tmp_path / "w").glob("*.tif"))
    assert call(picture, "--model", "boxes", "--out", tmp_path / "b", "--pixel-size", 0.1) == 0
    (image,) = document(tmp_path / "b")["images"]
    assert {one["class_name"] for one in image["detections"]} == {"mass"}
    assert (tmp_path / "b" / image["heatmap"]).is_file()


def test_a_map_of_a_model_that_gives_boxes_is_refused_at_once(models, picture, tmp_path):
    boxes_bundle(models / "locator")
    with pytest.raises(ArgumentError, match=r"locator.1 gives boxes") as caught:
        call(picture, "--model", "locator", "--out", tmp_path / "out", "--cam")
    assert "--cam" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_model_without_an_int8_form_says_so_and_runs(picture, models, tmp_path, capsys):
    assert call(picture, "--model", "spots", "--out", tmp_path / "out", "--pixel-size", 0.1, "--int8") == 0
    assert "has no int8 form" in capsys.readouterr().err
    outputs = load_manifest(models / "spots").outputs
    assert outputs.absence not in ("", outputs.positive_class)
