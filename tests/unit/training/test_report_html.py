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
from mammoviewer.training.report_html import figure_text, json_ready, png_text, render_report, write_report
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
