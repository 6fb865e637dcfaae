"""How scores are explained: the method, what is left out, and the whole image at once."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from mammoviewer.base.errors import ModelError
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.canvas.model_output import fitting_methods
from mammoviewer.gui.model_actions import explain_image
from mammoviewer.gui.panels.parts import CalmCombo, button, column, label, row, section
from mammoviewer.inference.cam_methods import TITLES
from mammoviewer.session.workspace import Workspace


class ExplainCard(QWidget):
    """Bound to the desk; offers the methods that the files of the chosen model allow."""

    def __init__(self, workspace: Workspace, active: ActiveView) -> None:
        super().__init__()
        self._workspace, self._active = workspace, active
        self._method = CalmCombo()
        self._method.setAccessibleName("Method of explanation")
        self._method.activated.connect(self._choose)
        self._above = QCheckBox("Only above mean + 1 SD")
        self._above.setToolTip("Leave out the weaker parts of a map: all below its mean plus one standard deviation")
        self._above.clicked.connect(lambda checked: setattr(workspace.desk, "cam_above_noise", checked))
        self._image = button("Explain the whole image", lambda: explain_image(workspace), icon_name="cam")
        self._image.setToolTip("Shift+G; with the method and the setting above")
        hint = label("Alt + click, or G over a place, explains the patch under the cursor.", "dim", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        method = row([label("Method", "dim"), self._method])
        layout.addWidget(section("Explain", column([method, self._above, self._image, hint])))
        desk = workspace.desk.events
        for signal in (desk.model, desk.cam_method, desk.cam_above_noise):
            bind(self, signal, self._refresh)
        active.switched.connect(self._refresh)
        self._refresh()

    def _choose(self) -> None:
        self._workspace.desk.cam_method = str(self._method.currentData())

    def _refresh(self) -> None:
        desk = self._workspace.desk
        methods: tuple[str, ...] = ()
        try:
            manifest = self._workspace.registry.get(desk.model)
        except ModelError:
            own = ""
        else:
            methods, own = fitting_methods(manifest), TITLES[manifest.cam.method]
        self._method.clear()
        self._method.addItem(f"The model's own ({own})" if own else "The model's own", "")
        for name in methods:
            self._method.addItem(TITLES[name], name)
        self._method.setCurrentIndex(max(0, self._method.findData(desk.cam_method)))
        self._above.setChecked(desk.cam_above_noise)
        usable = bool(methods) and self._active.state is not None
        self._method.setEnabled(bool(methods))
        self._image.setEnabled(usable)
