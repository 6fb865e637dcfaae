from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from mammoviewer.cli import display
from mammoviewer.cli.main import run
from mammoviewer.session.window_request import WindowRequest


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the user's own, and no pictures of the window asked for."""
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    return tmp_path


def demo(folder: Path, *options: str, code: int = 0) -> tuple[int, list[WindowRequest], list[str]]:
    asked: list[WindowRequest] = []
    homes: list[str] = []

    def show(request: WindowRequest) -> int:
        asked.append(request)
        homes.append(os.environ["MAMMOVIEWER_HOME"])
        return code

    arguments = ["demo", "--headless", "--scale", "0.25", "--no-train", "--out", str(folder / "out"), *options]
    return run(arguments, show=show), asked, homes


def test_the_headless_demo_leaves_the_users_home_alone(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, asked, homes = demo(small)
    assert code == 0, capsys.readouterr().err
    assert {path.suffix for path in (small / "out" / "exports").iterdir()} >= {".png", ".tif", ".dcm", ".json", ".csv"}
    assert asked[0].model == "microcalc-dense"
    assert homes != [str(small / "home")]
    assert not Path(homes[0]).exists()
    assert os.environ["MAMMOVIEWER_HOME"] == str(small / "home")
    assert [path.name for path in (small / "home").iterdir()] == ["cache"]


def test_a_walk_that_does_not_get_through_is_a_failure(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = demo(small, code=1)
    assert code == 1
    assert "walk through the window" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="X servers are asked on Unix")
def test_a_display_is_asked_before_a_window_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(display.sys, "platform", "linux")
    assert "no display" in display.display_problem()
    monkeypatch.setenv("DISPLAY", ":987")
    assert "does not answer" in display.display_problem()
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1] - display._X_PORT
        if number >= 0:
            monkeypatch.setenv("DISPLAY", f"127.0.0.1:{number}.0")
            assert display.display_problem() == ""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.delenv("DISPLAY")
    assert display.display_problem() == ""
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    assert "no display" in display.display_problem()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert "no display" in display.display_problem()
    monkeypatch.setenv("QT_QPA_PLATFORM", "wayland;xcb")
    assert display.display_problem() == ""
