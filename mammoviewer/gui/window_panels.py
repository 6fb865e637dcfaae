"""Which panels stand on the right of the window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.panels.side_panels import SidePanels
from mammoviewer.session.workspace import Workspace


def window_panels(workspace: Workspace, active: ActiveView, train: Callable[[], QWidget]) -> SidePanels:
    """Return the panels; ``train`` makes the one that retrains.

    What they are made of is loaded with the first of each: none is seen before an image is.
    """

    def findings(parent: QWidget) -> QWidget:
        from mammoviewer.gui.panels.findings_panel import FindingsPanel

        return FindingsPanel(workspace, parent)

    def ai(parent: QWidget) -> QWidget:
        from mammoviewer.gui.panels.ai_panel import AiPanel

        return AiPanel(workspace, active, parent)

    def filters(parent: QWidget) -> QWidget:
        from mammoviewer.gui.panels.filters_panel import FiltersPanel

        return FiltersPanel(workspace, active, parent)

    def details(parent: QWidget) -> QWidget:
        from mammoviewer.gui.panels.details_panel import DetailsPanel

        return DetailsPanel(workspace, active, parent)

    return SidePanels(
        [
            ("Findings", "Findings (Ctrl+1)", findings),
            ("AI", "Classifier, heatmap, explanations (Ctrl+2)", ai),
            ("Filters", "Window and filters (Ctrl+3)", filters),
            ("Train", "Retrain from your regions (Ctrl+4)", lambda _parent: train()),
            ("Details", "Facts and header of the image (Ctrl+5)", details),
        ]
    )
