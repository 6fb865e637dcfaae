"""Models of brightness alone, whose answers on generated data sets can be told."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from helpers import layout_makers as make
from helpers.model_makers import boxes_bundle, make_bundle, onnx_bytes

from mammoviewer.base.errors import ArgumentError, Cancelled, InputError, ModelError
from mammoviewer.datasets.cases import Case, CaseFinding, CaseList
from mammoviewer.datasets.layouts import load_cases
from mammoviewer.datasets.splits import Split, write_split
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.training.evaluation import EvaluationOptions, data_hash, evaluate, limited, training_patients_among

QUICK = EvaluationOptions(resamples=40)
MINUTE = {"voi": {"op": "voi", "window": "default"}, "scale": {"op": "scale", "divide_by": 255}}


def brightness(folder: Path, side: int, classes: tuple[str, ...], gains: tuple[float, ...], **changes) -> ModelManifest:  # type: ignore[no-untyped-def]
    """Write a model whose logit k is gains[k] * (mean of the middle half of the patch - .5); one for two classes."""
    quarter = side // 4
    helper = onnx.helper
    nodes = [
        helper.make_node("Slice", ["input", "starts", "ends", "axes"], ["middle"]),
        helper.make_node("GlobalAveragePool", ["middle"], ["features"]),
        helper.make_node("Flatten", ["features"], ["flat"]),
        helper.make_node("Sub", ["flat", "half"], ["centred"]),
        helper.make_node("Gemm", ["centred", "weights"], ["logits"], transB=1),
    ]
    weights = {"weights": np.array(gains, np.float32)[:, None], "half": np.array([[0.5]], np.float32)}
    model = onnx.ModelProto.FromString(
        onnx_bytes(
            nodes, {"input": ["n", 1, side, side]}, {"logits": ["n", len(gains)], "features": ["n", 1, 1, 1]}, weights
        )
    )
    for name, values in (("starts", [quarter] * 2), ("ends", [side - quarter] * 2), ("axes", [2, 3])):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values, np.int64), name))
    options = {"patch": (side, side), "stride": side // 2, "classes": classes, "pixel_size_mm": None}
    return make_bundle(folder, model.SerializeToString(), **{**options, **changes})


def test_patches_of_infn(tmp_path: Path) -> None:
    # grey 80 and 170 of 255 lie on both sides of .5: everything is told rightly
    model = OnnxModel(brightness(tmp_path / "m", 60, ("normal", "microcalcification"), (20.0,)))
    cases = load_cases(make.infn(tmp_path / "data"))
    found = evaluate(model, cases, QUICK).metrics
    assert (found["task"], found["layout"], found["unit"], found["n"], found["n_patients"]) == (
        "patch-classification", "infn", "patch", 24, 12,
    )  # fmt: skip
    assert (found["auc"], found["auc_ci"], found["accuracy"]) == (1.0, [1.0, 1.0], 1.0)
    assert found["classes"]["microcalcification"]["support"] == 12
    assert evaluate(model, cases, QUICK).gallery[0]["caption"].startswith("true positive, ")
    by_patient = evaluate(model, cases, EvaluationOptions(unit="patient", resamples=40)).metrics
    assert (by_patient["n"], by_patient["accuracy"]) == (12, 1.0)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make.mini_mias(tmp_path_factory.mktemp("films"), patients=3)


def test_the_fixed_grid_of_mini_mias(tmp_path: Path, films: Path) -> None:
    gains = (-30.0, 0.0, 30.0)
    manifest = brightness(
        tmp_path / "m", 128, ("normal", "benign", "malignant"), gains, pixel_size_mm=0.2, activation="softmax"
    )
    result = evaluate(OnnxModel(manifest), load_cases(films), QUICK)
    found = result.metrics
    assert (found["n"], found["unit"], found["n_patients"], found["assessable"]) == (6 * 32, "patch", 3, False)
    # Three lesions lie in one or two patches each; the first at (400, 450) wholly in r3 c3.
    truth = {unit.name: unit.truth for unit in result.scored.units}
    assert truth["mdb001 r3 c3"] == (0, 0, 1)
    assert truth["mdb003 r3 c3"] == (0, 1, 0)
    assert sum(found["classes"][name]["support"] for name in ("benign", "malignant")) < 8
    assert set(found["strata"]["tissue in the patch"]) == {"breast in half of it or more", "mostly air"}
    assert found["note"].startswith("not assessable")


def test_several_labels_by_windows_around_findings(tmp_path: Path, films: Path) -> None:
    classes = ("any finding", "CIRC", "CALC")
    manifest = brightness(tmp_path / "m", 64, classes, (60.0, 60.0, 60.0), pixel_size_mm=0.2)
    result = evaluate(OnnxModel(manifest), load_cases(films), QUICK)
    around = [unit for unit in result.scored.units if " finding " in unit.name]
    assert [unit.truth for unit in around] == [(1, 1, 0)] * 3
    assert result.metrics["classes"]["CALC"]["auc"] is None
    # lesions of grey 220 in breasts of grey 100
    assert result.metrics["classes"]["any finding"]["auc"] == 1.0


def test_a_patch_model_over_whole_images(tmp_path: Path, films: Path) -> None:
    manifest = brightness(tmp_path / "m", 64, ("normal", "abnormal"), (30.0,), pixel_size_mm=0.2)
    found = evaluate(OnnxModel(manifest), load_cases(films), EvaluationOptions(unit="image", resamples=40)).metrics
    assert (found["n"], found["unit"], found["auc"]) == (6, "image", 1.0)
    assert (found["froc_images"], found["froc_lesions"]) == (6, 3)
    assert found["sensitivity_at_fp"]["1"] == 1.0
    assert found["sensitivity_at_fp_ci"]["1"] is None
    assert set(found["froc"][0]) == {"threshold", "false_per_image", "sensitivity"}
    assert "sensitivity_at_fp_within_8.5_mm" in found


def test_marks_found_before_are_not_looked_for_again(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = brightness(tmp_path / "m", 64, ("normal", "abnormal"), (30.0,), pixel_size_mm=0.2)
    cases, options = load_cases(films), EvaluationOptions(unit="image", resamples=40)
    cache = ResultCache(tmp_path / "results")
    first = evaluate(OnnxModel(manifest), cases, options, cache=cache).metrics

    def refuse(*arguments: object, **settings: object) -> None:
        raise AssertionError("it ran again")

    monkeypatch.setattr("mammoviewer.inference.predict.predict_prepared", refuse)
    assert evaluate(OnnxModel(manifest), cases, options, cache=cache).metrics == first
    with pytest.raises(AssertionError, match="ran again"):
        evaluate(OnnxModel(manifest), cases, options)
    damaged = manifest.file_path("model")
    damaged.write_bytes(damaged.read_bytes()[::-1])
    with pytest.raises(ModelError, match="SHA-256"):
        evaluate(OnnxModel(manifest), cases, options, cache=cache)


def test_a_detection_model(tmp_path: Path) -> None:
    # The model says the same four boxes of every image, each as sure as the image is bright.
    cases = []
    for number, grey in enumerate((250, 240, 40, 30)):
        picture = np.full((160, 160), 20, np.uint8)
        picture[12:16, 24:28] = grey
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), picture)
        lesion = CaseFinding("malignant", "Mass", (9.5, 19.5, 29.5, 43.5)) if grey > 100 else None
        labels = ("malignant", "Mass") if lesion else ("normal",)
        cases.append(Case(path, f"p{number}", labels=labels, findings=(lesion,) if lesion else (), pixel_size_mm=0.2))
    model = OnnxModel(boxes_bundle(tmp_path / "m"))
    found = evaluate(model, CaseList("library", tmp_path, tuple(cases)), QUICK).metrics
    assert (found["task"], found["unit"], found["n"], found["auc"]) == ("detection", "image", 4, 1.0)
    assert (found["froc_images"], found["froc_lesions"], found["marked_classes"]) == (4, 2, ["mass"])
    # The surest box is the lesion, the others are further than 8.5 mm away.
    assert found["sensitivity_at_fp"]["2"] == 1.0
    assert found["sensitivity_at_fp_within_8.5_mm"]["4"] == 1.0


def _image_model(folder: Path, classes: tuple[str, ...], side: int = 24) -> OnnxModel:
    steps = ({"op": "voi", "window": "default"}, {"op": "resize", "rows": side, "columns": side}, MINUTE["scale"])
    manifest = brightness(folder, side, classes, (30.0,), task="image-classification", tiling=None, preprocessing=steps)
    return OnnxModel(manifest)


def test_whole_images_of_rsna_by_breast_and_patient(tmp_path: Path) -> None:
    cases = load_cases(make.rsna(tmp_path / "data", patients=4))
    model = _image_model(tmp_path / "m", ("no cancer", "cancer"))
    found = evaluate(model, cases, QUICK).metrics
    assert (found["task"], found["unit"], found["n"], found["n_patients"]) == ("image-classification", "image", 8, 4)
    assert found["classes"]["cancer"]["support"] == 2
    assert found["auc"] is not None
    assert set(found["strata"]) >= {"vendor"} or found["strata"] == {}
    assert evaluate(model, cases, EvaluationOptions(unit="patient", resamples=40)).metrics["n"] == 4
    # Breasts that were biopsied without cancer are neither normal nor malignant.
    left = evaluate(_image_model(tmp_path / "n", ("normal", "malignant")), cases, QUICK).metrics
    assert (left["n"], left["left_out"]) == (7, 1)


def test_volumes_of_duke(tmp_path: Path) -> None:
    cases = load_cases(make.duke(tmp_path / "data"))
    manifest = brightness(tmp_path / "m", 16, ("normal", "cancer"), (30.0,), stride=8, pixel_size_mm=0.09)
    found = evaluate(OnnxModel(manifest), cases, QUICK).metrics
    assert (found["layout"], found["n"], found["unit"], found["auc"]) == ("duke-dbt", 2, "image", 1.0)
    assert (found["froc_lesions"], found["sensitivity_at_fp"]["2"]) == (1, 1.0)


def test_images_that_cannot_be_read_are_told_and_the_run_goes_on(tmp_path: Path) -> None:
    root = make.infn(tmp_path / "data", cases=4)
    (root / "0" / "0000_0.png").write_bytes(b"nothing")
    (root / "1" / "0001_0.png").unlink()
    result = evaluate(
        OnnxModel(brightness(tmp_path / "m", 60, ("normal", "microcalcification"), (20.0,))), load_cases(root), QUICK
    )
    assert (result.metrics["n"], result.metrics["problems"]) == (6, 2)
    assert "0001_0.png" in result.problems[0]
    assert "0000_0.png" in result.problems[1]


def test_a_model_that_was_not_made_for_any_of_the_images(tmp_path: Path) -> None:
    from mammoviewer.inference.manifest import Acceptance

    manifest = brightness(tmp_path / "m", 60, ("normal", "microcalcification"), (20.0,), accepts=Acceptance(("TOMO",)))
    cases = load_cases(make.infn(tmp_path / "data", cases=2))
    with pytest.raises(InputError, match="not one image") as caught:
        evaluate(OnnxModel(manifest), cases, QUICK)
    assert "does not fit this image" in str(caught.value)
    forced = evaluate(OnnxModel(manifest), cases, EvaluationOptions(force=True, resamples=10))
    assert forced.metrics["accuracy"] == 1.0


def test_classes_that_the_data_do_not_tell(tmp_path: Path) -> None:
    cases = load_cases(make.infn(tmp_path / "data", cases=2))
    with pytest.raises(ArgumentError, match="does not tell the model's classes cyst"):
        evaluate(OnnxModel(brightness(tmp_path / "m", 60, ("normal", "cyst"), (20.0,))), cases, QUICK)


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    def cancel(_fraction: float, _message: str) -> None:
        raise Cancelled

    model = OnnxModel(brightness(tmp_path / "m", 60, ("normal", "microcalcification"), (20.0,)))
    with pytest.raises(Cancelled):
        evaluate(model, load_cases(make.infn(tmp_path / "data", cases=2)), QUICK, progress=cancel)


def test_patients_that_the_model_has_learned_from_are_counted(tmp_path: Path) -> None:
    manifest = brightness(tmp_path / "m", 60, ("normal", "microcalcification"), (20.0,))
    assert training_patients_among(manifest, "infn", ["0001"]) is None
    write_split(tmp_path / "m" / "split.json", Split(("0001", "0002"), ("0003",), ("0004",), layout="infn"))
    assert training_patients_among(manifest, "infn", ["0001", "0003", "0004", "0001"]) == 2
    assert training_patients_among(manifest, "mini-mias", ["0001"]) == 0


def test_limits_are_spread_and_hashes_tell_data_apart(tmp_path: Path) -> None:
    cases = load_cases(make.infn(tmp_path / "data", cases=6)).cases
    assert [cases.index(case) for case in limited(cases, 4)] == [0, 3, 6, 9]
    assert limited(cases, 0) == cases
    assert data_hash(cases) == data_hash(cases[::-1])
    assert data_hash(cases) != data_hash(cases[1:])
    with pytest.raises(ArgumentError, match="no unit 'film'"):
        EvaluationOptions(unit="film")
