"""The program: the command line, which opens the window when it is asked to.

This module alone knows both, so that neither ``cli`` nor ``gui`` imports the other.
"""

from __future__ import annotations

import sys

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.cli.display import display_problem
from mammoviewer.cli.main import run
from mammoviewer.session.window_request import WindowRequest


def _show(request: WindowRequest) -> int:
    problem = display_problem()
    if problem:
        raise MammoViewerError(problem, hint="the commands work without one: mammoviewer info, render, predict, ...")
    from mammoviewer.gui.app import show_window

    return show_window(request)


def main() -> int:
    """Run the program with the arguments of the process and return its exit code."""
    return run(sys.argv[1:], show=_show)


if __name__ == "__main__":
    sys.exit(main())
