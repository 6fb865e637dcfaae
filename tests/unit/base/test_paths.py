from __future__ import annotations

from pathlib import Path

import pytest

from mammoviewer.base import paths
from mammoviewer.base.errors import InputError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import subprogress


def test_bundled_folders_are_found_in_a_checkout():
    assert (paths.bundled_models_dir()).is_dir()
    assert (paths.resources_dir() / "hanging" / "mammography.json").is_file()


def test_everything_of_the_users_moves_with_one_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    for found in (paths.user_models_dir(), paths.library_path(), paths.settings_path(), paths.cache_dir()):
        assert found.is_relative_to(tmp_path)


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.json"
    paths.write_text_atomically(path, "old")

    def interrupted():
        with paths.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.json"]


def test_atomic_write_makes_its_folder(tmp_path):
    paths.write_bytes_atomically(tmp_path / "new" / "b.bin", b"x")
    assert (tmp_path / "new" / "b.bin").read_bytes() == b"x"


def test_an_error_names_file_reason_and_remedy():
    error = InputError("is cut short", hint="copy it again", path="/data/a.dcm")
    assert str(error) == "/data/a.dcm: is cut short (copy it again)"
    notice = Notice.from_error(error)
    assert notice == Notice(Severity.ERROR, "a.dcm: is cut short", "copy it again")
    assert error.path == Path("/data/a.dcm")


def test_progress_of_a_part_is_mapped_into_the_whole():
    seen = []
    part = subprogress(lambda fraction, message: seen.append((fraction, message)), 0.5, 0.75)
    part(0.0, "a")
    part(1.0, "b")
    assert seen == [(0.5, "a"), (0.75, "b")]
