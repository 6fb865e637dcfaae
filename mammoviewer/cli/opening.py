"""What several subcommands need: one image, a model, findings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.json_document import read_everything, read_json
from mammoviewer.annotations.recovery import recover
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.base.errors import InputError
from mammoviewer.base.paths import bundled_models_dir, library_path, settings_path, user_models_dir
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult, Rejected, open_paths
from mammoviewer.imaging.preparation_plugins import allow_plugins
from mammoviewer.inference.onnx_session import OnnxModel, all_threads
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.inference.result_cache import ResultCache
from mammoviewer.session.settings import kept_results, load_settings


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Declare how files are read, the same in every subcommand."""
    parser.add_argument("--pixel-size", type=float, metavar="MM", help="pixel size of pictures that state none")
    parser.add_argument(
        "--charset", metavar="NAME", help="character set of the texts, such as windows-1251, instead of the file's own"
    )
    parser.add_argument(
        "--duke-convention",
        action="store_true",
        help="turn volumes whose pixels disagree with their side by 180 degrees, as the Duke BCS-DBT data set asks",
    )


def open_all(paths: Sequence[Path], arguments: argparse.Namespace) -> OpenResult:
    """Open files and folders as the reading options say."""
    return open_paths(
        paths,
        pixel_spacing_mm=arguments.pixel_size,
        charset=arguments.charset,
        duke_convention=arguments.duke_convention,
    )


def open_one(path: Path, arguments: argparse.Namespace) -> Image:
    """Return the one image at ``path``, read as the reading options say.

    Raises
    ------
    InputError
        If there is none, with the reason, or more than one.
    """
    result = open_all([path], arguments)
    if len(result.images) > 1:
        raise InputError(f"holds {len(result.images)} images", hint="name one of them", path=path)
    if result.images:
        return result.images[0]
    if result.rejected:
        first = result.rejected[0]
        raise InputError(first.reason, hint=first.hint, path=first.path)
    if result.companions:
        raise InputError(f"holds a {result.companions[0].kind} and no image", hint="name its image", path=path)
    raise InputError("there is no image here", path=path)


def load_model(name: str, *, int8: bool = False) -> OnnxModel:
    """Return a model, bundled or of the user's, ready to run as the settings say; ``int8`` asks for that form of it.

    Raises
    ------
    ModelError
        If there is no such model or it cannot be loaded.
    """
    settings, _ = load_settings(settings_path())
    allow_plugins(settings.models.plugins)
    manifest = ModelRegistry([bundled_models_dir(), user_models_dir()]).get(name)
    return OnnxModel(manifest, threads=settings.performance.threads or all_threads(), int8=int8 or settings.models.int8)


def results_cache() -> ResultCache:
    """Return where results of models are kept, as the settings say."""
    return kept_results(load_settings(settings_path())[0])


def open_library() -> AnnotationStore:
    """Return the user's annotations, with what a killed program had not stored yet.

    Raises
    ------
    AnnotationError
        If the file cannot be used.
    """
    store = AnnotationStore(library_path())
    recover(library_path())
    return store


def findings_of(identities: Sequence[str], file: Path | None) -> tuple[Finding, ...]:
    """Return the findings of images, from a JSON file when one is named, else from the user's library."""
    if file is not None:
        return tuple(read_json(file))
    if not library_path().is_file():
        return ()
    with open_library() as store:
        return tuple(store.load(list(identities)))


def densities_of(examinations: Sequence[str], file: Path | None) -> tuple[BreastDensity, ...]:
    """Return the breast densities of examinations, from a JSON file when one is named, else from the library."""
    if file is not None:
        return tuple(density for density in read_everything(file).densities if density.study_uid in examinations)
    if not library_path().is_file():
        return ()
    with open_library() as store:
        return store.densities(list(examinations))


def named_ones_opened(result: OpenResult, paths: Sequence[Path]) -> bool:
    """Return whether each path that was named has opened; what is no image in a folder is told and passed over."""
    named = {path.absolute() for path in paths}
    return not any(item.path.absolute() in named for item in result.rejected)


def rejected_text(item: Rejected) -> str:
    """Return in one line which file did not open, why, and what can be done."""
    return f"{item.path}: {item.reason}" + (f" ({item.hint})" if item.hint else "")


def failure(result: OpenResult) -> str:
    """Return one line for all that did not open, where nothing did."""
    if not result.rejected:
        return "there are no images"
    more = f" (and {len(result.rejected) - 1} more)" if len(result.rejected) > 1 else ""
    return rejected_text(result.rejected[0]) + more
