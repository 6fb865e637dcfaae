import json
from dataclasses import fields, replace

import pytest

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.machine import total_memory_bytes
from mammoviewer.session import settings as module
from mammoviewer.session.hands_settings import HandsSettings
from mammoviewer.session.settings import (
    RECENT_LIMIT,
    SCHEMA_VERSION,
    LibrarySettings,
    ModelSettings,
    PerformanceSettings,
    Settings,
    SettingsFile,
    WindowSettings,
    load_settings,
    save_settings,
)

CHANGED = Settings(
    window=WindowSettings(overlay_opacity=0.75, colormap="viridis", wheel_inverts=True, cine_rate=30),
    performance=PerformanceSettings(cache_budget_mib=2048, threads=3),
    library=LibrarySettings(enabled=False, watched=("/in",), watch_interval_s=60),
    models=ModelSettings(int8=True, plugins=True),
    hands=HandsSettings(left_drag="pan", right_drag="tool", shift_wheel="contrast"),
    reader="R. Eader ü",
    last_folder="/data",
    recent=("/data/a", "/data/b"),
    key_bindings={"undo": "Ctrl+U"},
)

SECTIONS = ("window", "performance", "library", "hands", "models")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "settings.json"


def _write(path, document):
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")


def test_defaults_are_those_of_the_design():
    window = Settings().window
    assert (window.overlay_opacity, window.overlay_threshold, window.colormap) == (0.5, 0.5, "inferno")
    assert (window.corner_text, window.cine_rate) == ("full", 15.0)
    quarter = total_memory_bytes() // 4
    assert quarter - (257 << 20) <= Settings().performance.cache_bytes < quarter


@pytest.mark.parametrize(("mib", "held"), [(64, 54), (600, 500), (4096, 3840), (1, 54)])
def test_most_of_the_memory_set_is_held_and_never_too_little_for_a_slice(mib, held):
    assert PerformanceSettings(cache_budget_mib=mib).cache_bytes == held << 20


def test_every_setting_has_a_description():
    for section in (WindowSettings, PerformanceSettings, LibrarySettings, HandsSettings, ModelSettings, Settings):
        for entry in fields(section):
            assert (
                entry.name in ("window", "performance", "library", "hands", "models") or entry.metadata["description"]
            )


def test_what_was_saved_is_loaded(path):
    save_settings(path, CHANGED)
    assert load_settings(path) == (CHANGED, None)
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == SCHEMA_VERSION


def test_without_a_file_the_defaults_apply_and_nothing_is_written(path):
    assert load_settings(path) == (Settings(), None)
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "[" * 100_000, '{"reader": "x"}', '{"schema_version": 99}', '{"schema_version": true}', "\udcff"],
)
def test_a_file_that_cannot_be_read_is_kept_aside(path, content):
    path.parent.mkdir()
    raw = content.encode("utf-8", errors="surrogateescape")
    path.write_bytes(raw)
    settings, notice = load_settings(path)
    assert settings == Settings()
    assert notice is not None
    assert "settings.json.bad" in notice.hint
    assert path.with_name("settings.json.bad").read_bytes() == raw
    assert not path.exists()


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"window": {"overlay_opacity": 2}}, "window.overlay_opacity"),
        ({"window": {"overlay_opacity": True}}, "window.overlay_opacity"),
        ({"window": {"colormap": "jet"}}, "window.colormap"),
        ({"window": {"wheel_inverts": 1}}, "window.wheel_inverts"),
        ({"window": {"colour": "red"}}, "window.colour"),
        ({"window": 7}, "window"),
        ({"performance": {"threads": 1.5}}, "performance.threads"),
        ({"performance": {"cache_budget_mib": 10**400}}, "performance.cache_budget_mib"),
        ({"library": {"watch_interval_s": 0}}, "library.watch_interval_s"),
        ({"hands": {"wheel": "spin"}}, "hands.wheel"),
        ({"hands": {"left_drag": "nothing"}}, "hands"),
        ({"reader": None}, "reader"),
        ({"recent": "abc"}, "recent"),
        ({"recent": ["a", 3]}, "recent"),
        ({"key_bindings": {"undo": 3}}, "key_bindings"),
        ({"window.x": 1}, "window.x"),
    ],
)
def test_one_bad_value_falls_back_alone_and_is_named(path, document, name):
    _write(path, {"schema_version": 1, "last_folder": "/kept", **document})
    settings, notice = load_settings(path)
    assert settings == Settings(last_folder="/kept")
    assert notice is not None
    assert name in notice.text
    assert path.exists()


def test_a_whole_number_is_good_for_a_float(path):
    _write(path, {"schema_version": 1, "window": {"cine_rate": 20}})
    settings, notice = load_settings(path)
    assert notice is None
    assert isinstance(settings.window.cine_rate, float)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(window=WindowSettings(overlay_threshold=float("nan"))), "window.overlay_threshold must be a number"),
        (Settings(window=WindowSettings(corner_text="some")), "window.corner_text must be one of full"),
        (Settings(performance=PerformanceSettings(cache_budget_mib=-1)), "from 0 to"),
        (Settings(hands=HandsSettings(left_drag="pan")), "for the chosen tool"),
        (Settings(reader="\ud800"), "cannot be written"),
    ],
)
def test_bad_settings_are_not_saved(path, settings, name):
    save_settings(path, CHANGED)
    with pytest.raises(SettingsError, match=name):
        save_settings(path, settings)
    assert load_settings(path) == (CHANGED, None)
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


def test_an_older_document_is_migrated():
    def rename(document):
        return {"reader" if name == "user" else name: value for name, value in document.items()}

    assert module._migrated({"schema_version": 1, "user": "x"}, (rename,)) == {"reader": "x"}
    assert module._migrated({"schema_version": 2, "reader": "x"}, (rename,)) == {"reader": "x"}
    with pytest.raises(SettingsError, match="schema_version"):
        module._migrated({"schema_version": 3}, (rename,))


@pytest.mark.parametrize(("written", "mib"), [(1024, 0), (2048, 2048)])
def test_the_former_default_of_the_cache_becomes_the_machines_share(path, written, mib):
    _write(path, {"schema_version": 1, "reader": "x", "performance": {"cache_budget_mib": written, "threads": 3}})
    settings, notice = load_settings(path)
    assert notice is None
    assert settings == Settings(reader="x", performance=PerformanceSettings(cache_budget_mib=mib, threads=3))


def test_recent_paths_are_unique_newest_first_and_bounded(tmp_path):
    settings = Settings()
    for number in range(RECENT_LIMIT + 5):
        settings = settings.with_recent(tmp_path / str(number))
    settings = settings.with_recent(tmp_path / "10")
    assert len(settings.recent) == RECENT_LIMIT
    assert settings.recent[:2] == (str(tmp_path / "10"), str(tmp_path / "16"))
    assert len(set(settings.recent)) == RECENT_LIMIT


def test_settings_file_writes_then_tells(path):
    file = SettingsFile(path)
    told = []
    file.changed.connect(lambda new: told.append((new, load_settings(path)[0])))
    file.update(CHANGED)
    file.update(CHANGED)
    assert told == [(CHANGED, CHANGED)]
    assert SettingsFile(path).settings == CHANGED


def test_settings_that_cannot_be_kept_do_not_apply(tmp_path):
    (tmp_path / "file").write_text("")
    file = SettingsFile(tmp_path / "settings.json")
    file.path = tmp_path / "file" / "settings.json"
    with pytest.raises(SettingsError, match="cannot be written"):
        file.update(replace(Settings(), reader="x"))
    assert file.settings == Settings()


def test_the_users_own_file_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    assert SettingsFile().path == tmp_path / "settings.json"
