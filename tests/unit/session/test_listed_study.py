"""What a line of the study list says, how it is found and sorted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from helpers.images import breast_like, make_image

from mammoviewer.dicom.attributes import ImageKind, PixelSpacing
from mammoviewer.dicom.companions.records import Companion, CompanionKind, Target
from mammoviewer.dicom.spacing import STATED
from mammoviewer.dicom.study import Study
from mammoviewer.session.listed_study import (
    SORTINGS,
    ListedStudy,
    how_long_ago,
    in_order,
    listed,
    matching,
    only_patient,
)
from mammoviewer.session.opened import Opened, PictureView

AT = "2026-11-24T10:00:00+00:00"
FACTS = {
    "PatientName": "Doe^Jane",
    "PatientID": "P-17",
    "StudyDate": "20240301",
    "AccessionNumber": "ACC9",
    "StudyDescription": "Screening",
}


def study(*labels: str, **facts: object) -> Study:
    images = tuple(make_image(label, uid=f"1.{n}", **{**FACTS, **facts}) for n, label in enumerate(labels))
    return Study("1.2.3", images)


def line(*labels: str, **facts: object) -> ListedStudy:
    return listed(study(*(labels or ("RCC",)), **facts), at=AT, was_opened=True)


def test_a_line_says_who_when_what_and_which_views() -> None:
    tomo = make_image("LMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=3), uid="1.9", **FACTS)
    images = (*study("LMLO", "RCC", "LCC").images, tomo)
    made = listed(Study("1.2.3", images), at=AT, was_opened=True)
    assert (made.patient, made.PatientID, made.date) == ("Doe Jane", "P-17", "2024-03-01")
    assert (made.StudyDescription, made.AccessionNumber, made.opened) == ("Screening", "ACC9", AT)
    assert made.views == "RCC LCC LMLO, 1 DBT"
    assert [image.view for image in made.images] == ["RCC", "LCC", "LMLO", "LMLO"]
    assert made.images[-1].frames == 3
    assert all(path.is_absolute() for path in made.paths)


def test_pictures_are_named_by_their_views_like_other_images() -> None:
    def views(*labels: str) -> str:
        images = tuple(make_image(label, uid=f"1.{n}", kind=ImageKind.RASTER) for n, label in enumerate(labels))
        return listed(Study("1.2.3", images), at=AT, was_opened=True).views

    assert views("RMLO", "RCC", "LCC") == "RCC LCC RMLO"
    assert views("RCC", "") == "RCC, 1 picture"
    assert views("", "", "") == "3 pictures"


def test_a_study_that_was_only_found_was_not_opened() -> None:
    made = listed(study("RCC"), at=AT, was_opened=False)
    assert (made.opened, made.arrived, made.last) == ("", AT, AT)


def test_objects_about_its_images_belong_to_it_and_others_do_not(tmp_path: Path) -> None:
    mine = Companion(tmp_path / "a.dcm", CompanionKind.CAD, "2.1", "1.2.3", "CAD", (Target("1.0"),))
    other = replace(mine, path=tmp_path / "b.dcm", SOPInstanceUID="2.2", targets=(Target("7.7"),))
    made = listed(study("RCC"), companions=(mine, other), at=AT, was_opened=True)
    assert made.companions == (tmp_path / "a.dcm",)
    assert made.paths[-1] == tmp_path / "a.dcm"


def test_it_remembers_how_the_files_were_read(tmp_path: Path) -> None:
    path = tmp_path / "in" / "x.dcm"
    stated = PixelSpacing(0.07, 0.07, STATED)
    views = (PictureView(str(path), "RCC"), PictureView(str(tmp_path / "y.png"), "LCC"))
    opened = (
        Opened((tmp_path / "other",), None, "ISO_IR 13"),
        Opened((tmp_path / "in",), 0.07, "ISO_IR 144", True, views),
    )
    made = listed(study("RCC", path=path, pixel_spacing=stated), opened=opened, at=AT, was_opened=True)
    assert (made.pixel_spacing_mm, made.charset, made.duke_convention) == (0.07, "ISO_IR 144", True)
    assert made.pictures == views[:1]
    assert line().pixel_spacing_mm is None


def test_without_a_name_the_id_or_the_folder_stands_for_the_patient(tmp_path: Path) -> None:
    assert line(PatientName="").patient == "P-17"
    assert line(PatientName="", PatientID="", path=tmp_path / "film" / "x.png").patient == "film"


def test_the_same_patient_is_told_by_id_then_name_and_nobody_is_nobody() -> None:
    assert line().same_patient == line(PatientName="Doe^J").same_patient
    nameless = line(PatientName="", PatientID="")
    assert nameless.same_patient == nameless.key


@pytest.mark.parametrize("text", ["doe", "JANE doe", "p-17", "2024-03", "20240301", "acc9", "lcc", "screen rcc", ""])
def test_words_of_any_column_find_it(text: str) -> None:
    assert matching([line("RCC", "LCC")], text)


@pytest.mark.parametrize("text", ["smith", "doe smith", "2023", "lmlo", "id:P-1", "dbt"])
def test_a_word_that_is_nowhere_finds_nothing(text: str) -> None:
    assert matching([line("RCC", "LCC")], text) == []


def test_priors_are_the_studies_of_exactly_this_patient() -> None:
    mine, prior, other = line(), line(StudyDate="20200101"), line(PatientID="P-171")
    assert matching([mine, prior, other], only_patient(mine)) == [mine, prior]
    nameless = line(PatientID="")
    assert matching([nameless], only_patient(nameless)) == [nameless]


@pytest.mark.parametrize("by", SORTINGS)
def test_every_column_sorts_both_ways(by: str) -> None:
    first = line("LCC", PatientName="Aa", StudyDate="20200101", StudyDescription="A")
    last = replace(
        line("RCC", "RMLO", PatientName="Zz", StudyDescription="Z"),
        findings=3,
        score=0.2,
        opened=AT.replace("10:", "11:"),
    )
    if by == "views":
        first, last = last, first
    found = in_order([last, first], by, descending=False)
    assert in_order(found, by, descending=True) == found[::-1]
    assert found == ([first, last] if by != "views" else sorted(found, key=lambda s: s.views))


def test_of_equals_the_newest_comes_first() -> None:
    old, new = line(), replace(line(), key="x", opened=AT.replace("10:", "11:"))
    for descending in (False, True):
        assert in_order([old, new], "patient", descending=descending) == [new, old]


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-11-24T08:05:00+00:00", "today 08:05"),
        ("2026-11-23T23:00:00+00:00", "yesterday"),
        ("2026-11-20T10:00:00+00:00", "4 days ago"),
        ("2024-02-01T10:00:00+00:00", "2024-02-01"),
        ("", ""),
    ],
)
def test_times_are_said_as_a_reader_does(time: str, said: str) -> None:
    assert how_long_ago(time, datetime(2026, 11, 24, 12, 0, tzinfo=UTC)) == said
