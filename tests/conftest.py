"""Fixtures that every room's tests share."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real images at {SHARED_DATA}")
    return SHARED_DATA


_HOMES = itertools.count()


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test off the folder of whoever runs it; made only when something is written there."""
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path_factory.getbasetemp() / f"home-{next(_HOMES)}"))


@pytest.fixture(autouse=True)
def _edits_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every edit wait until it is stored: on a busy machine that may take longer than a reader would notice."""
    module = sys.modules.get("mammoviewer.session.patient_recorder")
    if module is not None:
        monkeypatch.setattr(module, "PROMPT_S", 10.0)
