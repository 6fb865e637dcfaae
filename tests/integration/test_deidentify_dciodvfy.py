"""De-identified phantom files and what is derived from them still satisfy dciodvfy."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.derived import write_measurement_report, write_presentation_state

from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.dicom.deidentify import plan_batch, write_batch
from mammoviewer.dicom.deidentify_options import Dates, Options
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths

WRITTEN = (b"Quijanoref", b"Quixotewind", b"windmill giants", b"Sanchopanza", b"Zamboanga")

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    folder = tmp_path_factory.mktemp("exam")
    views = write_exam(folder, scale=0.125, frames=40).views
    image = open_paths([views["RCC"]]).images[0]
    heat = np.full(image.attributes.shape, 0.5, np.float32)
    write_heatmap_seg(folder / "heat.dcm", heat, image, model_name="m.1")
    write_measurement_report(folder / "report.dcm", views["RCC"])
    write_presentation_state(folder / "state.dcm", views["RCC"])
    return folder


@pytest.mark.parametrize("options", [Options(), Options(Dates.SHIFTED, -31, name="CASE-1")])
def test_the_validator_finds_no_error_in_the_copies(exam: Path, tmp_path: Path, options: Options) -> None:
    result = write_batch(plan_batch([exam], options), tmp_path)
    assert (len(result.copies), result.refused) == (9, ())
    modalities = {pydicom.dcmread(copy.path, stop_before_pixels=True).Modality for copy in result.copies}
    assert modalities == {"MG", "SEG", "SR", "PR"}
    for copy in result.copies:
        told = subprocess.run(["dciodvfy", str(copy.path)], capture_output=True, text=True, check=False).stderr
        assert [line for line in told.splitlines() if line.startswith("Error")] == [], copy.SOPClassUID
        data = copy.path.read_bytes()
        assert [text for text in WRITTEN if text in data] == []
    opened = open_paths([tmp_path])
    assert len(opened.images) == 6
    for image in opened.images:
        assert image.frame(0).any()
