import io

import numpy as np
import pytest
from helpers.layout_makers import infn
from helpers.model_makers import boxes_bundle, brightest_bundle, whole_image_bundle

from mammoviewer.base.errors import ArgumentError, InputError
from mammoviewer.datasets.cases import Case
from mammoviewer.datasets.layouts import load_cases
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.quantise_data import HEADING, _Collecting, examples_of, write_int8_section

FACTS = {
    "kept": True,
    "reason": "",
    "calibrated_on": 8,
    "measured_on": 9,
    "mean_abs_dp": 0.01,
    "max_abs_dp": 0.1,
    "auc_float": 0.9,
    "auc_int8": 0.91,
    "bytes_float": 4096,
    "bytes_int8": 1024,
    "speed_up": 1.5,
    "vnni": False,
}


def test_patches_come_with_the_label_and_the_patient_that_evaluate_gives_them(tmp_path):
    cases = load_cases(infn(tmp_path / "data"))
    model = OnnxModel(brightest_bundle(tmp_path / "m", classes=("normal", "microcalcification")))
    found = examples_of(model, cases, force=True)
    assert found.patches.shape == (len(cases), 1, 16, 16)
    assert found.labels == tuple(int(case.labels != ("normal",)) for case in cases.cases)
    assert found.patients == tuple(case.patient for case in cases.cases)
    assert len(examples_of(model, cases, limit=2, force=True).labels) == 2


def test_of_a_volume_some_slices_are_kept_with_the_label_of_the_volume(tmp_path):
    model = OnnxModel(whole_image_bundle(tmp_path / "m"))
    run = _Collecting(model)
    for case, slices in (("one", 30), ("two", 3)):
        for number in range(slices):
            run.scores(np.full((1, model.manifest.channels, 40, 30), number, dtype=np.float32))
        truth = tuple(int(index == 1) for index in range(len(model.manifest.outputs.classes)))
        run.unit(Case(tmp_path / case, case), case, truth, np.zeros(len(truth)))
    run.close()
    assert [value[0, 0, 0] for value in run.kept] == [0, 4, 8, 12, 16, 20, 24, 29, 0, 1, 2]
    assert {patient for _, patient in run.told[:8]} == {"one"}
    assert len(run.told) == 11


def test_slices_of_a_volume_that_fails_half_way_are_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr("mammoviewer.training.evaluation_scoring._open", lambda case: io.BytesIO())
    model = OnnxModel(whole_image_bundle(tmp_path / "m"))
    run = _Collecting(model)

    def work(case, image):
        for number in range(3):
            if case.patient.startswith("bad") and number == 2:
                raise InputError("the frame cannot be decoded")
            run.scores(np.full((1, model.manifest.channels, 40, 30), number, dtype=np.float32))
        run.unit(case, case.name, (0, 1, 0), np.zeros(3))

    run.each([Case(tmp_path / name, name) for name in ("bad one", "one", "bad two", "two", "bad last")], work)
    run.close()
    assert [value[0, 0, 0] for value in run.kept] == [0, 1, 2] * 2
    assert [patient for _, patient in run.told] == ["one"] * 3 + ["two"] * 3


def test_models_that_give_boxes_have_no_int8_form(tmp_path):
    cases = load_cases(infn(tmp_path / "data"))
    with pytest.raises(ArgumentError, match="boxes"):
        examples_of(OnnxModel(boxes_bundle(tmp_path / "m")), cases)


def test_the_card_tells_the_agreement_once_and_keeps_what_stands_around_it(tmp_path):
    card = tmp_path / "CARD.md"
    card.write_text(f"# A model\n\n{HEADING}\nold\n\n## Made by\nsomebody\n", encoding="utf-8")
    write_int8_section(tmp_path, FACTS, "infn")
    text = card.read_text(encoding="utf-8")
    assert text.startswith(f"# A model\n\n{HEADING}\nStatic quantisation")
    assert text.endswith("\n\n## Made by\nsomebody\n")
    assert "old" not in text
    assert "AUC 0.9100 instead of 0.9000" in text
    assert "1.50 times as fast" in text
    write_int8_section(tmp_path, {**FACTS, "kept": False, "reason": "it differs", "auc_int8": None}, "infn")
    again = card.read_text(encoding="utf-8")
    assert again.count(HEADING) == 1
    assert "not kept: it differs." in " ".join(again.split())
    assert "AUC" not in again
