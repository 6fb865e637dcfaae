import argparse
import csv

import cv2
import numpy as np
import pytest
from helpers.images import breast_like
from helpers.model_makers import brightest_bundle

from mammoviewer.base.errors import ArgumentError, InputError, ModelError
from mammoviewer.cli import explain


def call(*arguments):
    parser = argparse.ArgumentParser()
    explain.add_parser(parser.add_subparsers(dest="command", required=True))
    return explain.run(parser.parse_args([explain.NAME, *map(str, arguments)]))


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    brightest_bundle(
        tmp_path / "home" / "models" / "spots",
        patch=(60, 60),
        pixel_size_mm=0.085,
        classes=("normal", "microcalcification"),
        method="occlusion",
    )


@pytest.fixture
def patches(tmp_path):
    """Eight INFN patches: a bright spot in 0, 1, 4 and 5, called a cluster in 0 to 3."""
    folder = tmp_path / "infn"
    folder.mkdir()
    lines = ["file,label,case"]
    for number in range(8):
        pixels = np.full((60, 60), 40, dtype=np.uint8)
        if number in (0, 1, 4, 5):
            pixels[40:44, 10:14] = 250
        assert cv2.imwrite(str(folder / f"p{number}.png"), pixels)
        lines.append(f"p{number}.png,{int(number < 4)},c{number}")
    (folder / "patches.csv").write_text("\n".join(lines))
    return folder


def rows(out):
    with (out / "explanations.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize(
    ("outcome", "names"), [("tp", {"p0", "p1"}), ("fn", {"p2", "p3"}), ("fp", {"p4", "p5"}), ("tn", {"p6", "p7"})]
)
def test_only_images_with_the_outcome_are_explained(patches, tmp_path, outcome, names):
    out = tmp_path / outcome
    assert call("--model", "spots", "--data", patches, "--outcome", outcome, "--out", out) == 0
    assert {row["name"] for row in rows(out)} == names
    assert {row["outcome"] for row in rows(out)} == {outcome}


def test_the_files_of_a_patch_show_where_the_spot_is(patches, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("--model", "spots", "--data", patches, "--outcome", "tp", "--format", "png,npy,csv", "--out", out) == 0
    assert capsys.readouterr().out.strip() == str(out / "index.html")
    first = rows(out)[0]
    names = first["files"].split()
    assert [name.rpartition(".")[2] for name in names] == ["png", "npy", "csv"]
    values = np.load(out / names[1])
    assert values.shape == (60, 60)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    assert abs(row - 41.5) < 3
    assert abs(column - 11.5) < 3
    with (out / names[2]).open(newline="") as handle:
        best = max(csv.DictReader(handle), key=lambda line: float(line["value"]))
    assert float(best["value"]) == 1.0
    assert abs(float(best["row"]) - 41.5) < 3
    picture = cv2.imread(str(out / names[0]))
    assert picture.shape == (480, 480, 3)
    colour = np.ptp(picture[round(41.5 * 8), round(11.5 * 8)].astype(int))
    assert colour > 30, "the map is in colour where the spot is"
    assert np.ptp(picture[20, 460].astype(int)) == 0, "and nowhere else"
    page = (out / "index.html").read_text()
    assert page.count("<figure") == 2
    assert f'src="{names[0]}"' in page
    assert "TP" in page


def test_the_sample_is_random_but_the_same_for_a_seed(patches, tmp_path):
    def drawn(seed, out):
        assert call("--model", "spots", "--data", patches, "--sample", 3, "--seed", seed, "--out", tmp_path / out) == 0
        return [row["name"] for row in rows(tmp_path / out)]

    assert len(drawn(1, "a")) == 3
    assert drawn(1, "b") == drawn(1, "c")
    assert len({tuple(drawn(seed, f"s{seed}")) for seed in range(4)}) > 1


def test_a_form_that_an_image_cannot_have_is_told_and_the_others_are_written(patches, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("--model", "spots", "--data", patches, "--sample", 1, "--format", "npy,seg", "--out", out) == 1
    assert "seg: a DICOM SEG needs a mammogram" in capsys.readouterr().err
    (row,) = rows(out)
    assert row["files"].endswith(".npy")
    assert row["problem"].startswith("seg: ")


def test_images_of_any_folder_are_explained_whole_without_an_outcome(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    pixels = (breast_like(400, 300) * 0.02).astype(np.uint8)
    pixels[200:204, 240:244] = 250
    assert cv2.imwrite(str(folder / "RCC.png"), pixels)
    out = tmp_path / "out"
    arguments = ("--model", "spots", "--data", folder, "--format", "npy", "--out", out, "--force")
    assert call(*arguments, "--method", "eigencam", "--above-noise") == 0
    (row,) = rows(out)
    assert (row["outcome"], row["truth"], row["method"]) == ("?", "", "eigencam")
    assert np.load(out / row["files"]).shape == (400, 300)
    with pytest.raises(InputError, match="no image of the data set is explained"):
        call(*arguments, "--outcome", "tp")


def test_the_page_shows_what_there_is_while_the_rest_is_made(patches, tmp_path, monkeypatch):
    monkeypatch.setattr(explain, "_RENEWED_EVERY_S", 0.0)
    shown = []
    add = explain.Gallery.add

    def looked_at(gallery, found):
        add(gallery, found)
        shown.append((gallery.folder / "index.html").read_text(encoding="utf-8").count("<figure"))

    monkeypatch.setattr(explain.Gallery, "add", looked_at)
    assert call("--model", "spots", "--data", patches, "--sample", 3, "--out", tmp_path / "o") == 0
    assert shown == [1, 2, 3]


def test_heatmaps_of_films_are_kept_and_taken_again(tmp_path, monkeypatch):
    folder = tmp_path / "films"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "RCC.png"), (breast_like(400, 300) * 0.02).astype(np.uint8))
    arguments = ("--model", "spots", "--data", folder, "--format", "npy", "--method", "eigencam", "--force")
    assert call(*arguments, "--out", tmp_path / "first") == 0

    def refuse(*arguments, **options):
        raise ModelError("it ran again")

    monkeypatch.setattr("mammoviewer.inference.predict.predict_prepared", refuse)
    assert call(*arguments, "--out", tmp_path / "again") == 0
    with pytest.raises(InputError):
        call(*arguments, "--no-cache", "--out", tmp_path / "anew")
    damaged = tmp_path / "home" / "models" / "spots" / "model.onnx"
    damaged.write_bytes(damaged.read_bytes()[::-1])
    with pytest.raises(ModelError, match="SHA-256"):
        call(*arguments, "--out", tmp_path / "damaged")


def test_what_cannot_be_is_refused(patches, tmp_path):
    common = ("--model", "spots", "--data", patches, "--out", tmp_path / "out")
    with pytest.raises(ArgumentError, match="'gif'"):
        call(*common, "--format", "png,gif")
    with pytest.raises(ArgumentError, match="negative"):
        call(*common, "--sample", -1)
    with pytest.raises(InputError):
        call("--model", "spots", "--data", tmp_path / "nothing", "--out", tmp_path / "out")
