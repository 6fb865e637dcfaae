"""The wheel, outside the checkout: models and resources travel inside it and the main job runs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def call(*command: str | Path, cwd: Path, home: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment.update(MAMMOVIEWER_HOME=str(home), QT_QPA_PLATFORM="offscreen")
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program's command in a fresh environment that holds the wheel; its dependencies come from here."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    call(*build, cwd=folder, home=folder)
    wheel = next(folder.glob("*.whl"))
    environment = folder / "venv"
    venv.create(environment, with_pip=False)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    call(sys.executable, "-m", "pip", "--python", environment, "install", "--no-deps", wheel, cwd=folder, home=folder)
    place = call(
        scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder, home=folder
    )
    # A path in a .pth file comes after the environment's own packages, so the wheel's copy of the program is found
    # first; .pth files in that folder, such as the editable install's, are not followed.
    (Path(place.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = call(scripts / "python", "-c", "import mammoviewer; print(mammoviewer.__file__)", cwd=folder, home=folder)
    assert Path(where.strip()).is_relative_to(environment)
    return scripts / "mammoviewer"


def test_models_are_found_inside_the_wheel(program: Path, tmp_path: Path) -> None:
    listed = call(program, "models", "list", cwd=tmp_path, home=tmp_path / "home")
    assert "microcalc-hypermodel" in listed
    assert (
        "ok" in call(program, "models", "check", "microcalc-hypermodel", cwd=tmp_path, home=tmp_path / "home").lower()
    )


@pytest.mark.timeout(600)
def test_the_headless_demo_runs_outside_the_checkout(program: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--headless", "--scale", "0.25", "--no-train", "--no-screenshots", "--out", out]
    told = call(program, "demo", *options, cwd=tmp_path, home=tmp_path / "home")
    assert "done in" in told
    written = {path.suffix for path in (out / "exports").iterdir()}
    assert written >= {".png", ".tif", ".dcm", ".json", ".csv", ".h5"}
