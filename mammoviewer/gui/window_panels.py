"""Which panels stand on the right of the window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.panels.ai_panel import AiPanel
from mammoviewer.gui.panels.details_panel import DetailsPanel
from mammoviewer.gui.panels.filters_panel import FiltersPanel
from mammoviewer.gui.panels.findings_panel import FindingsPanel
from mammoviewer.gui.panels.side_panels import SidePanels
from mammoviewer.session.workspace import Workspace


def window_panels(workspace: Workspace, active: ActiveView, train: Callable[[], QWidget]) -> SidePanels:
    """Return the panels; ``train`` makes the one that retrains."""
    return SidePanels(
        [
            ("Findings", "Findings (Ctrl+1)", lambda: FindingsPanel(workspace)),
            ("AI", "Classifier, heatmap, explanations (Ctrl+2)", lambda: AiPanel(workspace, active)),
            ("Filters", "Window and filters (Ctrl+3)", lambda: FiltersPanel(workspace, active)),
            ("Train", "Retrain from your regions (Ctrl+4)", train),
            ("Details", "Facts and header of the image (Ctrl+5)", lambda: DetailsPanel(workspace, active)),
        ]
    )
