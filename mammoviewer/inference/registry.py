"""The classifiers that can be chosen: those that come with the program and those the user trained or added."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mammoviewer.base.errors import ModelError
from mammoviewer.base.paths import bundled_models_dir, user_models_dir
from mammoviewer.inference.manifest import MANIFEST_NAME, ModelManifest, load_manifest

DEFAULT_MODEL = "microcalc-dense"
"""The bundled model that is taken where none is named."""


def default_directories() -> tuple[Path, Path]:
    """Return the folders that are searched: the bundled models, then the user's."""
    return bundled_models_dir(), user_models_dir()


class ModelRegistry:
    """All bundles in some folders. A bundle that is not sound is listed with the reason, never half used.

    Parameters
    ----------
    directories
        Folders whose sub-folders are bundles; one that does not exist is empty. The bundled and the user's by default.
    """

    def __init__(self, directories: Sequence[Path] | None = None) -> None:
        self.directories = tuple(directories) if directories is not None else default_directories()
        self._models: tuple[ModelManifest, ...] = ()
        self._refused: tuple[tuple[Path, str], ...] = ()
        self.refresh()

    @property
    def models(self) -> tuple[ModelManifest, ...]:
        """Return the sound bundles, by name, the newest of a name first."""
        return self._models

    @property
    def refused(self) -> tuple[tuple[Path, str], ...]:
        """Return (folder, reason) of every bundle that is not sound."""
        return self._refused

    def refresh(self) -> None:
        """Search the folders again. Hashes are compared when a model is first used, not here."""
        found: dict[str, ModelManifest] = {}
        refused: list[tuple[Path, str]] = []
        for folder in _bundle_folders(self.directories):
            try:
                manifest = load_manifest(folder)
            except ModelError as error:
                refused.append((folder, error.reason if error.path is None else str(error)))
                continue
            other = found.setdefault(manifest.identity, manifest)
            if other is not manifest:
                refused.append((folder, f"the name {manifest.identity} is taken by {other.folder}"))
        by_age = sorted(found.values(), key=lambda manifest: manifest.created, reverse=True)
        self._models = tuple(sorted(by_age, key=lambda manifest: manifest.name))
        self._refused = tuple(refused)

    def get(self, name: str) -> ModelManifest:
        """Return the model ``name.tag``, or the newest one called ``name``.

        Raises
        ------
        ModelError
            There is none; the hint lists those there are, or says why the one asked for was refused.
        """
        for manifest in self._models:
            if name in (manifest.identity, manifest.name):
                return manifest
        for folder, reason in self._refused:
            if folder.name == name:
                raise ModelError(f"the model in {folder} cannot be used: {reason}")
        known = ", ".join(manifest.identity for manifest in self._models) or "none"
        raise ModelError(f"there is no model {name!r}", hint=f"known models: {known}")


def _bundle_folders(directories: Sequence[Path]) -> list[Path]:
    """Return the folders with a manifest. Hidden ones are bundles that are still being written."""
    return [
        folder
        for directory in directories
        if directory.is_dir()
        for folder in sorted(directory.iterdir())
        if not folder.name.startswith(".") and (folder / MANIFEST_NAME).is_file()
    ]
