"""Phantom exams as a data set: lesions with severity and slices, exams without, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mammoviewer.base.errors import InputError
from mammoviewer.datasets.layouts import detect_layout, load_cases


def lesion(number: int, kind: str, *, spiculated: bool = False) -> dict[str, object]:
    place = {"row": 40.0, "column": 20.0, "radius_px": 5.0}
    return {
        "id": f"L-{number}",
        "type": kind,
        "laterality": "L",
        "spiculated": spiculated,
        "views": {"LCC": {"file": "LCC.dcm", **place}},
        "tomo": {"file": "LMLO-tomo.dcm", **place, "frame": 12, "first_frame": 10, "last_frame": 14},
    }


def exam(folder: Path, seed: int, lesions: list[dict[str, object]]) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    files = ["RCC.dcm", "LCC.dcm", "LMLO-tomo.dcm"]
    for name in files:
        (folder / name).write_bytes(b"x")
    truth = {"schema_version": 1, "seed": seed, "density": "C", "files": files, "lesions": lesions}
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return truth


def test_lesions_of_all_exams_become_findings(tmp_path: Path) -> None:
    exam(tmp_path / "exam-1", 1, [lesion(1, "mass", spiculated=True), lesion(2, "mass"), lesion(3, "cluster")])
    exam(tmp_path / "exam-2", 2, [])
    assert detect_layout(tmp_path) == "phantom"
    cases = load_cases(tmp_path)
    assert not cases.missing
    assert [(case.patient, case.name, case.severity) for case in cases.cases] == [
        ("phantom 1", "RCC", "normal"),
        ("phantom 1", "LCC", "malignant"),
        ("phantom 1", "LMLO-tomo", "malignant"),
        ("phantom 2", "RCC", "normal"),
        ("phantom 2", "LCC", "normal"),
        ("phantom 2", "LMLO-tomo", "normal"),
    ]
    volume = cases.cases[2]
    assert [finding.label for finding in volume.findings] == ["malignant", "benign", ""]
    assert volume.findings[0].frames == (10, 14)
    assert volume.findings[0].box == (35.0, 15.0, 45.0, 25.0)
    assert (volume.breast, volume.view, volume.strata["density"]) == ("L", "MLO", "C")


def test_a_missing_image_is_told_and_the_others_stay(tmp_path: Path) -> None:
    exam(tmp_path, 1, [])
    (tmp_path / "LCC.dcm").unlink()
    cases = load_cases(tmp_path)
    assert [case.name for case in cases.cases] == ["RCC", "LMLO-tomo"]
    assert "missing" in str(cases.missing[0])


@pytest.mark.parametrize("change", [{"schema_version": 9}, {"files": 3}, {"lesions": [{}]}, {"files": ["../x.dcm"]}])
def test_a_damaged_truth_is_refused_by_name(tmp_path: Path, change: dict[str, object]) -> None:
    truth = exam(tmp_path / "exam-1", 1, [])
    (tmp_path / "exam-1" / "truth.json").write_text(json.dumps({**truth, **change}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_cases(tmp_path)
    assert caught.value.path == tmp_path / "exam-1" / "truth.json"
