import json
import shutil

import pytest
from helpers.model_makers import brightest_bundle

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.registry import ModelRegistry, default_directories


@pytest.fixture
def folders(tmp_path):
    brightest_bundle(tmp_path / "bundled" / "spots")
    brightest_bundle(tmp_path / "user" / "own", name="own", tag="1", created="2026-01-01")
    brightest_bundle(tmp_path / "user" / "own2", name="own", tag="2", created="2026-03-01")
    return tmp_path / "bundled", tmp_path / "user"


def test_models_of_all_folders_are_listed_newest_of_a_name_first(folders):
    registry = ModelRegistry(folders)
    assert [model.identity for model in registry.models] == ["own.2", "own.1", "spots.1"]
    assert registry.refused == ()


def test_a_name_gives_the_newest_and_a_tag_gives_that_one(folders):
    registry = ModelRegistry(folders)
    assert registry.get("own").tag == "2"
    assert registry.get("own.1").tag == "1"


def test_an_unknown_name_lists_those_there_are(folders):
    with pytest.raises(ModelError, match=r"own\.2, own\.1, spots\.1"):
        ModelRegistry(folders).get("nothing")


def test_a_bad_bundle_is_listed_with_its_reason(folders):
    path = folders[1] / "own" / "manifest.json"
    document = json.loads(path.read_text())
    document["tiling"]["stride"] = -1
    path.write_text(json.dumps(document))
    registry = ModelRegistry(folders)
    assert [model.identity for model in registry.models] == ["own.2", "spots.1"]
    ((folder, reason),) = registry.refused
    assert folder == folders[1] / "own"
    assert "tiling.stride" in reason
    path.write_text("{")
    registry.refresh()
    assert "not valid JSON" in registry.refused[0][1]
    (folders[1] / "own2").rename(folders[1] / "elsewhere")
    shutil.rmtree(folders[1] / "elsewhere")
    registry.refresh()
    with pytest.raises(ModelError, match="cannot be used"):
        registry.get("own")


def test_the_second_of_two_equal_names_is_refused(folders):
    shutil.copytree(folders[0] / "spots", folders[1] / "copy")
    registry = ModelRegistry(folders)
    ((folder, reason),) = registry.refused
    assert folder == folders[1] / "copy"
    assert "spots.1 is taken" in reason


def test_folders_that_are_hidden_empty_or_absent_do_not_matter(folders, tmp_path):
    brightest_bundle(tmp_path / "user" / ".own3.partial", name="partial")
    (tmp_path / "user" / "empty").mkdir()
    (tmp_path / "user" / "file").write_text("")
    registry = ModelRegistry([*folders, tmp_path / "absent"])
    assert len(registry.models) == 3
    assert registry.refused == ()


def test_a_model_that_is_dropped_in_appears_after_a_refresh(folders):
    registry = ModelRegistry(folders)
    brightest_bundle(folders[1] / "new")
    assert len(registry.models) == 3
    registry.refresh()
    assert "new.1" in [model.identity for model in registry.models]


def test_bundled_and_user_folders_are_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    assert default_directories()[1] == tmp_path / "models"
    brightest_bundle(tmp_path / "models" / "mine")
    assert ModelRegistry().get("mine").folder == tmp_path / "models" / "mine"
