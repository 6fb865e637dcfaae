"""The patient planted into every element of the DICOM dictionary that can hold a text, a date or a UID."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import planted
from helpers.dicom_makers import mammogram, save, texture
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mammoviewer.dicom.deidentify import plan_batch, write_batch
from mammoviewer.dicom.deidentify_options import Dates, Options

VALUES = {
    "LO": "of Quixotewind", "SH": "Quixotewind", "LT": "saw windmill giants", "ST": "for Dulcinella",
    "UT": f"called {planted.NUMBER}", "PN": planted.PATIENT, "UC": "Quixotewind", "AE": "AETROCINANTE",
    "UR": "https://example.org/Quixotewind", "DA": "20231109", "DT": "20231109101112", "TM": "101112.123",
    "UI": "1.2.826.77.3141592.55",
}  # fmt: skip
ITEM = {
    "PatientName": planted.PATIENT, "CodeValue": "X1", "CodingSchemeDesignator": "99Q", "CodeMeaning": "Dulcinella",
    "TextValue": "saw Quixotewind", "PersonName": "Quixotewind", "InstitutionName": "Hospital of Zamboanga",
    "ReferencedSOPInstanceUID": "1.2.826.77.3141592.56", "Date": "20231109", "StudyDate": "20231109",
}  # fmt: skip
CHARACTER_SET, FIRST_CURVE = 0x00080005, 0x50000000


def plant_everywhere(dataset: Dataset) -> int:
    """Fill all elements that are not there yet, sequences with an item; return how many were filled."""
    count = 0
    for tag, (representation, _, _, _, keyword) in DicomDictionary.items():
        if not keyword or not 0x00080000 <= tag < FIRST_CURVE or tag == CHARACTER_SET or tag in dataset:
            continue
        kind = representation.split(" ")[0]
        value = Sequence([planted.item(**ITEM)]) if kind == "SQ" else VALUES.get(kind)
        if value is not None:
            dataset.add_new(tag, kind, value)
            count += 1
    return count


@pytest.mark.parametrize("options", [Options(), Options(Dates.SHIFTED, 33), Options(Dates.KEPT)], ids=str)
def test_nothing_planted_anywhere_is_left(tmp_path: Path, options: Options) -> None:
    pixels = texture(16, 24)
    dataset = planted.identify(mammogram(pixels))
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = planted.IMAGE, planted.SERIES
    assert plant_everywhere(dataset) > 2000
    path = save(tmp_path / "a.dcm", dataset, pixels)
    plan = plan_batch([path], options, out=tmp_path / "out")
    (copy,) = write_batch(plan, tmp_path / "out").copies
    content = Path(copy.path).read_bytes()
    # A day of the examination may stay where that was asked for, and as the version of a code.
    dates = () if options.dates is Dates.REMOVED else ("20231109",)
    assert [word for word in planted.PLANTED if word not in dates and word.encode() in content] == []
