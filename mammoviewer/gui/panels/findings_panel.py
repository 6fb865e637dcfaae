"""Findings of the study: what a new region is called, the list, and what the reader says about the chosen one."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPixmapCache
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QToolButton, QVBoxLayout, QWidget

from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.canvas.roi_layer import label_colour
from mammoviewer.gui.navigation import chosen_here, delete_chosen, findings_of_study, redo, show_finding, undo
from mammoviewer.gui.panels.class_combo import ClassCombo
from mammoviewer.gui.panels.density_fields import DensityFields
from mammoviewer.gui.panels.finding_editor import FindingEditor
from mammoviewer.gui.panels.parts import column, divider, icon_button, label, row, scrolling, section
from mammoviewer.gui.theme import color
from mammoviewer.session.blind import seen_of_readers
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

_SHAPES = (
    (Tool.RECTANGLE, "Rectangle (R)"),
    (Tool.ELLIPSE, "Ellipse (E)"),
    (Tool.POLYGON, "Polygon (P)"),
    (Tool.FREEHAND, "Freehand (D)"),
    (Tool.POINT, "Point (X)"),
    (Tool.BRUSH, "Brush (B); Shift erases; , and . with Shift change its size"),
    (Tool.GROW, "Grow a region from a point (Shift+R)"),
    (Tool.SPECKS, "Pick microcalcifications one by one (Shift+X)"),
)


class FindingsPanel(QWidget):
    """The list of findings with everything that is done to them."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._label = ClassCombo(workspace)
        self._label.chosen.connect(lambda text: setattr(workspace.desk, "label", text))
        self._shapes = {tool: self._shape_button(tool, tip) for tool, tip in _SHAPES}
        self._list = QListWidget()
        self._list.setAccessibleName("Findings")
        self._list.setIconSize(QSize(12, 12))
        self._list.setMinimumHeight(150)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.itemClicked.connect(self._go_to)
        self._list.itemActivated.connect(self._go_to)
        self._count = label("", "dim")
        self._empty = label(
            "No findings yet. Choose a class and a shape above, then drag on the image.", "dim", wrap=True
        )
        self._undo = icon_button("undo", "Undo (Ctrl+Z)", lambda: undo(workspace))
        self._redo = icon_button("redo", "Redo (Ctrl+Shift+Z)", lambda: redo(workspace))
        self._delete = icon_button("trash", "Delete the chosen finding (Delete)", lambda: delete_chosen(workspace))
        shapes = row([*self._shapes.values(), None], spacing=4)
        tools = row([self._count, None, self._undo, self._redo, self._delete], spacing=2)
        self._editor = FindingEditor(workspace)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(
            scrolling(
                [
                    section("New region", self._label, shapes),
                    divider(),
                    # With a parent, or it would be a window until it has one.
                    DensityFields(workspace, self),
                    section("Findings of this study", column([tools, self._empty, self._list])),
                    self._editor,
                    None,
                ],
                self,
            )
        )
        desk = workspace.desk.events
        changed = (workspace.annotations.changed, workspace.measures.changed)
        for signal in (*changed, workspace.stage_changed, workspace.facts_changed, desk.selected_finding, desk.blind):
            bind(self, signal, self._refresh)
        for signal in (workspace.edits.changed, workspace.painting.changed, desk.tool, desk.label):
            bind(self, signal, self._refresh_tools)
        self._refresh()
        self._refresh_tools()

    @property
    def rows(self) -> list[str]:
        """Return the text of each entry of the list."""
        return [self._list.item(i).text() for i in range(self._list.count())]

    def _shape_button(self, tool: Tool, tip: str) -> QToolButton:
        def choose() -> None:
            desk = self._workspace.desk
            desk.tool = Tool.WINDOW if desk.tool is tool else tool
            self._refresh_tools()

        return icon_button(tool.value, tip, choose, checkable=True)

    def _selected(self) -> Finding | None:
        found = chosen_here(self._workspace)
        if found is None:
            return None
        image = self._workspace.state(found.image_uid).image
        return next(iter(seen_of_readers(self._workspace, image, (found,))), None)

    def _go_to(self, entry: QListWidgetItem) -> None:
        finding_id = entry.data(Qt.ItemDataRole.UserRole)
        if finding_id in self._workspace.annotations:
            show_finding(self._workspace, self._workspace.annotations.get(finding_id))

    def _refresh_tools(self) -> None:
        edits = self._workspace.edits
        self._undo.setEnabled(edits.can_undo or bool(self._workspace.painting.pending))
        self._undo.setToolTip(f"Undo: {edits.undo_title} (Ctrl+Z)" if edits.can_undo else "Undo (Ctrl+Z)")
        self._redo.setEnabled(edits.can_redo)
        self._redo.setToolTip(f"Redo: {edits.redo_title} (Ctrl+Shift+Z)" if edits.can_redo else "Redo (Ctrl+Shift+Z)")
        self._label.show_label(self._workspace.desk.label)
        for tool, widget in self._shapes.items():
            widget.setChecked(self._workspace.desk.tool is tool)

    def _refresh(self) -> None:
        findings = findings_of_study(self._workspace)
        self._list.blockSignals(True)
        self._list.clear()
        for finding in findings:
            entry = QListWidgetItem(_swatch(finding), self._describe(finding))
            entry.setData(Qt.ItemDataRole.UserRole, finding.id)
            entry.setToolTip(finding.note)
            self._list.addItem(entry)
            if finding.id == self._workspace.desk.selected_finding:
                self._list.setCurrentItem(entry)
        self._list.blockSignals(False)
        self._list.setVisible(bool(findings))
        self._empty.setVisible(not findings)
        self._count.setText(f"{len(findings)} region{'' if len(findings) == 1 else 's'}" if findings else "")
        chosen = self._selected()
        self._delete.setEnabled(chosen is not None)
        self._editor.show_finding(chosen)

    def _describe(self, finding: Finding) -> str:
        attributes = self._workspace.state(finding.image_uid).image.attributes
        parts = [self._title(finding), attributes.view.label or attributes.path.stem]
        if attributes.frames > 1:
            parts.append(f"slice {finding.frame + 1}")
        if finding.assessment:
            parts.append(f"BI-RADS {finding.assessment}")
        if finding.score is not None:
            parts.append(f"{finding.score:.2f}")
        return "  ·  ".join(parts)

    def _title(self, finding: Finding) -> str:
        if not finding.is_measure:
            return finding.label or "unnamed"
        text = self._workspace.measures.text(finding).split("\n")[0]
        return f"{finding.roi.kind.value.capitalize()} {text}".strip()


def _swatch(finding: Finding) -> QIcon:
    """Return a small line sample: solid for the reader, dashed for an algorithm."""
    dashed = finding.origin == ALGORITHM
    colour = color("measure") if finding.is_measure else label_colour(finding.label)
    key = f"swatch {colour.name(QColor.NameFormat.HexArgb)} {dashed}"
    pixmap = QPixmap(24, 24)
    if not QPixmapCache.find(key, pixmap):
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, 3, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine))
        painter.drawEllipse(4, 4, 16, 16)
        painter.end()
        QPixmapCache.insert(key, pixmap)
    return QIcon(pixmap)
