"""Entry of the command line: one subcommand per module, or paths to open in the window.

Exit code 0: done; 1: expected failure, told in one line on stderr; 2: usage.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import mammoviewer
from mammoviewer.base.errors import ArgumentError, Cancelled, MammoViewerError
from mammoviewer.base.paths import user_dir
from mammoviewer.cli.opening import add_reading_options
from mammoviewer.dicom.character_sets import require_charset
from mammoviewer.session.window_request import WindowRequest

COMMANDS = (
    "info",
    "render",
    "predict",
    "explain",
    "batch",
    "evaluate",
    "data",
    "models",
    "train",
    "export",
    "import",
    "anonymize",
    "phantom",
    "demo",
)
_MODULES = {"import": "import_"}
"""Modules of the commands that are called like a word of the language."""

Show = Callable[[WindowRequest], int]


def run(argv: Sequence[str], *, show: Show) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        Arguments without the program's name.
    show
        Opens the window; only called when a window is wanted.

    Returns
    -------
    int
        The exit code.
    """
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a redirected stream may lack it
    try:
        if argv and argv[0] in COMMANDS:
            return _run_command(argv, show)
        return _run_window(argv, show)
    except BrokenPipeError:
        # The reader of our output went away (as in `mammoviewer info x | head`): nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - nothing may reach the user but one line
        text, code = _ending(error)
        print(f"mammoviewer: {text}", file=sys.stderr)
        return code


def _ending(error: BaseException) -> tuple[str, int]:
    """Return what to say of an exception, and the exit code."""
    text, code = f"a defect stopped this ({type(error).__name__})", 1
    if isinstance(error, Cancelled):
        text = "cancelled"
    elif isinstance(error, MammoViewerError):
        # What is wrong with an option alone, whatever the file, is usage.
        text, code = str(error), 2 if isinstance(error, ArgumentError) and error.path is None else 1
    elif isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    elif isinstance(error, OSError):
        text = f"{error.filename or 'file'}: {error.strerror or error}"
    elif isinstance(error, MemoryError):
        text = "there is not enough memory for this (close other programs)"
    else:
        text = f"{text}; see {_log_defect()}"
    return text, code


def _log_defect() -> Path:
    """Append the traceback of the present exception to the log and return the log's path."""
    path = user_dir() / "logs" / "mammoviewer.log"
    text = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {traceback.format_exc()}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(text)
    except OSError:
        with (
            contextlib.suppress(OSError),
            tempfile.NamedTemporaryFile(
                "w", prefix="mammoviewer-", suffix=".log", delete=False, encoding="utf-8"
            ) as log,
        ):
            log.write(text)
            return Path(log.name)
    return path


def _with_signed_window(argv: Sequence[str]) -> list[str]:
    """Return the arguments with ``--window -100,5`` as one word: argparse takes the minus for an option."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] == "--window" and re.match(r"-[0-9.]", word):
            words[-1] = f"--window={word}"
        else:
            words.append(word)
    return words


def _run_command(argv: Sequence[str], show: Show) -> int:
    parser = argparse.ArgumentParser(prog="mammoviewer")
    subparsers = parser.add_subparsers(dest="command", required=True)
    # Only the module of the command that runs is imported: `mammoviewer info` must not wait for the others.
    module = importlib.import_module(f"mammoviewer.cli.{_MODULES.get(argv[0], argv[0])}")
    module.add_parser(subparsers)
    arguments = parser.parse_args(_with_signed_window(argv))
    arguments.show = show
    return int(module.run(arguments))


def _run_window(argv: Sequence[str], show: Show) -> int:
    parser = argparse.ArgumentParser(
        prog="mammoviewer",
        description="Read mammograms and breast tomosynthesis. Research use only, not for primary diagnosis.",
        epilog="Commands: " + ", ".join(COMMANDS) + ". `mammoviewer COMMAND --help` tells more.",
    )
    parser.add_argument("--version", action="version", version=f"MammoViewer {mammoviewer.__version__}")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders to open in the window")
    add_reading_options(parser)
    arguments = parser.parse_args(argv)
    if arguments.charset is not None:
        require_charset(arguments.charset)
    missing = [path for path in arguments.paths if not path.exists()]
    if missing:
        hint = "" if len(argv) > 1 else f" (commands: {', '.join(COMMANDS)})"
        raise MammoViewerError(f"no such file or folder, nor a command{hint}", path=missing[0])
    return show(
        WindowRequest(tuple(arguments.paths), arguments.pixel_size, arguments.charset, arguments.duke_convention)
    )
