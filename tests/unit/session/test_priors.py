from __future__ import annotations

import pytest
from helpers.images import make_image

from mammoviewer.dicom.study import Study
from mammoviewer.session.hung import Hung
from mammoviewer.session.priors import current_of, priors_of


def study(uid, date, patient="P1", born="19600101"):
    images = tuple(
        make_image(
            label,
            uid=f"{uid}.{label}",
            StudyInstanceUID=uid,
            StudyDate=date,
            PatientID=patient,
            PatientBirthDate=born,
        )
        for label in ("RCC", "LCC", "RMLO", "LMLO")
    )
    return Study(uid, images)


NOW, LAST, BEFORE = study("1", "20240517"), study("2", "20220301"), study("3", "20190101")


def test_priors_are_earlier_studies_of_the_patient_newest_first():
    assert priors_of(NOW, [BEFORE, NOW, LAST]) == (LAST, BEFORE)
    assert priors_of(LAST, [BEFORE, NOW, LAST]) == (BEFORE,)


@pytest.mark.parametrize(
    "other",
    [
        study("4", "20220301", patient="P2"),
        study("4", "20220301", born="19700101"),
        study("4", ""),
        study("4", "20240517"),
    ],
    ids=["another ID", "another birth date", "no date", "the same day"],
)
def test_what_is_no_prior(other):
    assert priors_of(NOW, [other]) == ()


def test_patients_without_an_id_are_never_taken_for_the_same():
    assert priors_of(study("1", "20240517", patient=""), [study("2", "20220301", patient="")]) == ()


def test_a_missing_birth_date_does_not_part_a_patient():
    assert priors_of(NOW, [study("4", "20220301", born="")])


def test_the_newest_study_of_the_patient_is_the_current_one():
    assert current_of(LAST, [BEFORE, LAST, NOW]) is NOW
    assert current_of(NOW, [BEFORE, LAST, NOW]) is NOW
    undated = study("5", "")
    assert current_of(undated, [NOW, undated]) is undated


def titles(hung):
    return [stage.title for stage in hung.stages]


def test_the_newest_prior_hangs_and_another_can_be_chosen():
    hung = Hung()
    hung.take(NOW, (BEFORE, NOW, LAST))
    assert hung.prior is LAST
    hung.stage_index = titles(hung).index("CC with prior below")
    assert hung.stages[hung.stage_index].cells[2:] == ("2.RCC", "2.LCC")
    hung.compare_with(BEFORE)
    hung.hang_again("")
    assert hung.stages[hung.stage_index].cells == ("1.RCC", "1.LCC", "3.RCC", "3.LCC")
    assert hung.is_prior(BEFORE.images[0])
    assert not hung.is_prior(NOW.images[0])


def test_hanging_again_stays_where_the_reader_is():
    hung = Hung()
    hung.take(NOW, (NOW,))
    hung.stage_index = titles(hung).index("MLO pair")
    hung.replace(NOW, (NOW, LAST))
    hung.compare_with(LAST)
    hung.hang_again("1.RMLO")
    assert hung.stages[hung.stage_index].title == "MLO pair"
    assert "Eight views with prior below" in titles(hung)


def test_an_image_alone_is_found_again():
    hung = Hung()
    hung.take(NOW, (NOW,))
    count = len(hung.stages)
    place = hung.alone(NOW.images[0])
    assert place == count
    assert hung.stages[place].cells == ("1.RCC",)
    assert hung.alone(NOW.images[0]) == place


def test_an_unknown_protocol_gives_the_bundled_one():
    assert Hung("no such").protocol.name == "Mammography"
