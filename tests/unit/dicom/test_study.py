from __future__ import annotations

from pathlib import Path

import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.study import Study, group_studies


def test_images_of_one_study_are_grouped_in_their_order() -> None:
    images = [make_image("RCC", StudyInstanceUID=uid) for uid in ("1", "2", "1")]
    assert [(study.StudyInstanceUID, len(study.images)) for study in group_studies(images)] == [("1", 2), ("2", 1)]


def test_different_patients_are_never_put_together() -> None:
    images = [make_image("RCC", PatientID=name) for name in ("a", "b")]
    assert len(group_studies(images)) == 2


def test_pictures_are_grouped_by_their_folder() -> None:
    places = ("/x/one/RCC.png", "/x/one/LCC.png", "/x/two/RCC.png")
    images = [make_image("RCC", kind=ImageKind.RASTER, StudyInstanceUID="", path=Path(place)) for place in places]
    studies = group_studies(images)
    assert [len(study.images) for study in studies] == [2, 1]
    assert [study.patient_label for study in studies] == ["one", "two"]


def test_the_labels_of_a_study() -> None:
    study = Study("1", (make_image("RCC", PatientName="Doe^Jane", PatientID="7", StudyDate="20240229"),))
    assert (study.patient_label, study.date) == ("Doe Jane, 7", "2024-02-29")


@pytest.mark.parametrize("date", ["", "2024", "abcdefgh"])
def test_a_date_that_is_none_is_empty(date: str) -> None:
    assert Study("1", (make_image("RCC", StudyDate=date),)).date == ""
