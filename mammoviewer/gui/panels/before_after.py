"""Old and new model on the same image, one key press apart, and what of the image the new one has learnt from."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.bridge import bind
from mammoviewer.gui.model_actions import show_heatmap
from mammoviewer.gui.navigation import show_place
from mammoviewer.gui.panels.parts import Segments, button, label
from mammoviewer.session.workspace import Workspace

BEFORE, AFTER = "before", "after"


class BeforeAfter(QWidget):
    """Switches the heatmap of the active image between two models; the one chosen is the model in force meanwhile."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._models = {BEFORE: "", AFTER: ""}
        self._learnt: Mapping[str, int] = {}
        self._which = Segments([("Before", BEFORE), ("After", AFTER)])
        self._which.chosen.connect(self.look)
        self.about = label("", "quiet", wrap=True)
        self.next = button(
            "Next held-out image", self.show_held_out, tip="An open image of which no region was learnt from"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(label("Heatmap of the active image", "dim"))
        layout.addWidget(self._which)
        layout.addWidget(self.about)
        layout.addWidget(self.next)
        bind(self, workspace.desk.events.model, self._refresh)
        bind(self, workspace.desk.events.active_identity, self._refresh)

    @property
    def held_out(self) -> tuple[str, ...]:
        """Return the open images of which nothing was learnt from."""
        names = (image.attributes.identity for image in self._workspace.images)
        return tuple(name for name in names if not self._learnt.get(name))

    def offer(self, before: str, after: str, learnt: Mapping[str, int]) -> None:
        """Compare these two models, by identity, from now on.

        Parameters
        ----------
        learnt
            How many regions of each image the second one learnt from.
        """
        self._models, self._learnt = {BEFORE: before, AFTER: after}, learnt
        self._refresh()

    def look(self, side: str) -> None:
        """Show the heatmap of ``BEFORE`` or ``AFTER``; it is made in the background where it is not there yet."""
        self._workspace.desk.model = self._models[side]
        show_heatmap(self._workspace)
        self._refresh()

    def show_held_out(self) -> None:
        """Go to the next open image of which nothing was learnt from, and show its heatmap."""
        names = self.held_out
        if not names:
            return
        active = self._workspace.desk.active_identity
        identity = names[(names.index(active) + 1) % len(names)] if active in names else names[0]
        state = self._workspace.state(identity)
        shown = show_place(self._workspace, identity, state.frame, state.centre)
        if shown is not None:
            show_heatmap(self._workspace)
        self._refresh()

    def _refresh(self) -> None:
        workspace = self._workspace
        side = next((side for side, model in self._models.items() if model == workspace.desk.model), None)
        if side is not None:
            self._which.show_choice(side)
        count = self._learnt.get(workspace.desk.active_identity, 0)
        regions = "1 region of this image was" if count == 1 else f"{count} regions of this image were"
        self.about.setText(f"{regions} learnt from." if count else "Held out: nothing of this image was learnt from.")
        self.next.setEnabled(bool(self.held_out))
