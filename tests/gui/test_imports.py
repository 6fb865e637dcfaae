"""What importing the window must not load."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["torch", "onnxruntime", "skimage", "sklearn", "scipy", "pywt", "pyqtgraph"])
def test_the_window_starts_without_heavy_libraries(module: str) -> None:
    code = (
        f"import sys, mammoviewer.gui.program, mammoviewer.gui.panels.train_panel; sys.exit({module!r} in sys.modules)"
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{module} was loaded\n{done.stderr}"
