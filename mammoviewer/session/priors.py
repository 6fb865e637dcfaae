"""Which other studies are earlier ones of the same patient."""

from __future__ import annotations

from collections.abc import Sequence

from mammoviewer.dicom.study import Study


def same_patient(one: Study, other: Study) -> bool:
    """Return whether two studies are of one patient: the same PatientID, and no birth date that says otherwise.

    Studies without a PatientID are never taken for the same patient's.
    """
    first, second = one.images[0].attributes, other.images[0].attributes
    if not first.PatientID or first.PatientID != second.PatientID:
        return False
    born = {first.PatientBirthDate, second.PatientBirthDate} - {""}
    return len(born) < 2


def priors_of(study: Study, studies: Sequence[Study]) -> tuple[Study, ...]:
    """Return the open studies of the same patient with an earlier date, the newest first."""
    found = [other for other in studies if other is not study and same_patient(study, other)]
    return tuple(
        sorted(
            (other for other in found if other.date and other.date < study.date),
            key=lambda other: other.date,
            reverse=True,
        )
    )


def current_of(study: Study, studies: Sequence[Study]) -> Study:
    """Return the newest open study of the patient of ``study``; ``study`` itself where dates do not tell."""
    found = [other for other in studies if other is study or same_patient(study, other)]
    newest = max(found, key=lambda other: other.date)
    return newest if newest.date > study.date and study.date else study
