"""What commands act on: the workspace, the image area, and the few things only the window can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from PySide6.QtWidgets import QWidget

from mammoviewer.base.notices import Notice
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.flicker import Flicker
from mammoviewer.gui.model_actions import MarkWalk
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace

if TYPE_CHECKING:
    from mammoviewer.gui.actions.key_bindings import KeyBindings
    from mammoviewer.gui.finding_imports import FindingImports
    from mammoviewer.gui.opening import Opening
    from mammoviewer.gui.recipes import Recipes
    from mammoviewer.gui.sidecars import SidecarOffers
    from mammoviewer.gui.studies import Studies


class WindowActs(Protocol):
    """What a command may ask of the window."""

    @property
    def keys(self) -> KeyBindings:
        """The keys in force."""

    @property
    def imports(self) -> FindingImports:
        """Findings of other programs."""

    @property
    def sidecars(self) -> SidecarOffers:
        """Annotations beside images."""

    @property
    def studies(self) -> Studies:
        """The study list."""

    @property
    def opening(self) -> Opening:
        """What opens files."""

    @property
    def recipes(self) -> Recipes:
        """Trainings by recipes."""

    def choose_files(self) -> None:
        """Ask for files and open them."""

    def choose_folder(self) -> None:
        """Ask for a folder and open it."""

    def open_demo(self) -> None:
        """Open the demo exam."""

    def show_export(self) -> None:
        """Ask what to export and do it."""

    def show_deidentify(self) -> None:
        """Ask how to write a de-identified copy of the study and do it."""

    def ask_pixel_size(self) -> None:
        """Ask for the pixel size of images that bring none."""

    def choose_reader(self) -> None:
        """Ask who is reading."""

    def toggle_second_screen(self) -> None:
        """Spread the stage over two screens, or take it back."""

    def show_dialog(self, dialog: QWidget, *, anew: bool = False) -> None:
        """Show a dialog of the window's, or the same one that is open unless it is wanted ``anew``."""

    def offer(self, notice: Notice, words: str, act: Callable[[], object]) -> None:
        """Show a notice with a button that does something about it."""

    def show_palette(self) -> None:
        """Show the command palette."""

    def show_keys(self) -> None:
        """Show the cheat sheet."""

    def show_about(self) -> None:
        """Show what the program is."""

    def show_log(self) -> None:
        """Show what ran in the background."""

    def enter_panel(self, title: str) -> None:
        """Show one of the panels on the right and give it the keyboard."""

    def toggle_panels(self) -> None:
        """Fold the panels on the right away, or bring them back."""

    def close(self) -> bool:
        """Close the window."""


class Desk:
    """Handed to every command."""

    def __init__(self, workspace: Workspace, grid: ViewportGrid, window: WindowActs) -> None:
        self.workspace = workspace
        self.grid = grid
        self.window = window
        self.marks = MarkWalk(workspace)
        self.flicker = Flicker(workspace, grid)

    @property
    def state(self) -> ViewerState | None:
        """Return the active view."""
        return self.workspace.active

    @property
    def viewport(self) -> Viewport | None:
        """Return the active viewport."""
        return self.grid.active


def on_state(act: Callable[[ViewerState], object]) -> Callable[[Desk], None]:
    """Return a handler that does something with the active view, if there is one."""

    def run(desk: Desk) -> None:
        if desk.state is not None:
            act(desk.state)

    return run


def on_viewport(act: Callable[[Viewport], object]) -> Callable[[Desk], None]:
    """Return a handler that does something with the active viewport, if there is one."""

    def run(desk: Desk) -> None:
        if desk.viewport is not None:
            act(desk.viewport)

    return run
