"""Many tasks over many machines: Dask where a scheduler is named, this process where none is. No torch here.

Every result is written to a file of its own as soon as it is there, so that a run that was broken off does only what
is missing. A task whose machine is lost is done again on another. Machines see the same folders under the same names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.base.progress import Progress, no_progress

Task: TypeAlias = Callable[[Any], Mapping[str, Any]]
"""A function of a module, of what can be pickled, to what can be written as JSON."""

_CONNECT_S = 15
_TIMES_DONE_AGAIN = 5


def run_tasks(
    function: Task,
    items: Mapping[str, Any],
    folder: Path,
    *,
    scheduler: str = "",
    progress: Progress = no_progress,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Run ``function`` on every item whose result is not yet in ``folder``.

    Parameters
    ----------
    items
        What to run it on, by the name of the result's file.
    folder
        Gets ``NAME.json`` for every item that was done.
    scheduler
        Address of a Dask scheduler (``tcp://HOST:8786``); empty for this process.

    Returns
    -------
    tuple
        The results by name, and by name why an item failed; failures are not written and are tried again next time.

    Raises
    ------
    TrainingError
        The scheduler cannot be reached, Dask is not installed, or a result cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = {name: found for name in items if (found := _kept(folder / f"{name}.json")) is not None}
    missing = {name: item for name, item in items.items() if name not in done}
    failures: dict[str, str] = {}
    for name, result in _results(function, missing, scheduler):
        if isinstance(result, MammoViewerError):
            failures[name] = str(result)
        else:
            write_text_atomically(folder / f"{name}.json", json.dumps(result, allow_nan=False) + "\n")
            done[name] = dict(result)
        progress((len(done) + len(failures)) / len(items), name)
    return {name: done[name] for name in items if name in done}, failures


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) else None


def _results(
    function: Task, items: Mapping[str, Any], scheduler: str
) -> Iterator[tuple[str, Mapping[str, Any] | MammoViewerError]]:
    if not items:
        return
    if not scheduler:
        for name, item in items.items():
            yield name, _guarded(function, item)
        return
    from distributed import as_completed

    with _client(scheduler) as client:
        names = {
            client.submit(_guarded, function, item, pure=False, retries=_TIMES_DONE_AGAIN): name
            for name, item in items.items()
        }
        for future in as_completed(list(names), loop=client.loop):
            name = names.pop(future)
            yield name, _outcome(future)
            future.release()


def _guarded(function: Task, item: Any) -> Mapping[str, Any] | MammoViewerError:
    """Return the result or the expected failure: a file that cannot be read is not worth a second try."""
    try:
        return function(item)
    except MammoViewerError as error:
        return TrainingError(str(error))


def _outcome(future: Any) -> Mapping[str, Any] | MammoViewerError:
    error = future.exception()
    if error is not None:
        return TrainingError(f"{type(error).__name__}: {str(error)[:200]}")
    result: Mapping[str, Any] | MammoViewerError = future.result()
    return result


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        hint = "pip install 'mammoviewer[cluster]'"
        raise TrainingError("Dask, which runs tasks on other machines, is not installed", hint=hint) from error
    try:
        client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        hint = "start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`"
        raise TrainingError(f"there is no scheduler at {scheduler}", hint=hint) from error
    with client:
        yield client
