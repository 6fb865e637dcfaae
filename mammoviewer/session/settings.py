"""The user's settings: each declared once, with type, default, bounds and description.

They are kept as JSON with a schema version. A file of an older version is migrated; one that cannot be read is kept
aside as ``settings.json.bad`` and the defaults apply; a single value that does not fit falls back to its default.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from psygnal import Signal

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.machine import total_memory_bytes
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.paths import settings_path, write_text_atomically
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.session.hands_settings import HandsSettings
from mammoviewer.session.settings_values import checked, option

SCHEMA_VERSION = 2
RECENT_LIMIT = 12

COLORMAPS = ("inferno", "viridis", "cividis", "magma")
CORNER_TEXTS = ("full", "minimal", "off")
AUTOMATIC = "automatic"
INTERPOLATIONS = (AUTOMATIC, "nearest", "linear", "cubic")
"""How pixels are made larger; by default linear until single ones can be told apart, and then as squares."""

Section = TypeVar("Section")
Migration = Callable[[dict[str, Any]], dict[str, Any]]

_MIB = 1 << 20
_LEAST_CACHE_MIB = 64
_MOST_WORKING_MIB = 256
"""Two threads with a large JPEG 2000 frame each take so much."""
_FORMER_CACHE_MIB = 1024


def _with_cache_by_machine(document: dict[str, Any]) -> dict[str, Any]:
    """Let the machine decide where the former fixed default of the cache was written down with all other settings."""
    performance = document.get("performance")
    if isinstance(performance, dict) and performance.get("cache_budget_mib") == _FORMER_CACHE_MIB:
        return {**document, "performance": {**performance, "cache_budget_mib": 0}}
    return document


MIGRATIONS: tuple[Migration, ...] = (_with_cache_by_machine,)
"""Entry *n* turns a document of version *n* + 1 into one of version *n* + 2."""


@dataclass(frozen=True)
class WindowSettings:
    """How images and overlays are shown."""

    overlay_opacity: float = option(0.5, "Opacity of model overlays", minimum=0.0, maximum=1.0)
    overlay_threshold: float = option(0.5, "Score below which a model overlay is transparent", minimum=0.0, maximum=1.0)
    colormap: str = option("inferno", "Colour map of model overlays", choices=COLORMAPS)
    overlay_contours: bool = option(False, "Draw model overlays as contours only")
    corner_text: str = option("full", "Text in the corners of a viewport", choices=CORNER_TEXTS)
    wheel_inverts: bool = option(False, "Turn the wheel the other way when scrolling slices")
    black_air: bool = option(True, "Keep the air around the breast black when a picture is inverted")
    blind: bool = option(False, "Hide AI until the first read of a study is signed")
    protocol: str = option("Mammography", "Hanging protocol, by its name")
    panel: str = option("Findings", "Panel on the right that is shown", internal=True)
    panels_folded: bool = option(False, "The panels on the right are folded away", internal=True)
    cine_rate: float = option(15.0, "Slices a second while the cine plays", minimum=5.0, maximum=30.0)
    interpolation: str = option(AUTOMATIC, "How pixels are made larger", choices=INTERPOLATIONS)


@dataclass(frozen=True)
class PerformanceSettings:
    """How much of the computer is used."""

    cache_budget_mib: int = option(
        0, "Memory for decoded slices, in MiB, 64 or more; 0 for a quarter of all", minimum=0, maximum=262_144
    )
    threads: int = option(0, "Threads for models; 0 lets the program choose", minimum=0, maximum=256)
    train_on: bool = option(True, "Let trainings by recipes go on when the window is closed")

    @property
    def cache_bytes(self) -> int:
        """Return how much of the memory set, in bytes, may be held; the rest is for what is just being decoded."""
        mib = max(self.cache_budget_mib or total_memory_bytes() // 4 // _MIB, _LEAST_CACHE_MIB)
        return (mib - min(mib // 6, _MOST_WORKING_MIB)) * _MIB


@dataclass(frozen=True)
class ModelSettings:
    """How classifiers run, and how much of what they found is kept on disk."""

    int8: bool = option(False, "Run the int8 form of models that have one: smaller, faster on recent processors")
    kept_results_mib: int = option(
        512, "Disk space for what models found, in MiB; 0 to keep nothing", minimum=0, maximum=1_048_576
    )
    plugins: bool = option(False, "Let models run Python preprocessors that installed packages bring")


@dataclass(frozen=True)
class LibrarySettings:
    """The list of studies, which stays on this machine."""

    enabled: bool = option(True, "Keep a list of the studies that are opened or come into watched folders")
    watched: tuple[str, ...] = option((), "Folders that are watched for new studies")
    sidecars: bool = option(False, "Save annotations beside images, as NAME.mammoviewer.json, too")
    watch_interval_s: float = option(5.0, "Seconds between two looks at a watched folder", minimum=1.0, maximum=3600.0)


@dataclass(frozen=True)
class Settings:
    """All settings."""

    window: WindowSettings = field(default_factory=WindowSettings)
    performance: PerformanceSettings = field(default_factory=PerformanceSettings)
    library: LibrarySettings = field(default_factory=LibrarySettings)
    hands: HandsSettings = field(default_factory=HandsSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    reader: str = option("", "Name that is kept with the findings you draw")
    last_folder: str = option("", "Folder in which the open dialog starts", internal=True)
    recent: tuple[str, ...] = option((), "Files and folders opened lately, the newest first", internal=True)
    screens: Mapping[str, str] = option({}, "What was measured of each screen, by its name", internal=True)
    key_bindings: Mapping[str, str] = option(
        {}, 'Keys that differ from the defaults, by name of the act; several parted by "; ", none when empty'
    )

    def with_recent(self, path: Path) -> Settings:
        """Return the settings with ``path`` at the head of the recent list."""
        text = str(path)
        others = tuple(entry for entry in self.recent if entry != text)
        return replace(self, recent=(text, *others)[:RECENT_LIMIT])


class SettingsFile:
    """The settings in force and the file that they are kept in.

    Parameters
    ----------
    path
        The JSON file; the user's own when None. It need not exist.
    """

    changed = Signal(Settings)
    """Emitted with the new settings after they were written."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or settings_path()
        self.settings, self.notice = load_settings(self.path)

    def update(self, settings: Settings) -> None:
        """Check, keep and announce new settings (made with ``dataclasses.replace``).

        Raises
        ------
        SettingsError
            If a value does not fit or the file cannot be written; the settings in force then stay.
        """
        if settings == self.settings:
            return
        save_settings(self.path, settings)
        self.settings = settings
        self.changed.emit(settings)


def kept_results(settings: Settings) -> ResultCache:
    """Return where what models found is kept, as large as the settings let it be."""
    return ResultCache(limit_bytes=settings.models.kept_results_mib * _MIB)


def load_settings(path: Path) -> tuple[Settings, Notice | None]:
    """Return the settings of a file, and a notice where not all of it could be used.

    Never fails: what cannot be used is kept aside or left out, and the defaults apply.
    """
    try:
        document = _migrated(json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse))
    except FileNotFoundError:
        return Settings(), None
    except (OSError, ValueError, SettingsError, RecursionError) as error:
        return Settings(), _kept_aside(path, error)
    problems: list[str] = []
    window = _section(WindowSettings(), document.pop("window", {}), "window.", problems)
    performance = _section(PerformanceSettings(), document.pop("performance", {}), "performance.", problems)
    library = _section(LibrarySettings(), document.pop("library", {}), "library.", problems)
    hands = _section(HandsSettings(), document.pop("hands", {}), "hands.", problems)
    if hands.problem:
        problems.append("hands")
        hands = HandsSettings()
    models = _section(ModelSettings(), document.pop("models", {}), "models.", problems)
    rest = _section(Settings(), document, "", problems)
    settings = replace(rest, window=window, performance=performance, library=library, hands=hands, models=models)
    if not problems:
        return settings, None
    text = f"some settings were not valid and have their default: {', '.join(problems)}"
    return settings, Notice(Severity.CAUTION, text)


def save_settings(path: Path, settings: Settings) -> None:
    """Check and write settings, so that a crash leaves the old file or the new one.

    Raises
    ------
    SettingsError
        If a value does not fit, with its name, or the file cannot be written.
    """
    if settings.hands.problem:
        raise SettingsError(settings.hands.problem)
    sections = ("window", "performance", "library", "hands", "models")
    for prefix, section in (("", settings), *((f"{name}.", getattr(settings, name)) for name in sections)):
        for entry in fields(section):
            if "description" in entry.metadata:
                checked(entry, getattr(section, entry.name), prefix)
    document = {"schema_version": SCHEMA_VERSION, **asdict(settings)}
    try:
        write_text_atomically(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        hint = "check that the folder can be written and the disk is not full"
        raise SettingsError(f"the settings cannot be written: {error.strerror}", hint=hint, path=path) from error
    except UnicodeEncodeError as error:
        raise SettingsError("a setting holds characters that cannot be written", path=path) from error


def _migrated(document: object, migrations: tuple[Migration, ...] = MIGRATIONS) -> dict[str, Any]:
    """Return the document, brought to the newest schema and without its version."""
    if not isinstance(document, dict):
        raise SettingsError("the settings are not an object")
    version = document.pop("schema_version", None)
    newest = len(migrations) + 1
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= newest:
        raise SettingsError(f"the settings have a schema_version that this program does not know ({version!r})")
    for migration in migrations[version - 1 :]:
        document = migration(document)
    return document


def _section(defaults: Section, values: object, prefix: str, problems: list[str]) -> Section:
    """Return ``defaults`` with the values that fit; names of the others are added to ``problems``."""
    if not isinstance(values, dict):
        problems.append(prefix.rstrip("."))
        return defaults
    declared = {entry.name: entry for entry in fields(defaults) if "description" in entry.metadata}  # type: ignore[arg-type]
    good: dict[str, Any] = {}
    for name, value in values.items():
        try:
            good[name] = checked(declared[name], value, prefix)
        except (KeyError, SettingsError):
            problems.append(f"{prefix}{name}"[:60])
    return replace(defaults, **good)  # type: ignore[type-var]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def _kept_aside(path: Path, error: Exception) -> Notice:
    target = path.with_name(f"{path.name}.bad")
    hint = "the file could not be moved aside"
    with contextlib.suppress(OSError):
        path.replace(target)
        hint = f"the old file was kept as {target.name}"
    reason = error.reason if isinstance(error, SettingsError) else "the settings cannot be read"
    return Notice(Severity.CAUTION, f"{reason}; the defaults apply", hint)
