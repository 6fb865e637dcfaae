"""Runs of a model that end soon after nobody wants their result any more.

A run of ONNX Runtime may take seconds. It looks between any two nodes of the graph whether it was told to end; so the
thread that waits for it keeps asking whether the result is wanted, and tells it when it is not.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Final, TypeVar

from mammoviewer.base.errors import Cancelled

ASK_EVERY_S: Final = 0.05
"""Seconds between two questions whether a result is still wanted."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class RunStop:
    """Ends the runs that were given it, those under way and those to come; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, Any] = {}
        self._stopped = False

    def stop(self) -> None:
        """End the runs: those under way as soon as they have done the node they are at."""
        with self._lock:
            self._stopped = True
            for options in self._running.values():
                options.terminate = True

    def run(self, session: Any, names: list[str], feed: Mapping[str, Any]) -> list[Any]:
        """Run an ONNX Runtime session, as ``session.run`` does.

        Raises
        ------
        Cancelled
            The run was ended, or would have begun after :meth:`stop`.
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        with self._lock:
            if self._stopped:
                raise Cancelled
            self._running[id(options)] = options
        try:
            results: list[Any] = session.run(names, feed, options)
        except Exception as error:
            # Ended runs fail with the class of any failure, so what was asked for tells the two apart.
            if options.terminate:
                raise Cancelled from error
            raise
        finally:
            with self._lock:
                del self._running[id(options)]
        return results


class StoppableRuns:
    """Threads for runs of a model; use it as a context manager, so that none outlives the work.

    Leaving it by an error, ``Cancelled`` among them, ends the runs that were given its ``stop``.

    Parameters
    ----------
    threads
        How many runs go on side by side.
    name
        Of the threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self.stop = RunStop()
        self._pool = ThreadPoolExecutor(threads, name)

    def __enter__(self) -> StoppableRuns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.stop.stop()
        self._pool.shutdown(cancel_futures=True)

    def map(
        self, function: Callable[[_Item], _Result], items: Iterable[_Item], ask: Callable[[], None]
    ) -> Iterator[_Result]:
        """Yield what a function gives of items, in their order; ``ask`` is called while waiting and may raise."""
        futures: deque[Future[_Result]] = deque(self._pool.submit(function, item) for item in items)
        while futures:
            while not wait([futures[0]], ASK_EVERY_S).done:
                ask()
            yield futures.popleft().result()

    def result(self, function: Callable[[], _Result], ask: Callable[[], None]) -> _Result:
        """Return what a function gives; ``ask`` is called while waiting and may raise."""
        return next(self.map(lambda made: made(), [function], ask))
