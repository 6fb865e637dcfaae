import os
import shutil

import pytest
from helpers.model_makers import brightest_bundle

import mammoviewer.inference.file_seals as file_seals
from mammoviewer.base.errors import ModelError
from mammoviewer.inference.file_seals import FileSeals


@pytest.fixture
def bundle(tmp_path):
    return brightest_bundle(tmp_path / "spots")


@pytest.fixture
def reads(monkeypatch):
    """The files that were read through, in order."""
    seen, real = [], file_seals.read_verified

    def counted(manifest, role):
        seen.append(role)
        return real(manifest, role)

    monkeypatch.setattr(file_seals, "read_verified", counted)
    return seen


def flip(path):
    """Change one byte, nothing of the size or of the time of the last change."""
    facts, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_a_file_is_hashed_once_and_again_only_when_it_was_touched(bundle, reads):
    seals = FileSeals(bundle)
    for _ in range(3):
        seals.check("model")
    assert reads == ["model"]
    bundle.file_path("model").touch()
    seals.check("model")
    seals.check("model")
    assert reads == ["model", "model"]


def test_what_was_loaded_needs_no_second_look(bundle, reads):
    seals = FileSeals(bundle)
    assert seals.read("model") == bundle.file_path("model").read_bytes()
    seals.check("model")
    assert reads == ["model"]


@pytest.mark.parametrize("damage", ["flipped", "cut", "removed", "replaced"])
def test_a_file_that_is_not_the_one_any_more_is_refused_until_it_is_back(bundle, tmp_path, damage):
    seals, path = FileSeals(bundle), bundle.file_path("model")
    seals.check("model")
    shutil.copy2(path, tmp_path / "safe")
    if damage == "flipped":
        flip(path)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "removed":
        path.unlink()
    else:
        other = tmp_path / "other"
        other.write_bytes(path.read_bytes()[::-1])
        other.replace(path)
    for _ in range(2):
        with pytest.raises(ModelError) as told:
            seals.check("model")
        assert told.value.path == path
        assert "install the model again" in told.value.hint
    shutil.copy2(tmp_path / "safe", path)
    seals.check("model")


def test_a_file_that_there_never_was_is_refused(bundle):
    with pytest.raises(ModelError, match="has no dense file"):
        FileSeals(bundle).check("dense")
