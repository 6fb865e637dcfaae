"""The rail on the left: every image of the study, small; a click shows one alone."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QAbstractButton, QFrame, QVBoxLayout, QWidget

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import clear_layout, scrolling
from mammoviewer.gui.theme import color
from mammoviewer.gui.thumbnails import Thumbnails
from mammoviewer.session.hanging import KIND_TITLES
from mammoviewer.session.workspace import Workspace

WIDTH = 112
_BADGES = {ImageKind.TOMO: "DBT", ImageKind.SYNTHETIC_2D: "S-2D", ImageKind.MAMMOGRAM_RAW: "RAW"}
_LINE = 18


class ThumbnailButton(QAbstractButton):
    """One image of the rail: picture, view, kind; framed while it is the active one."""

    def __init__(self, image: Image) -> None:
        super().__init__()
        attributes = image.attributes
        self.image = image
        self._pixmap: QPixmap | None = None
        self._badge = _BADGES.get(attributes.kind, "")
        name = attributes.view.label or attributes.SeriesDescription or attributes.path.stem
        self.setText(name)
        self.setAccessibleName(f"{KIND_TITLES[attributes.kind]} {name}")
        frames = f", {attributes.frames} slices" if attributes.frames > 1 else ""
        self.setToolTip(f"{KIND_TITLES[attributes.kind]} {name}{frames}\nClick: show alone")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """Return the size of one entry of the rail."""
        return QSize(WIDTH - 22, 104 + _LINE)

    def show_pixmap(self, pixmap: QPixmap) -> None:
        """Show the picture."""
        self._pixmap = pixmap
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw picture, caption and frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        picture = self.rect().adjusted(1, 1, -1, -_LINE - 1)
        painter.fillRect(picture, Qt.GlobalColor.black)
        if self._pixmap is not None:
            size = self._pixmap.size().scaled(picture.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(picture.topLeft(), size)
            place.moveCenter(picture.center())
            painter.drawPixmap(place, self._pixmap)
        self._draw_frame(painter, picture)
        caption = QRect(1, picture.bottom() + 2, self.width() - 2, _LINE)
        painter.setPen(color("bright" if self.isChecked() else "text"))
        flags = Qt.AlignmentFlag.AlignVCenter
        metrics = self.fontMetrics()
        room = caption.width() - (metrics.horizontalAdvance(self._badge) + 8 if self._badge else 0)
        name = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        painter.drawText(caption, flags | Qt.AlignmentFlag.AlignLeft, name)
        painter.setPen(color("dim"))
        painter.drawText(caption, flags | Qt.AlignmentFlag.AlignRight, self._badge)
        painter.end()

    def _draw_frame(self, painter: QPainter, picture: QRect) -> None:
        strong = self.isChecked() or self.hasFocus()
        name = "accent" if strong else "line_hover" if self.underMouse() else "line"
        painter.setPen(QPen(color(name), 1.5 if strong else 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(picture)


def _as_hung(workspace: Workspace) -> list[Image]:
    """Return the images of the study in the order in which its stages show them."""
    if workspace.study is None:
        return []
    cells = [cell for stage in workspace.stages for cell in stage.cells]
    first = {cell: cells.index(cell) for cell in cells}
    return sorted(workspace.study.images, key=lambda image: first.get(image.attributes.identity, len(cells)))


class ThumbnailRail(QFrame):
    """All images of the open study, in its order."""

    def __init__(self, workspace: Workspace, active: ActiveView, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.setObjectName("thumbnailRail")
        self.setFixedWidth(WIDTH)
        self._workspace = workspace
        self._active = active
        self._thumbnails = thumbnails
        self._buttons: dict[str, ThumbnailButton] = {}
        self._column = QVBoxLayout()
        self._column.setSpacing(10)
        area = scrolling([self._column, None])
        inside = area.widget()
        assert inside is not None
        body = inside.layout()
        assert body is not None
        body.setContentsMargins(10, 10, 6, 10)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 1, 0)
        layout.addWidget(area)
        bind(self, workspace.studies_changed, self._fill)
        active.switched.connect(self._mark)
        thumbnails.ready.connect(self._show_picture)
        self._fill()

    @property
    def buttons(self) -> tuple[QWidget, ...]:
        """Return the entries in order."""
        return tuple(self._buttons.values())

    def _fill(self) -> None:
        images = _as_hung(self._workspace)
        if list(self._buttons) == [image.attributes.identity for image in images]:
            for identity in self._buttons:
                self._show_picture(identity)
            return
        clear_layout(self._column)
        self._buttons = {}
        for image in images:
            entry = ThumbnailButton(image)
            entry.clicked.connect(lambda _, identity=image.attributes.identity: self._show_alone(identity))
            self._buttons[image.attributes.identity] = entry
            self._column.addWidget(entry)
            pixmap = self._thumbnails.pixmap(image)
            if pixmap is not None:
                entry.show_pixmap(pixmap)
        self._mark()

    def _show_alone(self, identity: str) -> None:
        self._workspace.desk.active_identity = identity
        self._workspace.show_single(identity)
        self._mark()

    def _show_picture(self, identity: str) -> None:
        entry = self._buttons.get(identity)
        if entry is not None:
            pixmap = self._thumbnails.pixmap(entry.image)
            if pixmap is not None:
                entry.show_pixmap(pixmap)

    def _mark(self) -> None:
        state = self._active.state
        for identity, entry in self._buttons.items():
            entry.setChecked(state is not None and state.image.attributes.identity == identity)
