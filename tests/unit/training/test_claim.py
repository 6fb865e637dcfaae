"""Who trains in a folder of checkpoints: one process at a time, and nobody once that was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.claim import claimed, is_claimed
from mammoviewer.training.control import forget
from mammoviewer.training.spec import SPEC_NAME, TrainingSpec

HOLDS = """
import pathlib, sys, time
from mammoviewer.training.claim import claimed
with claimed(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_once_and_is_gone_with_its_claim(tmp_path: Path) -> None:
    folder = tmp_path / ".mine.training"
    assert not is_claimed(folder)
    with claimed(folder):
        assert is_claimed(folder)
        with pytest.raises(TrainingError, match="another process is training"), claimed(folder):
            pass
        assert is_claimed(folder)
    assert not folder.exists()
    with claimed(folder):
        (folder / "fold 1.pt").touch()
    assert [entry.name for entry in folder.iterdir()] == ["fold 1.pt"]


def test_what_another_run_of_the_output_works_in_is_not_forgotten_until_it_is_killed(tmp_path: Path) -> None:
    spec = TrainingSpec(kind="recipe", data=tmp_path, output=tmp_path / "m", name="m", recipe="cnni-bcc")
    command = [sys.executable, "-c", HOLDS, str(spec.checkpoints)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        spec.write(spec.checkpoints / SPEC_NAME)
        forget(spec)
        assert (spec.checkpoints / SPEC_NAME).exists()
        with pytest.raises(TrainingError, match="another process"), claimed(spec.checkpoints):
            pass
        child.kill()
        child.wait(20)
    assert not is_claimed(spec.checkpoints)
    forget(spec)
    assert not spec.checkpoints.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(TrainingError, match="cannot be made"), claimed(tmp_path / "file" / ".m.training"):
        pass
