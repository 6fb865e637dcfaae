import json
from pathlib import Path

import pytest
from helpers.exchange import REGIONS, mammogram_file, opened, spread

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.importing import import_file, may_hold_findings
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.annotations.interchange.transfer import Imported, Losses, joined, loss_lines
from mammoviewer.base.errors import AnnotationError, InputError


@pytest.fixture
def images(tmp_path: Path):
    return opened(mammogram_file(tmp_path / "a.dcm"))


def test_a_document_of_this_program(images, tmp_path: Path) -> None:
    findings = spread(images[0].attributes, REGIONS)
    write_json(tmp_path / "f.json", [*findings, new_finding("9", 0, REGIONS[0], "x")])
    found = import_file(tmp_path / "f.json", images)
    assert found.findings == findings
    assert loss_lines(found.losses) == ("1 x findings of images that are not open",)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.json", "{", "cannot be read as JSON"),
        ("x.json", "{}", "schema_version"),
        ("x.csv", "a,b\n1,2\n", "no table of findings"),
        ("x.csv", "", "no table of findings"),
        ("x.bin", "abc", "no file of findings"),
        ("classes.txt", "Mass\n", "no file of findings"),
        ("x.txt", "words here\n", "line 1"),
        ("x.png", "no picture", "no mask"),
    ],
)
def test_other_files_are_told(images, tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(AnnotationError, match=told):
        import_file(tmp_path / name, images)


def test_an_image_or_a_missing_file_holds_no_findings(images, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no kind"):
        import_file(tmp_path / "a.dcm", images)
    with pytest.raises(AnnotationError, match="cannot be read"):
        import_file(tmp_path / "nothing.dcm", images)


def test_pictures_and_lists_beside_findings_are_passed_over(tmp_path: Path) -> None:
    for name, text, wanted in (
        ("m.json", json.dumps({"classes": {"1": "Mass"}}), False),
        ("m.png", "", True),
        ("p.png", "", False),
        ("l.json", json.dumps({"shapes": []}), True),
        ("classes.txt", "Mass", False),
        ("b.txt", "0 .1 .1 .1 .1", True),
        ("data.yaml", "names:", False),
    ):
        (tmp_path / name).write_text(text)
        assert may_hold_findings(tmp_path / name) is wanted, name


def test_imports_are_joined(images) -> None:
    findings = spread(images[0].attributes, REGIONS)
    whole = joined([Imported(findings[:2], Losses(a=1)), Imported(findings[2:], Losses(a=2, b=0))])
    assert whole.findings == findings
    assert loss_lines(whole.losses) == ("3 x a",)
