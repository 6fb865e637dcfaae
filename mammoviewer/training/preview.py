"""The child process of the augmentation preview: ``python -m mammoviewer.training.preview``.

Reads requests from standard input, one JSON object a line: ``number`` and ``spec``, a training spec as text. Prints one
answer a line for each it comes to, ``{"number", "pairs": [[before, after], ...]}`` or ``{"number", "reason"}``; a
picture is ``{"rows", "columns", "grey"}``, its pixels as base64. A newer request ends the work on an older one. Ends
with its input.
"""

from __future__ import annotations

import base64
import json
import queue
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import MammoViewerError
from mammoviewer.training.augmentation_preview import AugmentationPreview
from mammoviewer.training.recipe_files import load_recipe
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import TrainingSpec


class _Newer(Exception):
    """There is a newer request."""


def answer(request: Mapping[str, Any], preview: AugmentationPreview, hold: Callable[[], None]) -> dict[str, Any]:
    """Return the answer to a request; ``hold`` is called now and then, and may raise."""
    try:
        spec = TrainingSpec.from_json(str(request["spec"]))
        settings = load_recipe(spec.recipe).settings(spec.parameters)
        run = RecipeRun(spec, settings, lambda _event: None, Path(tempfile.gettempdir()))
        pairs = preview.pairs(run, hold)
    except MammoViewerError as error:
        return {"number": request["number"], "reason": error.reason}
    except _Newer:
        raise
    except Exception as error:  # noqa: BLE001 - settings may be of any kind, and the next ones are to be answered too
        return {"number": request["number"], "reason": f"no picture can be made with these settings: {error}"}
    return {"number": request["number"], "pairs": [[_picture(one) for one in pair] for pair in pairs]}


def _picture(pixels: ByteArray) -> dict[str, Any]:
    return {
        "rows": pixels.shape[0],
        "columns": pixels.shape[1],
        "grey": base64.b64encode(pixels.tobytes()).decode("ascii"),
    }


def _read(stream: TextIO, requests: queue.SimpleQueue[str | None]) -> None:
    for line in stream:
        requests.put(line)
    requests.put(None)


def main() -> int:
    """Answer requests until the input ends."""
    import torch

    torch.set_num_threads(1)
    requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin, requests), daemon=True).start()
    preview = AugmentationPreview()

    def hold() -> None:
        if not requests.empty():
            raise _Newer

    while (line := requests.get()) is not None:
        try:
            print(json.dumps(answer(json.loads(line), preview, hold)), flush=True)
        except _Newer:
            continue
    return 0


if __name__ == "__main__":
    sys.exit(main())
