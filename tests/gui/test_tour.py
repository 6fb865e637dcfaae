"""The main job, from opening to export, through the real window in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mammoviewer.dicom.phantom_exam import write_exam

STEPS = (
    "four-views",
    "tomosynthesis",
    "heatmap-coming-in",
    "heatmap",
    "grad-cam",
    "drawn",
    "filtered",
    "training",
    "trained",
    "export",
    "broken-file",
)


@pytest.mark.torch
@pytest.mark.timeout(600)
def test_the_main_job_through_the_window(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    exam = write_exam(tmp_path / "exam", seed=2, scale=0.5)
    code = (
        "import sys; from pathlib import Path; from mammoviewer.gui.app import show_window;"
        "from mammoviewer.session.window_request import WindowRequest;"
        "sys.exit(show_window(WindowRequest((Path(sys.argv[1]),), tour=Path(sys.argv[2]))))"
    )
    environment = {**os.environ, "MAMMOVIEWER_HOME": str(tmp_path / "home"), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(exam.directory), str(tmp_path / "pictures")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = [path.stem[3:] for path in sorted((tmp_path / "pictures").glob("*.png"))]
    assert names == list(STEPS)
    log = (tmp_path / "home" / "logs" / "mammoviewer.log").read_text()
    assert "Traceback" not in log
    assert any((tmp_path / "home" / "models").iterdir()), "the retrained model is in the user's folder"
