"""The rail on the left: every image of the study, small; a click shows one alone."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QDrag, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QAbstractButton, QApplication, QFrame, QVBoxLayout, QWidget

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.canvas.viewport import IMAGE_MIME
from mammoviewer.gui.panels.parts import clear_layout, label, scrolling
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
        self._pressed = QPoint()
        self._badge = _BADGES.get(attributes.kind, "")
        name = attributes.view.label or attributes.SeriesDescription or attributes.path.stem
        self.setText(name)
        self.setAccessibleName(f"{KIND_TITLES[attributes.kind]} {name}")
        frames = f", {attributes.frames} slices" if attributes.frames > 1 else ""
        self.setToolTip(f"{KIND_TITLES[attributes.kind]} {name}{frames}\nClick: show alone. Drag: show in a viewport")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Remember where a drag may begin."""
        self._pressed = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin to drag the image once the mouse has gone far enough."""
        far = (event.position().toPoint() - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        if not (event.buttons() & Qt.MouseButton.LeftButton and far):
            return
        self.setDown(False)
        carried = QMimeData()
        carried.setData(IMAGE_MIME, self.image.attributes.identity.encode())
        drag = QDrag(self)
        drag.setMimeData(carried)
        if self._pixmap is not None:
            drag.setPixmap(self._pixmap.scaledToHeight(80, Qt.TransformationMode.SmoothTransformation))
        drag.exec(Qt.DropAction.CopyAction)

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


def _sections(workspace: Workspace) -> list[tuple[str, list[Image]]]:
    """Return headings and images: as the stages show them, then what the protocol does not place, then the prior."""
    if workspace.study is None:
        return []
    stages = [stage for stage in workspace.stages if not stage.overflow]
    cells = [cell for stage in stages for cell in stage.cells]
    first = {cell: cells.index(cell) for cell in cells}
    placed = [image for image in workspace.study.images if image.attributes.identity in first]
    placed.sort(key=lambda image: first[image.attributes.identity])
    rest = [image for image in workspace.study.images if image.attributes.identity not in first]
    found = [("", placed), ("Not in protocol" if placed else "", rest)]
    prior = workspace.hung.prior
    if prior is not None:
        found.append((f"Prior {prior.date}", list(prior.images)))
    return [(heading, images) for heading, images in found if images]


class ThumbnailRail(QFrame):
    """All images of the open study and its prior; drag one onto a viewport to hang it there."""

    def __init__(self, workspace: Workspace, active: ActiveView, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.setObjectName("thumbnailRail")
        self.setFixedWidth(WIDTH)
        self._workspace = workspace
        self._active = active
        self._thumbnails = thumbnails
        self._buttons: dict[str, ThumbnailButton] = {}
        self._shown: list[tuple[str, list[str]]] = []
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
        bind(self, workspace.facts_changed, self._show_pictures)
        active.switched.connect(self._mark)
        thumbnails.ready.connect(self._show_picture)
        self._fill()

    @property
    def buttons(self) -> tuple[QWidget, ...]:
        """Return the entries in order."""
        return tuple(self._buttons.values())

    def _fill(self) -> None:
        sections = _sections(self._workspace)
        shown = [(heading, [image.attributes.identity for image in images]) for heading, images in sections]
        if shown == self._shown:
            self._show_pictures()
            return
        clear_layout(self._column)
        self._buttons, self._shown = {}, shown
        for heading, images in sections:
            if heading:
                self._column.addWidget(label(heading.upper(), "section", wrap=True))
            self._add(images)
        self._mark()

    def _add(self, images: list[Image]) -> None:
        for image in images:
            entry = ThumbnailButton(image)
            entry.clicked.connect(lambda _, identity=image.attributes.identity: self._show_alone(identity))
            self._buttons[image.attributes.identity] = entry
            self._column.addWidget(entry)
            pixmap = self._thumbnails.pixmap(image)
            if pixmap is not None:
                entry.show_pixmap(pixmap)

    def _show_alone(self, identity: str) -> None:
        self._workspace.desk.active_identity = identity
        self._workspace.show_single(identity)
        self._mark()

    def _show_pictures(self) -> None:
        """Show all again: one that hangs another way by now has another picture."""
        for identity in self._buttons:
            self._show_picture(identity)

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
