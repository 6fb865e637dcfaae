"""A real image archive for tests: Orthanc on this machine alone, with a folder and ports of its own."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Archive:
    """The ports that it listens to, at 127.0.0.1."""

    http: int
    dicom: int

    def ask(self, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def add(self, path: Path) -> str:
        """Store a file by REST; return the archive's own name for it."""
        told = json.loads(self.ask("/instances", path.read_bytes()))
        assert told["Status"] == "Success", told
        return str(told["ID"])

    def file(self, name: str) -> bytes:
        return self.ask(f"/instances/{name}/file")

    def find(self, uid: str) -> str:
        """Return the archive's name for a SOPInstanceUID."""
        found = json.loads(self.ask("/tools/lookup", uid.encode()))
        return str(next(one["ID"] for one in found if one["Type"] == "Instance"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def archive(folder: Path) -> Iterator[Archive]:
    """Run an archive while the block runs; the test is skipped where Orthanc is not installed."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("Orthanc (Debian package orthanc) is not installed")
    made = Archive(_free_port(), _free_port())
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [],
        "HttpPort": made.http,
        "DicomPort": made.dicom,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "HttpDescribeErrors": True,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            _wait(made, process, folder)
            yield made
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(made: Archive, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"Orthanc ended: {(folder / 'log.txt').read_text(errors='replace')[-2000:]}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            made.ask("/system")
            return
        time.sleep(0.1)
    pytest.fail("Orthanc does not answer")
