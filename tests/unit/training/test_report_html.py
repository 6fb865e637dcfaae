import base64
import json
import math
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoviewer.base.errors import ExportError
from mammoviewer.training.evaluation_figures import classification_figures, curves
from mammoviewer.training.report_details import figure_text
from mammoviewer.training.report_html import json_ready, png_text, render_report, write_report
from mammoviewer.training.report_plots import Line, tick_text, value_range
from mammoviewer.training.scored import Scored, ScoredUnit

EMPTY_TAGS = {"meta", "img", "line", "circle", "polygon", "polyline"}


class Checked(HTMLParser):
    """Asserts that tags are closed in order, and collects them and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag, attributes) -> None:  # type: ignore[no-untyped-def]
        self.tags.append(tag)
        if tag not in EMPTY_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes) -> None:  # type: ignore[no-untyped-def]
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def page(report) -> Checked:  # type: ignore[no-untyped-def]
    text = render_report(report)
    found = Checked()
    found.feed(text)
    assert found.open == []
    assert "http" not in text
    assert "<script" not in text
    return found


def report() -> dict[str, object]:
    generator = np.random.default_rng(0)
    units = []
    for number in range(40):
        label = number % 2
        score = float(np.clip(generator.normal(0.4 + 0.2 * label, 0.2), 0, 1))
        strata = {"view": "CC" if number % 4 < 2 else "MLO"}
        units.append(
            ScoredUnit(f"u{number}", f"p{number // 2}", "", "", (1 - label, label), (1 - score, score), strata)
        )
    scored = Scored(("normal", "<cancer>"), "<cancer>", 0.5, False, "image", tuple(units), 0)
    metrics = classification_figures(scored, resamples=50)
    part = {"metrics": metrics, "curves": curves(scored)}
    return {
        "title": "A model & its data",
        "summary": {**metrics, "sensitivity_at_fp": {"1": 0.5}, "sensitivity_at_fp_ci": {"1": [0.4, 0.6]}},
        "parts": {"validation": part, "test": part},
        "learning": [{"name": "fold 1", "epochs": [
            {"epoch": e, "loss": 1 / e, "validation_loss": 1.2 / e, "auc": 0.5 + e / 20, "learning_rate": 1e-3}
            for e in (1, 2, 3)
        ]}],
        "froc": {"points": [{"false_per_image": f, "sensitivity": f / 4} for f in (0.0, 1.0, 2.0, 20.0)],
                 "at": {"1": 0.25, "2": 0.5}, "at_ci": {"1": [0.1, 0.4], "2": [0.3, 0.7]}, "rule": "DBTex"},
        "gallery": [{"caption": "a true positive", "png": png_text(np.zeros((8, 8, 3), np.uint8))}],
        "leaks": {"clean": True},
        "parameters": {"epochs": 3},
        "seeds": {"run": 1},
        "problems": ["x.png: is <no> picture"],
    }  # fmt: skip


def test_everything_is_in_one_sound_page() -> None:
    found = page(report())
    # loss, AUC, learning rate; ROC, PR and reliability of two parts; a stratum each; FROC
    assert found.tags.count("svg") == 3 + 2 * 4 + 1
    for text in (
        "Learning",
        "Validation",
        "Test",
        "Confusion",
        "Beside baselines",
        "By view",
        "FROC",
        "is <no> picture",
    ):
        assert text in found.words
    assert "A model & its data" in found.words
    assert "prevalence of <cancer>" in found.words


def test_folds_committee_and_further_figures_are_shown() -> None:
    shown = page(
        {
            "summary": {"auc": 0.9, "n": 4, "unit": "slice", "n_patients": 2},
            "metrics": {
                "auc": 0.9,
                "volumes": {"auc": 0.8125, "auc_ci": [0.7, 0.9], "n": 7},
                "baseline_depth_auc": 0.611,
                "memory_mib": 12,
                "auc_by_breast": {"s3": None, "max": 0.512},
                "leak_overridden": False,
                "curves": [{"loss": 1.0}],
            },
            "folds": [
                {"fold": 1, "auc": 0.75, "hyperparameters": {"dim": 4, "rate": 0.1},
                 "roc": [[0, 0], [0.2, 0.7], [1, 1]],
                 "confusion": {"true_positive": 31, "false_negative": 2, "false_positive": 3, "true_negative": 44}},
                {"fold": 2, "auc": None},
                {"fold": 3, "auc": 0.85},
            ],
            "committee": {"weights": [0.25, 0.75], "accuracies": [0.5, 0.6, 0.7], "test_accuracies": [0.4, 0.5, 0.6],
                          "losses": [0.7, 0.6, 0.5], "test_losses": [0.8, 0.7, 0.6]},
            "command": "mammoviewer train --recipe x",
        }
    )  # fmt: skip
    assert shown.tags.count("svg") == 3
    for text in (
        "volumes: auc",
        "0.812 (0.700 to 0.900)",
        "baseline depth auc",
        "0.611",
        "auc by breast: max",
        "dim 4, rate 0.1",
        "0.800 +- 0.071",
        "44",
        "ROC of each fold",
        "Committee",
        "0.750",
        "mammoviewer train --recipe x",
    ):
        assert text in shown.words, text
    assert "curves" not in shown.words


@pytest.mark.parametrize(
    "summary",
    [
        {"cross_validation": {"auc_per_fold": [0.75, None], "n": [4, 5], "n_patients": [2, 3], "auc_mean": 0.75}},
        {"fold_auc": [0.75, None]},
        {"auc_per_fold": [0.75, None]},
    ],
)
def test_folds_are_shown_however_a_recipe_tells_of_them(summary: dict[str, object]) -> None:
    words = page({"summary": summary}).words
    assert "Folds" in words
    assert "0.750" in words


def test_a_froc_shows_the_other_parts_and_what_marks_are_worth_that_know_nothing() -> None:
    froc = {
        "points": [{"false_per_image": 1.0, "sensitivity": 0.5}],
        "at": {"1": 0.5},
        "baseline": {"1": 0.125},
        "others": {"train": [{"false_per_image": 0.5, "sensitivity": 0.9}]},
    }
    words = page({"froc": froc}).words
    assert "0.125" in words
    assert "train" in words


def test_an_empty_report_is_a_page_too() -> None:
    assert "Report" in page({}).words


def test_values_that_are_not_known_do_not_break_a_page() -> None:
    metrics = {
        "n": 1,
        "unit": "image",
        "n_patients": 1,
        "auc": None,
        "accuracy": float("nan"),
        "note": "not assessable",
    }
    assert "not assessable" in page({"summary": metrics, "parts": {"test": {"metrics": metrics}}}).words


def test_files(tmp_path: Path) -> None:
    assert write_report(tmp_path, report()).name == "report.html"
    assert json.loads((tmp_path / "report.json").read_text())["seeds"] == {"run": 1}
    with pytest.raises(ExportError):
        write_report(tmp_path / "report.html", report())
    with pytest.raises(ExportError, match="as JSON"):
        write_report(tmp_path, {"parameters": {"x": object()}})


def test_numbers_become_those_of_json() -> None:
    value = {"a": np.float32(0.5), "b": (1, np.int64(2)), "c": math.nan, "d": np.array([[1.0]]), "e": Path("x")}
    assert json_ready(value) == {"a": 0.5, "b": [1, 2], "c": None, "d": [[1.0]], "e": "x"}


def test_pictures_come_back_in_their_colours() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[..., 0] = 200
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(png_text(picture)), np.uint8), cv2.IMREAD_COLOR)
    assert decoded[0, 0].tolist() == [0, 0, 200]


def test_figures_as_text() -> None:
    assert figure_text(0.93149, [0.9, 0.9567]) == "0.931 (0.900 to 0.957)"
    assert (figure_text(None), figure_text(1.0)) == ("-", "1.000")


def test_numbers_on_axes_leave_room_for_the_title() -> None:
    assert [tick_text(value) for value in (0.0, 0.25, 120.0, 0.000939, 0.00469, -0.0001234)] == [
        "0", "0.25", "120", "9.4e-4", "4.7e-3", "-1.2e-4",
    ]  # fmt: skip
    assert value_range([Line("flat", [1, 2], [0.952, 0.952 + 1e-15])], from_zero=False) == (0.952, 1.952)
