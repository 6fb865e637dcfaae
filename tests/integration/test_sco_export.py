"""A tomosynthesis object made of a private volume satisfies dciodvfy."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers as makers
from helpers.sco_maker import save_sco

from mammoviewer.dicom.reader import open_paths
from mammoviewer.dicom.sco_export import write_tomosynthesis

VOLUME = np.stack([makers.texture(10, 14, bits=10, seed=seed) for seed in range(6)])
# Type 1 elements of the device, which nobody but the device can tell.
DEVICE = {"ManufacturerModelName": "Selenia", "DeviceSerialNumber": "1", "SoftwareVersions": "1.8"}

pytestmark = pytest.mark.integration


def errors(path: Path) -> list[str]:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
    assert "BreastTomosynthesisImage" in told
    return [line for line in told.splitlines() if line.startswith("Error")]


@pytest.mark.parametrize("near", [0, 4])
@pytest.mark.parametrize("view", [("CC", ["A", "R"]), ("MLO", ["A", "F"])])
def test_the_validator_finds_no_error(tmp_path: Path, view: tuple[str, list[str]], near: int) -> None:
    made = {"ViewPosition": view[0], "PatientOrientation": view[1], **DEVICE}
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, near=near, **made)]).images
    write_tomosynthesis(tmp_path / "bto.dcm", image.attributes)
    assert errors(tmp_path / "bto.dcm") == []


def test_the_validator_misses_only_what_the_source_does_not_tell(tmp_path: Path) -> None:
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME)]).images
    write_tomosynthesis(tmp_path / "bto.dcm", image.attributes)
    assert sorted(line.split("<")[1].split(">")[0] for line in errors(tmp_path / "bto.dcm")) == sorted(DEVICE)
