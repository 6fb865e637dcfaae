"""Training pictures before and after the augmentation of settings that are being chosen; made by a child process."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from psygnal import Signal

from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.paths import user_dir
from mammoviewer.jobs.asked_process import AskedProcess
from mammoviewer.training.spec import TrainingSpec, preview_command


@dataclass(frozen=True, eq=False)
class SamplePair:
    """One training picture as it is read and as it is learnt from, uint8 (rows, columns)."""

    before: ByteArray
    after: ByteArray


class AugmentationSamples:
    """The newest request wins; what is shown stays until its successor is there.

    Signal: ``changed()``, on a thread of its own, when there are other pictures or other words.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.pairs: tuple[SamplePair, ...] = ()
        self.words = ""
        self._number = 0
        self._child: AskedProcess | None = None

    def ask(self, spec: TrainingSpec) -> None:
        """Ask for the pictures of a training as it would be started now."""
        if self._child is None:
            log = user_dir() / "logs" / "training.log"
            self._child = AskedProcess(preview_command(), self._take, log=log)
        self._number += 1
        if not self.pairs:
            self.words = "Reading some of the training pictures…"
        try:
            self._child.ask({"number": self._number, "spec": spec.to_json()})
        except MammoViewerError as error:
            self.pairs, self.words = (), f"No preview: {error.reason}."
        self.changed.emit()

    def clear(self) -> None:
        """Show nothing, and let what is under way go."""
        self._number += 1
        self.pairs, self.words = (), ""
        self.changed.emit()

    def close(self) -> None:
        """End the child; it gives its memory back. The next request starts it anew."""
        if self._child is not None:
            self._child.close()

    def _take(self, answer: Mapping[str, Any] | None) -> None:
        if answer is None:
            self.pairs, self.words = (), "The preview ended unexpectedly; the training log tells why."
        elif answer.get("number") != self._number:
            return
        elif "pairs" in answer:
            with contextlib.suppress(TypeError, ValueError, KeyError, binascii.Error):
                self.pairs = tuple(SamplePair(_picture(one), _picture(two)) for one, two in answer["pairs"])
                self.words = ""
        else:
            self.pairs, self.words = (), f"No preview: {answer.get('reason')}."
        self.changed.emit()


def _picture(values: Mapping[str, Any]) -> ByteArray:
    grey = np.frombuffer(base64.b64decode(values["grey"]), dtype=np.uint8)
    return grey.reshape(int(values["rows"]), int(values["columns"]))
