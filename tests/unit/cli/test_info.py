from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from helpers import companion_makers
from helpers import dicom_makers as makers

from mammoviewer.cli import info
from mammoviewer.dicom.reader import open_paths


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    info.add_parser(parser.add_subparsers())
    return info.run(parser.parse_args(["info", *argv]))


@pytest.fixture
def mammogram(tmp_path: Path) -> Path:
    pixels = makers.ramp(8, 8)
    dataset = makers.mammogram(
        pixels,
        WindowCenter=[100, 200],
        WindowWidth=[10, 20],
        WindowCenterWidthExplanation=["SOFT", "HARD"],
        VOILUTSequence=[makers.voi_lut(range(4096), explanation="FILM")],
        PixelPaddingValue=0,
        KVP=29,
        Laterality="L",
    )
    return makers.save(tmp_path / "a.dcm", dataset, pixels)


def test_the_table_tells_what_matters(mammogram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mammogram.parent / "notes.bin").write_text("nothing")
    assert run(str(mammogram.parent)) == 0
    out = capsys.readouterr().out
    for words in ("MAMMOGRAM RMLO", "SOFT: center 100, width 10, LINEAR", "FILM: LUT", "mm at detector", "kVp"):
        assert words in out
    assert "contradict" in out
    assert f"{mammogram.parent / 'notes.bin'}: not opened: " in out


def test_json_holds_every_part(mammogram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(mammogram), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["rejected"] == []
    (image,) = document["images"]
    assert image["view"]["label"] == "RMLO"
    assert [(voi["type"], voi["explanation"]) for voi in image["vois"]] == [
        ("window", "SOFT"),
        ("window", "HARD"),
        ("lut", "FILM"),
    ]
    assert image["pixel_spacing"] == {
        "row_mm": 0.1, "column_mm": 0.1, "source": "mm at detector", "magnification": 1.0,
    }  # fmt: skip
    assert image["padding"] == {"low": 0, "high": 0}
    assert image["facts"] == {"kVp": "29"}
    assert "contradict" in image["warnings"][0]["text"]


def test_a_volume_tells_its_slices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = makers.np.stack([makers.ramp(8, 8)] * 3)
    assert run(str(makers.save(tmp_path / "a.dcm", makers.tomo(volume), volume))) == 0
    out = capsys.readouterr().out
    assert "3 frames of 8 rows x 8 columns" in out
    assert "slices 1 mm (nominal)" in out


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_nothing_opened_is_a_failure_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_text("no image")
    assert run(str(tmp_path), *flags) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "a.bin" in captured.err
    assert "(and 1 more)" in captured.err
    if flags:
        assert len(json.loads(captured.out)["rejected"]) == 2


def test_a_stated_pixel_size_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = makers.ramp(8, 8)
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(pixels, ImagerPixelSpacing=None), pixels)
    assert run(str(path), "--pixel-size", "0.05") == 0
    assert "0.05 x 0.05 mm, spacing stated by the user" in capsys.readouterr().out


def test_companions_are_named_with_what_they_are_of(mammogram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uid = open_paths([mammogram]).images[0].attributes.SOPInstanceUID
    failed = companion_makers.cad_report([uid], summary="111245", detections="111224", failed=True)
    companion_makers.save(mammogram.parent / "cad.dcm", failed)
    companion_makers.save(mammogram.parent / "gsps.dcm", companion_makers.presentation_state("1.9", "1.8"))
    assert run(str(mammogram.parent)) == 0
    out = capsys.readouterr().out
    for words in (
        "CAD report", "RMLO a.dcm", "FAILED: no result", "CalcFinder 2.1", "2 images that are not among these files",
    ):  # fmt: skip
        assert words in out
    assert run(str(mammogram.parent), "--json") == 0
    cad, gsps = json.loads(capsys.readouterr().out)["companions"]
    assert (cad["kind"], cad["status"], cad["opened"]) == ("CAD report", "failed", [str(mammogram)])
    assert cad["algorithms"][0]["status"] == "failed"
    assert (gsps["refers_to"], gsps["opened"]) == (["1.9", "1.8"], [])


def test_what_an_image_carries_in_its_header_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = makers.ramp(8, 8)
    dataset = companion_makers.add_overlay(makers.mammogram(pixels), makers.np.ones((3, 3)))
    path = makers.save(tmp_path / "a.dcm", dataset, pixels)
    assert run(str(path)) == 0
    assert "overlay: Marker; 1 mask" in capsys.readouterr().out
    assert run(str(path), "--json") == 0
    (image,) = json.loads(capsys.readouterr().out)["images"]
    assert image["companions"] == [{"kind": "overlay", "tells": ["Marker", "1 mask"]}]


def test_the_character_set_and_the_duke_convention_are_options_of_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = makers.np.zeros((40, 60), makers.np.uint16)
    frame[2:15, 30:] = 900
    volume = makers.np.stack([frame] * 3)
    path = makers.save(tmp_path / "a.dcm", makers.tomo(volume, PatientName="12345^Test"), volume)
    path.write_bytes(path.read_bytes().replace(b"12345^Test", "Иванов^Ив".encode("cp1251") + b" "))
    assert run(str(path), "--charset", "windows-1251", "--duke-convention") == 0
    out = capsys.readouterr().out
    assert "Иванов^Ив" in out
    assert "turned by 180 degrees" in out
    assert run(str(path)) == 0
    assert "turned" not in capsys.readouterr().out


def test_a_folder_of_good_and_bad_files_is_summed_up(mammogram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mammogram.parent / "notes.bin").write_text("nothing")
    assert run(str(mammogram.parent)) == 0
    assert capsys.readouterr().out.endswith("\n1 image, 1 of them with problems; 0 companions; 1 file not opened\n")


def test_a_check_names_damaged_frames_and_the_decoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = makers.np.stack([makers.texture(seed=seed) for seed in range(3)])
    path = makers.save(
        tmp_path / "a.dcm",
        makers.tomo(volume),
        volume,
        syntax=makers.JPEG_LS,
        edit=lambda streams: [streams[0], streams[1][:300], streams[2]],
    )
    assert run(str(path)) == 0
    assert "frame 2" not in capsys.readouterr().out
    assert run(str(path), "--check") == 1
    captured = capsys.readouterr()
    assert "frame 2" in captured.out
    assert "imagecodecs jpegls" in captured.out
    assert captured.err == "mammoviewer: 1 damaged frame in 1 file (ask for the files again)\n"
    assert run(str(path), "--check", "--json") == 1
    assert "frame 2" in str(json.loads(capsys.readouterr().out)["images"][0]["warnings"])


def mixed_folder(folder: Path) -> dict[str, str]:
    """Make good and bad files; return for each bad one what must be told of it."""
    pixels = makers.texture()
    volume = makers.np.stack([makers.texture(seed=seed) for seed in range(4)])
    makers.save(folder / "good.dcm", makers.mammogram(pixels, WindowCenter=9, WindowWidth=9), pixels)
    cut = makers.save(folder / "cut.dcm", makers.tomo(volume), volume)
    cut.write_bytes(cut.read_bytes()[:-9000])
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "garbage.dcm").write_bytes(b"no image at all" * 99)
    makers.save(folder / "sides.dcm", makers.mammogram(pixels, Laterality="L", PatientOrientation=["X", "Y"]), pixels)
    value = makers.pixel_items(b"\0\0\1\xba" * 100)
    makers.save_fragments(folder / "film.dcm", makers.mammogram(pixels), "1.2.840.10008.1.2.4.100", value)
    makers.save(
        folder / "frame.dcm", makers.tomo(volume), volume, syntax=makers.JPEG_LS,
        edit=lambda streams: [streams[0], streams[1][:300], *streams[2:]],
    )  # fmt: skip
    companion_makers.save(folder / "seg.dcm", companion_makers.segmentation("1.9.9", makers.np.ones((1, 4, 4))))
    return {
        "cut.dcm": "2 of 4 frames -> ask for the file again",
        "empty.dcm": "not opened: the file is empty -> ask",
        "garbage.dcm": "not opened: the file is neither DICOM",
        "sides.dcm": "contradict one another -> look for the marker",
        "film.dcm": "MPEG2 Main Profile / Main Level is not supported -> ask for it uncompressed",
        "frame.dcm": "frame 2: the compressed frame is cut short -> ask",
        "seg.dcm": "it speaks of 1 image that is not among these files -> open it together",
    }


def test_every_problem_of_a_mixed_folder_is_named_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = mixed_folder(tmp_path)
    assert run(str(tmp_path), "--check") == 1
    told = capsys.readouterr().out.split("\nProblems:\n")[1].split("\n\n")[0].splitlines()
    for name, words in expected.items():
        assert any(f"{name}: " in line and words in line for line in told), name
    assert all(" -> " in line for line in told)
    assert not any("good.dcm" in line for line in told)
    assert run(str(tmp_path), "--check", "--json") == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert len(problems) == len(told)
    assert {Path(problem["path"]).name for problem in problems} == expected.keys()


def test_all_that_did_not_open_is_told_when_nothing_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_text("no image")
    assert run(str(tmp_path)) == 1
    assert capsys.readouterr().out.count("not opened: ") == 2


def test_a_check_looks_at_masks_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = makers.np.random.default_rng(3).integers(0, 3, (2, 24, 40)).astype(makers.np.uint8)
    made = companion_makers.segmentation("1.9", values, kind="LABELMAP")
    del made.PixelData
    good = makers.compress(values[0], makers.JPEG_2000, bits=8)
    value = makers.pixel_items(good, good[: len(good) // 2])
    makers.save_fragments(tmp_path / "seg.dcm", made, makers.JPEG_2000, value)
    assert run(str(tmp_path)) == 0
    assert "mask 2" not in capsys.readouterr().out
    assert run(str(tmp_path), "--check") == 1
    captured = capsys.readouterr()
    assert captured.out.count("mask 2 of the segmentation") == 2  # among what it tells, and among the problems
    assert "1 damaged frame in 1 file" in captured.err
