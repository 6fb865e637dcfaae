"""Opening, exporting, panels, help."""

from __future__ import annotations

from mammoviewer.gui.actions.command import Command

_FILE = (
    Command("file.open", "Open files…", ("Ctrl+O",), lambda desk: desk.window.choose_files()),
    Command("file.open_folder", "Open folder…", ("Ctrl+Shift+O",), lambda desk: desk.window.choose_folder()),
    Command(
        "file.open_duke",
        "Open folder of the Duke BCS-DBT data set…",
        (),
        lambda desk: desk.window.opening.choose_duke_folder(),
    ),
    Command("file.demo", "Open the demo exam", (), lambda desk: desk.window.open_demo()),
    Command(
        "file.pixel_size", "State views and pixel size of pictures…", (), lambda desk: desk.window.ask_pixel_size()
    ),
    Command("file.import", "Import findings…", ("Ctrl+Shift+I",), lambda desk: desk.window.imports.choose()),
    Command("file.export", "Export…", ("Ctrl+E",), lambda desk: desk.window.show_export()),
    Command(
        "file.sidecars", "Save annotations beside images, or no longer", (), lambda desk: desk.window.sidecars.switch()
    ),
    Command(
        "file.deidentify", "Export de-identified copy of this study…", (), lambda desk: desk.window.show_deidentify()
    ),
    Command("file.quit", "Quit", ("Ctrl+Q",), lambda desk: desk.window.close()),
)
_PANELS = (
    Command("panel.findings", "Show findings", ("Ctrl+1",), lambda desk: desk.window.enter_panel("Findings")),
    Command("panel.ai", "Show the AI panel", ("Ctrl+2",), lambda desk: desk.window.enter_panel("AI")),
    Command("panel.filters", "Show window and filters", ("Ctrl+3",), lambda desk: desk.window.enter_panel("Filters")),
    Command("panel.train", "Show training", ("Ctrl+4",), lambda desk: desk.window.enter_panel("Train")),
    Command("train.recipes", "Train by a recipe…", ("Ctrl+Shift+T",), lambda desk: desk.window.recipes.show()),
    Command("panel.details", "Show details of the image", ("Ctrl+5",), lambda desk: desk.window.enter_panel("Details")),
    Command("panel.toggle", "Show or hide the panels", ("F9",), lambda desk: desk.window.toggle_panels()),
)
_HELP = (
    Command("help.palette", "Find a command", ("Ctrl+K",), lambda desk: desk.window.show_palette()),
    Command("help.keys", "Keys", ("?", "F1"), lambda desk: desk.window.show_keys()),
    Command("help.edit_keys", "Change keys and mouse…", ("Ctrl+,",), lambda desk: desk.window.keys.edit()),
    Command("help.log", "Background work and log", (), lambda desk: desk.window.show_log()),
    Command("help.about", "About MammoViewer", (), lambda desk: desk.window.show_about()),
)
FILE_COMMANDS = {"File": _FILE}
PANEL_COMMANDS = {"Panels": _PANELS}
HELP_COMMANDS = {"Help": _HELP}
