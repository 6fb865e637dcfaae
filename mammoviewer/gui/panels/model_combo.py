"""The classifier in force, by title."""

from __future__ import annotations

from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import CalmCombo
from mammoviewer.inference.registry import DEFAULT_MODEL
from mammoviewer.session.workspace import Workspace


class ModelCombo(CalmCombo):
    """All sound models of the registry; the choice lives in ``desk.model``."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.setAccessibleName("Model")
        self.setPlaceholderText("No model installed")
        self.activated.connect(lambda: setattr(workspace.desk, "model", self.currentData()))
        bind(self, workspace.desk.events.model, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Read the registry and the choice again."""
        models = self._workspace.registry.models
        titles = [model.title for model in models]
        choices = [
            (model.title if titles.count(model.title) == 1 else f"{model.title} ({model.tag})", model.identity)
            for model in models
        ]
        self.show_choices(choices, self._workspace.desk.model)
        self.setEnabled(bool(models))
        chosen = next((model for model in models if model.identity == self._workspace.desk.model), None)
        self.setToolTip(f"{chosen.title}\n{chosen.identity}" if chosen else "")


def choose_first_model(workspace: Workspace) -> None:
    """Choose a model when none is chosen, or when the chosen one is gone: a bundled one before the reader's own."""
    models = workspace.registry.models
    if workspace.desk.model in [model.identity for model in models]:
        return
    bundled = [model for model in models if model.folder.parent == bundled_models_dir()]
    usual = [model for model in bundled if model.name == DEFAULT_MODEL]
    first = next(iter((*usual, *bundled, *models)), None)
    workspace.desk.model = first.identity if first is not None else ""
