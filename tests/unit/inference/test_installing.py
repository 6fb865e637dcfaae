"""Adding a model: everything is checked first, nothing is half there, nothing is written outside."""

import json
import stat
import zipfile

import pytest
from helpers.model_makers import brightest_bundle, linear_bundle

from mammoviewer.base.errors import ModelError
from mammoviewer.inference import installing
from mammoviewer.inference.installing import install_model
from mammoviewer.inference.manifest import load_manifest, verify_files
from mammoviewer.inference.registry import ModelRegistry


@pytest.fixture
def source(tmp_path):
    linear_bundle(tmp_path / "from" / "spots")
    (tmp_path / "from" / "spots" / "CARD.md").write_text("# Spots\n")
    (tmp_path / "from" / "spots" / "notes.txt").write_text("not part of it")
    return tmp_path / "from" / "spots"


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


def zipped(source, path, *, prefix="spots/", extra=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(source.iterdir()):
            archive.write(file, prefix + file.name)
        for name, data in extra:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "flat zip"])
def test_a_model_is_added_with_its_card_and_nothing_else(source, models, tmp_path, kind):
    if kind != "folder":
        source = zipped(source, tmp_path / "a.zip", prefix="spots/" if kind == "zip" else "")
    manifest = install_model(source, models)
    assert manifest.folder == models / "spots.1"
    verify_files(manifest)
    assert sorted(path.name for path in manifest.folder.iterdir()) == [
        "CARD.md",
        "head_grad.onnx",
        "manifest.json",
        "model.onnx",
    ]
    assert [path.name for path in models.iterdir()] == ["spots.1"]
    assert ModelRegistry([models]).get("spots") == manifest


def test_nothing_is_overwritten_unless_asked(source, models):
    install_model(source, models)
    before = (models / "spots.1" / "model.onnx").stat().st_mtime_ns
    with pytest.raises(ModelError, match="already") as caught:
        install_model(source, models)
    assert "--replace" in caught.value.hint
    assert (models / "spots.1" / "model.onnx").stat().st_mtime_ns == before
    (source / "CARD.md").write_text("# Newer\n")
    install_model(source, models, replace=True)
    assert (models / "spots.1" / "CARD.md").read_text() == "# Newer\n"
    assert [path.name for path in models.iterdir()] == ["spots.1"]


def test_the_name_of_a_bundled_model_cannot_be_taken_even_by_replacing(source, models):
    for replace in (False, True):
        with pytest.raises(ModelError, match="already"):
            install_model(source, models, taken={"spots.1"}, replace=replace)
    assert list(models.iterdir()) == []


@pytest.mark.parametrize("damage", ["hash", "gradient", "manifest", "missing"])
def test_a_model_that_is_not_sound_leaves_nothing_behind(tmp_path, models, damage):
    source = tmp_path / "bad"
    linear_bundle(source, broken_gradient=damage == "gradient")
    if damage == "hash":
        data = bytearray((source / "model.onnx").read_bytes())
        data[-1] ^= 1
        (source / "model.onnx").write_bytes(bytes(data))
    if damage == "manifest":
        (source / "manifest.json").write_text("{}")
    if damage == "missing":
        (source / "model.onnx").unlink()
    said = {"hash": "SHA-256", "gradient": "head_grad", "manifest": "schema_version", "missing": "missing"}[damage]
    with pytest.raises(ModelError, match=said):
        install_model(source, models)
    assert list(models.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil.onnx", "/tmp/evil.onnx", "spots/../../evil", "C:evil.onnx", "a\\..\\evil"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(source, models, tmp_path, name):
    archive = zipped(source, tmp_path / "a.zip", extra=[(name, b"x")])
    with pytest.raises(ModelError, match="leads out"):
        install_model(archive, models)
    assert list(models.iterdir()) == []
    assert not (tmp_path / "evil.onnx").exists()


def test_a_link_in_an_archive_or_folder_is_refused(source, models, tmp_path):
    entry = zipfile.ZipInfo("spots/link.onnx")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = zipped(source, tmp_path / "a.zip", extra=[(entry, "/etc/passwd")])
    with pytest.raises(ModelError, match="leads out"):
        install_model(archive, models)
    (source / "CARD.md").unlink()
    (source / "CARD.md").symlink_to("/etc/hostname")
    with pytest.raises(ModelError, match="link"):
        install_model(source, models)


def test_an_archive_larger_than_allowed_is_stopped(source, models, tmp_path, monkeypatch):
    monkeypatch.setattr(installing, "MAX_FILE_BYTES", 100)
    with pytest.raises(ModelError, match="more than 100 bytes"):
        install_model(zipped(source, tmp_path / "a.zip"), models)
    assert list(models.iterdir()) == []


def test_an_archive_without_one_manifest_or_damaged_is_refused(source, models, tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    two = zipped(source, tmp_path / "two.zip", extra=[("other/manifest.json", json.dumps({}))])
    for path in (tmp_path / "empty.zip", two):
        with pytest.raises(ModelError, match="one model"):
            install_model(path, models)
    data = bytearray(zipped(source, tmp_path / "bad.zip").read_bytes())
    middle = data.index(b"model.onnx") + 60
    data[middle : middle + 40] = bytes(40)
    (tmp_path / "bad.zip").write_bytes(bytes(data))
    with pytest.raises(ModelError, match="damaged"):
        install_model(tmp_path / "bad.zip", models)
    assert list(models.iterdir()) == []


def test_something_else_is_refused(models, tmp_path):
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(ModelError, match="neither"):
        install_model(tmp_path / "x.txt", models)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=r"no manifest\.json"):
        install_model(tmp_path / "folder", models)


def test_a_models_folder_that_cannot_be_made_is_told(source, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="cannot be written"):
        install_model(source, tmp_path / "file" / "models")


def test_a_model_without_a_gradient_can_be_added_too(models, tmp_path):
    brightest_bundle(tmp_path / "b")
    assert load_manifest(install_model(tmp_path / "b", models).folder).identity == "b.1"
